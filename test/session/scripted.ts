/** An engine whose peer is all in the test's hands: what it sends is written down, and goes nowhere. */
import type { Stream } from "../../src/session/stream.ts";
import { ack, type FrameCall, read } from "./packets.ts";
import { type PairOptions, SessionPair } from "./pair.ts";

export class ScriptedServer {
  readonly pair: SessionPair;
  /** Frames of each packet that it has sent, since this was cleared. */
  readonly packets: FrameCall[][] = [];
  /** Streams that it has accepted. */
  readonly opened: Stream[] = [];

  /** Both sides have the other's parameters, and a second or two has gone by: probes for larger datagrams are over. */
  constructor(options: PairOptions = {}) {
    // Chance leaves out no packet number.
    this.pair = new SessionPair({ ...options, server: { random: () => 0.99, ...options.server } }).ready();
    this.pass(2000);
    const { server } = this.pair;
    server.filter = (packet) => {
      this.packets.push(read(packet).log);
      return false;
    };
    server.onincoming = (each) => {
      server.engine.streams.accept(each);
      this.opened.push(each);
    };
  }

  get engine(): SessionPair["server"]["engine"] {
    return this.pair.server.engine;
  }

  /** The code of the error that it has ended with. */
  get fault(): string | undefined {
    return this.pair.server.end?.error?.code;
  }

  pass(ms: number): void {
    this.pair.clock.run(this.pair.clock.nowMs + ms);
  }

  /** A packet for it. */
  give(...frames: Uint8Array[]): void {
    this.pair.client.inject(frames.flatMap((bytes) => [...bytes]));
  }

  flush(): void {
    this.pair.server.flush();
  }

  /** What it has sent of one kind, without the kind's name; all of it is forgotten. */
  take(name: FrameCall[0]): unknown[][] {
    return this.packets
      .splice(0)
      .flat()
      .filter(([each]) => each === name)
      .map(([, ...values]) => values);
  }

  /** Acknowledges all that it has sent. */
  acknowledge(): void {
    const { sentNumbers, epoch } = this.pair.server;
    const newest = Math.max(...sentNumbers);
    let oldest = newest;
    while (sentNumbers.has(oldest - 1)) oldest--;
    this.give(ack(epoch, oldest, newest));
  }
}
