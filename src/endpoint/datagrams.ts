/** The datagrams of a session in the shape of WebTransport's WebTransportDatagramDuplexStream. */

import { type Bytes, bytesOf } from "../core/bytes.ts";
import type { IterableStream } from "../runtime-types.ts";
import type { DatagramOutcome } from "../session/datagram-queue.ts";

/** Datagrams that wait for a reader; beyond so many, or for too long, the oldest is dropped. */
export class DatagramQueue {
  /** How long a datagram may wait, in milliseconds. */
  maxAgeMs: number = Number.POSITIVE_INFINITY;
  #limit: number;
  readonly #now: () => number;
  readonly #items: { readonly datagram: Bytes; readonly atMs: number }[] = [];
  #dropped = 0;
  #expired = 0;

  /** @param now milliseconds on a clock that never runs backwards */
  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Datagrams dropped because nobody read them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Datagrams dropped because nobody read them soon enough. */
  get expired(): number {
    return this.#expired;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#trim();
  }

  push(datagram: Bytes): void {
    this.#items.push({ datagram, atMs: this.#now() });
    this.#trim();
  }

  #trim(): void {
    while (this.#items.length > this.#limit) {
      this.#items.shift();
      this.#dropped++;
    }
  }

  shift(): Bytes | undefined {
    if (this.#items.length === 0) return undefined;
    const leastMs = this.#now() - this.maxAgeMs;
    for (let next = this.#items.shift(); next !== undefined; next = this.#items.shift()) {
      if (next.atMs >= leastMs) return next.datagram;
      this.#expired++;
    }
    return undefined;
  }

  clear(): void {
    this.#items.length = 0;
  }
}

/** Datagrams that wait to be sent: how many may, and for how long. */
export interface Waiting {
  limit: number;
  maxAgeMs: number;
  /** Settles when there is room again, or there will be none any more. */
  drained(): Promise<void>;
}

/** What of a session its datagrams' streams stand on. */
export interface DatagramSource {
  readonly maxDatagramSize: number;
  /** Sends it, if there is room; one that is refused is dropped and counted. */
  offer(datagram: Uint8Array): DatagramOutcome;
}

/** A session's datagrams as streams, as WebTransportDatagramDuplexStream: unreliable, whole, in no order. */
export class Datagrams {
  /** Received datagrams. What is not read is dropped, the oldest first, beyond {@link incomingHighWaterMark}. */
  readonly readable: IterableStream<Bytes>;
  /**
   * Datagrams to send; `write` waits while there is no room. One that is too large, or has become too large while it
   * waited, is dropped and counted.
   */
  readonly writable: WritableStream<Uint8Array>;
  readonly #source: DatagramSource;
  readonly #queue: DatagramQueue;
  readonly #waiting: Waiting;
  #reader: ReadableStreamDefaultController<Bytes> | undefined;
  #wakeReader: (() => void) | undefined;
  #writer: WritableStreamDefaultController | undefined;

  /** @internal */
  constructor(source: DatagramSource, queue: DatagramQueue, waiting: Waiting) {
    this.#source = source;
    this.#queue = queue;
    this.#waiting = waiting;
    this.readable = new ReadableStream<Bytes>(
      {
        start: (controller) => {
          this.#reader = controller;
        },
        pull: (controller) => {
          const next = queue.shift();
          if (next !== undefined) {
            controller.enqueue(next);
            return undefined;
          }
          return new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        },
        cancel: () => {
          this.#reader = undefined;
          this.#wakeReader = undefined;
        },
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
      },
      write: async (chunk) => {
        const datagram = bytesOf(chunk, "a datagram");
        // One that is too large: "return a promise resolved with undefined".
        while (source.offer(datagram) === "full") await waiting.drained();
      },
    });
  }

  /** The largest datagram that can be sent, in bytes. */
  get maxDatagramSize(): number {
    return this.#source.maxDatagramSize;
  }

  /** How many received datagrams wait to be read. */
  get incomingHighWaterMark(): number {
    return this.#queue.limit;
  }

  set incomingHighWaterMark(limit: number) {
    this.#queue.limit = Math.max(1, atLeast(0, limit));
  }

  /** For how long a received datagram may wait to be read, in milliseconds; `null` for as long as it takes. */
  get incomingMaxAge(): number | null {
    return orNull(this.#queue.maxAgeMs);
  }

  set incomingMaxAge(maxAgeMs: number | null) {
    this.#queue.maxAgeMs = age(maxAgeMs);
  }

  /** How many datagrams may wait to be sent while the path allows no more; then there is no room for others. */
  get outgoingHighWaterMark(): number {
    return this.#waiting.limit;
  }

  set outgoingHighWaterMark(limit: number) {
    this.#waiting.limit = Math.max(1, atLeast(0, limit));
  }

  /** For how long a datagram may wait to be sent, in milliseconds; `null` for as long as it takes. */
  get outgoingMaxAge(): number | null {
    return orNull(this.#waiting.maxAgeMs);
  }

  set outgoingMaxAge(maxAgeMs: number | null) {
    this.#waiting.maxAgeMs = age(maxAgeMs);
  }

  /** @internal There is something in the queue. */
  wake(): void {
    const wake = this.#wakeReader;
    if (wake === undefined || this.#reader === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#wakeReader = undefined;
    this.#reader.enqueue(next);
    wake();
  }

  /** @internal The session has ended: what has arrived can still be read, and nothing can be written. */
  end(reason: Error): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
        reader.enqueue(next);
      reader.close();
    }
    wake?.();
    this.#writer?.error(reason);
  }
}

/** W3C WebTransport's `null`, and 0, are no limit. */
function age(ms: number | null): number {
  return ms === null || atLeast(0, ms) === 0 ? Number.POSITIVE_INFINITY : ms;
}

function orNull(ms: number): number | null {
  return ms < Number.POSITIVE_INFINITY ? ms : null;
}

function atLeast(least: number, value: number): number {
  if (!(value >= least)) throw new RangeError(`${value} is below ${least}`);
  return value;
}
