/** An application on a pair of sessions: streams of every kind with known contents, read at any pace, given up at times. */
import type { Stream, StreamUser } from "../../src/session/stream.ts";
import type { Random } from "../sim/random.ts";
import { type SessionPair, type SimulatedSession, Source } from "./pair.ts";

/** What is to become of one direction of a stream. */
interface Plan {
  readonly totalBytes: number;
  /** Reset by the writer after so many bytes. */
  readonly resetAfter: number;
  /** Stopped by the reader after so many bytes. */
  readonly stopAfter: number;
  readonly chunkBytes: number;
  readonly readBytes: number;
  /** The reader pauses for up to so long. */
  readonly pauseMs: number;
}

type Outcome = "all" | "reset" | "stopped";

/** One direction of a stream, from both ends. */
class Transfer {
  readonly plan: Plan;
  readonly #source: Source;
  #written = 0;
  readBytes = 0;
  written: Outcome | undefined;
  read: Outcome | undefined;

  constructor(plan: Plan, seed: number) {
    this.plan = plan;
    this.#source = new Source(seed);
  }

  get isDone(): boolean {
    return this.written !== undefined && this.read !== undefined;
  }

  /** Whether the two ends agree on how it ended. */
  get isConsistent(): boolean {
    if (this.read === "all") return this.readBytes === this.plan.totalBytes;
    return this.read !== "reset" || this.written !== "all";
  }

  write(side: SimulatedSession, stream: Stream): void {
    const { totalBytes, resetAfter, chunkBytes } = this.plan;
    const send = stream.send!;
    const { streams } = side.engine;
    if (send.state !== "open") return;
    while (send.unsentBytes < 20_000 && this.#written < totalBytes && this.#written < resetAfter) {
      const length = Math.min(chunkBytes, totalBytes - this.#written);
      streams.write(stream, this.#source.bytes(this.#written, length));
      this.#written += length;
    }
    if (this.#written >= resetAfter) {
      streams.reset(stream, 77);
      this.written = "reset";
    } else if (this.#written === totalBytes) streams.finish(stream);
  }

  readSome(side: SimulatedSession, stream: Stream): void {
    const receive = stream.receive!;
    const { streams } = side.engine;
    if (receive.state !== "open") return;
    if (receive.readableBytes > 0) {
      const bytes = streams.read(stream, this.plan.readBytes);
      this.#source.check(this.readBytes, bytes);
      this.readBytes += bytes.length;
    }
    if (receive.isAtEnd) {
      if (receive.finalSize === 0 && this.read === undefined) streams.read(stream, 0);
      this.read = "all";
    } else if (this.readBytes >= this.plan.stopAfter) {
      streams.stop(stream, 78);
      this.read = "stopped";
    }
    side.flush();
  }
}

export class Workload {
  readonly #pair: SessionPair;
  readonly #random: Random;
  readonly #seed: number;
  readonly #transfers: Transfer[] = [];
  readonly #byStream = new Map<number, { up: Transfer; down: Transfer }>();
  #toOpen: number;

  constructor(pair: SessionPair, streams: number, seed: number) {
    this.#pair = pair;
    this.#random = pair.random;
    this.#seed = seed;
    this.#toOpen = streams;
    for (const side of [pair.client, pair.server]) {
      side.onincoming = (stream) => {
        stream.isAccepted = true;
        this.#use(side, stream);
      };
    }
  }

  get isDone(): boolean {
    return this.#toOpen === 0 && this.#transfers.every((transfer) => transfer.isDone);
  }

  get isConsistent(): boolean {
    return this.#transfers.every((transfer) => transfer.isConsistent);
  }

  describe(): string {
    const open = this.#transfers.filter((transfer) => !transfer.isDone);
    return JSON.stringify({
      toOpen: this.#toOpen,
      open: open.map(({ plan, written, read, readBytes }) => ({ ...plan, written, read, readBytes })),
    });
  }

  /** Opens what the limits allow. */
  step(): void {
    while (this.#toOpen > 0) {
      const side = this.#random.chance(0.7) ? this.#pair.client : this.#pair.server;
      const sendOrder = this.#random.below(3);
      const stream = side.engine.streams.open(this.#random.chance(0.3), sendOrder);
      if (stream === undefined) break;
      this.#toOpen--;
      this.#use(side, stream);
      this.#transfersOf(side, stream).out.write(side, stream);
    }
    this.#pair.client.flush();
    this.#pair.server.flush();
  }

  #transfersOf(side: SimulatedSession, stream: Stream): { out: Transfer; in: Transfer } {
    let both = this.#byStream.get(stream.id);
    if (both === undefined) {
      const [up, down] = [this.#plan(), this.#plan()].map(
        (plan, i) => new Transfer(plan, this.#seed * 1000 + stream.id * 2 + i),
      ) as [Transfer, Transfer];
      both = { up, down };
      this.#byStream.set(stream.id, both);
      const fromServer = stream.id % 2 === 1;
      if (stream.id % 4 < 2) this.#transfers.push(up, down);
      else this.#transfers.push(fromServer ? down : up);
    }
    return side === this.#pair.client ? { out: both.up, in: both.down } : { out: both.down, in: both.up };
  }

  #plan(): Plan {
    const random = this.#random;
    const totalBytes = random.chance(0.1) ? 0 : random.below(2 ** random.below(18));
    return {
      totalBytes,
      resetAfter: random.chance(0.1) ? random.below(totalBytes + 1) : Number.POSITIVE_INFINITY,
      stopAfter: random.chance(0.1) ? random.below(totalBytes + 1) : Number.POSITIVE_INFINITY,
      chunkBytes: 1 + random.below(2 ** random.below(16)),
      // Not so slowly that the session counts as idle.
      readBytes: Math.ceil(totalBytes / 2000) + random.below(2 ** random.below(16)),
      pauseMs: random.chance(0.5) ? 0 : random.below(30),
    };
  }

  #use(side: SimulatedSession, stream: Stream): void {
    const { out, in: incoming } = this.#transfersOf(side, stream);
    const { clock } = this.#pair;
    let isReading = false;
    const readOn = () => {
      isReading = false;
      if (side.end !== undefined) return;
      incoming.readSome(side, stream);
      const { receive } = stream;
      if (receive!.state === "open" && (receive!.readableBytes > 0 || receive!.isAtEnd)) user.readable();
    };
    const user: StreamUser = {
      readable: () => {
        if (isReading) return;
        isReading = true;
        clock.at(clock.nowMs + this.#random.next() * incoming.plan.pauseMs, readOn);
      },
      writable: () => out.write(side, stream),
      acknowledged: () => {
        out.written = "all";
      },
      reset: (errorCode) => {
        if (errorCode !== 77 && errorCode !== 78) throw new Error(`reset with ${errorCode}`);
        incoming.read = "reset";
      },
      stopped: (errorCode) => {
        if (errorCode !== 78) throw new Error(`stopped with ${errorCode}`);
        out.written = "stopped";
      },
      ended: () => {},
    };
    stream.user = user;
    if (stream.receive !== undefined && stream.receive.readableBytes > 0) user.readable();
    // The other half of a stream that the peer has opened.
    if (stream.send !== undefined && out.plan !== undefined)
      clock.at(clock.nowMs, () => side.end ?? out.write(side, stream));
  }
}
