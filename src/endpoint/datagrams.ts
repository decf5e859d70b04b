/** The datagrams of a session in the shape of WebTransport's WebTransportDatagramDuplexStream. */
import type { Bytes } from "../core/bytes.ts";
import type { OutgoingDatagrams } from "../session/datagram-queue.ts";

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

/** What the streams stand on. */
export interface DatagramSource {
  readonly queue: DatagramQueue;
  readonly maxDatagramSize: number;
  /** Those that wait to be sent, if any do. */
  readonly outgoing: OutgoingDatagrams | undefined;
  /** As `Session.sendDatagram`, but answers false while there is no room. */
  send(datagram: Uint8Array): boolean;
  /** Settles when there is room again. */
  drained(): Promise<void>;
}

export class Datagrams {
  /** Received datagrams. What is not read is dropped, the oldest first, beyond {@link incomingHighWaterMark}. */
  readonly readable: ReadableStream<Bytes>;
  /** Datagrams to send; `write` waits while the carrier is full. */
  readonly writable: WritableStream<Uint8Array>;
  readonly #source: DatagramSource;
  #reader: ReadableStreamDefaultController<Bytes> | undefined;
  #wakeReader: (() => void) | undefined;
  #writer: WritableStreamDefaultController | undefined;

  /** @internal */
  constructor(source: DatagramSource) {
    this.#source = source;
    this.readable = new ReadableStream<Bytes>(
      {
        start: (controller) => {
          this.#reader = controller;
        },
        pull: (controller) => {
          const next = source.queue.shift();
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
      write: async (datagram) => {
        while (!source.send(datagram)) await source.drained();
      },
    });
  }

  /** The largest datagram that can be sent, in bytes. */
  get maxDatagramSize(): number {
    return this.#source.maxDatagramSize;
  }

  /** How many received datagrams wait to be read. */
  get incomingHighWaterMark(): number {
    return this.#source.queue.limit;
  }

  set incomingHighWaterMark(limit: number) {
    if (!(limit >= 1)) throw new RangeError(`not a number of datagrams: ${limit}`);
    this.#source.queue.limit = limit;
  }

  /** For how long a received datagram may wait to be read, in milliseconds; `null` for as long as it takes. */
  get incomingMaxAge(): number | null {
    return finite(this.#source.queue.maxAgeMs);
  }

  set incomingMaxAge(maxAgeMs: number | null) {
    this.#source.queue.maxAgeMs = age(maxAgeMs);
  }

  /** How many datagrams wait to be sent while the path allows no more; the oldest is dropped for one too many. */
  get outgoingHighWaterMark(): number {
    return this.#source.outgoing?.limit ?? 1;
  }

  set outgoingHighWaterMark(limit: number) {
    if (!(limit >= 1)) throw new RangeError(`not a number of datagrams: ${limit}`);
    if (this.#source.outgoing !== undefined) this.#source.outgoing.limit = limit;
  }

  /** For how long a datagram may wait to be sent, in milliseconds; `null` for as long as it takes. */
  get outgoingMaxAge(): number | null {
    return finite(this.#source.outgoing?.maxAgeMs ?? Number.POSITIVE_INFINITY);
  }

  set outgoingMaxAge(maxAgeMs: number | null) {
    const value = age(maxAgeMs);
    if (this.#source.outgoing !== undefined) this.#source.outgoing.maxAgeMs = value;
  }

  /** @internal There is something in the queue. */
  wake(): void {
    const wake = this.#wakeReader;
    if (wake === undefined || this.#reader === undefined) return;
    const next = this.#source.queue.shift();
    if (next === undefined) return;
    this.#wakeReader = undefined;
    this.#reader.enqueue(next);
    wake();
  }

  /** @internal The session has ended. */
  end(error: Error | undefined): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    if (error === undefined) this.#reader?.close();
    else this.#reader?.error(error);
    this.#reader = undefined;
    wake?.();
    this.#writer?.error(error ?? new TypeError("the session is closed"));
  }
}

/** W3C WebTransport's `null` is no limit. */
function age(maxAgeMs: number | null): number {
  if (maxAgeMs === null) return Number.POSITIVE_INFINITY;
  if (!(maxAgeMs >= 0)) throw new RangeError(`not an age: ${maxAgeMs}`);
  return maxAgeMs;
}

function finite(ms: number): number | null {
  return ms === Number.POSITIVE_INFINITY ? null : ms;
}
