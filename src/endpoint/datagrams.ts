/** The datagrams of a session in the shape of WebTransport's WebTransportDatagramDuplexStream. */
import type { Bytes } from "../core/bytes.ts";

/** Datagrams that wait for a reader; beyond so many the oldest is dropped. */
export class DatagramQueue {
  #limit: number;
  readonly #items: Bytes[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Datagrams dropped because nobody read them. */
  get dropped(): number {
    return this.#dropped;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#trim();
  }

  push(datagram: Bytes): void {
    this.#items.push(datagram);
    this.#trim();
  }

  #trim(): void {
    while (this.#items.length > this.#limit) {
      this.#items.shift();
      this.#dropped++;
    }
  }

  shift(): Bytes | undefined {
    return this.#items.shift();
  }

  clear(): void {
    this.#items.length = 0;
  }
}

/** What the streams stand on. */
export interface DatagramSource {
  readonly queue: DatagramQueue;
  readonly maxDatagramSize: number;
  /** As `Session.sendDatagram`. */
  send(datagram: Uint8Array): boolean;
  /** Settles when the carrier has room again. */
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

  /** @internal There is something in the queue. */
  wake(): void {
    const wake = this.#wakeReader;
    if (wake === undefined || this.#reader === undefined) return;
    this.#wakeReader = undefined;
    this.#reader.enqueue(this.#source.queue.shift()!);
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
