/** Datagrams in both directions of a pair: each arrives once or never, as it was, and its fate is told once. */
import type { SessionPair, SimulatedSession } from "./pair.ts";

interface Sent {
  readonly bytes: Uint8Array;
  fates: boolean[];
  arrivals: number;
}

export class DatagramTraffic {
  readonly #sent = new Map<SimulatedSession, Map<number, Sent>>();

  constructor(pair: SessionPair) {
    for (const side of [pair.client, pair.server]) {
      const sent = new Map<number, Sent>();
      this.#sent.set(side, sent);
      side.peer.ondatagram = (datagram) => {
        const number = new DataView(datagram.buffer).getUint32(0);
        const { bytes } = sent.get(number)!;
        sent.get(number)!.arrivals++;
        if (Buffer.compare(bytes, datagram) !== 0) throw new Error(`datagram ${number} has changed`);
      };
    }
  }

  /** Sends one of about that many bytes. */
  send(side: SimulatedSession, length: number): void {
    const { maxDatagramSize } = side.engine;
    if (side.engine.isOver || maxDatagramSize < 4) return;
    const sent = this.#sent.get(side)!;
    const bytes = new Uint8Array(Math.min(4 + length, maxDatagramSize)).map((_, i) => i ^ sent.size);
    new DataView(bytes.buffer).setUint32(0, sent.size);
    const each: Sent = { bytes, fates: [], arrivals: 0 };
    sent.set(sent.size, each);
    side.engine.sendDatagram(bytes, (hasArrived) => each.fates.push(hasArrived));
    side.flush();
  }

  get #all(): Sent[] {
    return [...this.#sent.values()].flatMap((sent) => [...sent.values()]);
  }

  /** Whether what became of all of them is known. */
  get isSettled(): boolean {
    return this.#all.every(({ fates }) => fates.length > 0);
  }

  /** Those of which something is not as it has to be. */
  get wrong(): unknown[] {
    return this.#all
      .filter(
        ({ fates, arrivals }) => fates.length > 1 || arrivals > 1 || (fates[0] === true && arrivals === 0),
      )
      .map(({ fates, arrivals }) => ({ fates, arrivals }));
  }
}
