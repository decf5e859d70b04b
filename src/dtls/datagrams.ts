/** Packs records into datagrams no larger than the path takes (RFC 9147 §4.3 and §4.4). */
import type { Bytes } from "../core/bytes.ts";
import type { Awaitable, ContentType } from "../core/index.ts";
import { FRAGMENT_HEADER } from "./fragment.ts";
import type { RecordLayer } from "./record-layer.ts";

/** Where datagrams go. */
export interface DatagramSink {
  /** Whether a datagram of so many bytes may be sent now; one that may not is dropped. */
  admit(bytes: number): boolean;
  transmit(datagram: Bytes): void;
  /** Once an asynchronous AEAD has sealed all of its records. */
  transmitLater(sealing: Promise<Bytes>): void;
}

/**
 * Collects records until {@link flush}. Each datagram that is admitted goes to its sink when it is full.
 */
export class DatagramPacker {
  readonly #records: RecordLayer;
  readonly #mtuBytes: number;
  readonly #sink: DatagramSink;
  #datagram: Bytes | undefined;
  #length = 0;
  #sealing: Promise<number>[] = [];
  #whenSent: (() => void)[] = [];
  #isRefused = false;

  constructor(records: RecordLayer, mtuBytes: number, sink: DatagramSink) {
    this.#records = records;
    this.#mtuBytes = mtuBytes;
    this.#sink = sink;
  }

  /** Whether a datagram was not admitted. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Bytes of content that the next record of this epoch may have, in a new datagram if this one is full. */
  room(epoch: number): number {
    const overhead = this.#records.overhead(epoch);
    const left = this.#mtuBytes - this.#length - overhead;
    if (left > FRAGMENT_HEADER) return left;
    this.flush();
    return this.#mtuBytes - overhead;
  }

  /**
   * Adds a record, in a new datagram if it does not fit.
   * @param whenSent called when its datagram is admitted, which may be at the next {@link flush}
   */
  add(
    epoch: number,
    type: ContentType,
    content: Uint8Array,
    whenSent?: (sequenceNumber: number) => void,
  ): void {
    const length = this.#records.overhead(epoch) + content.length;
    if (this.#length > 0 && this.#length + length > this.#mtuBytes) this.flush();
    this.#datagram ??= new Uint8Array(Math.max(this.#mtuBytes, length));
    const sequenceNumber = this.#records.nextSequenceNumber(epoch);
    const sealed: Awaitable<number> = this.#records.seal(
      epoch,
      type,
      content,
      0,
      this.#datagram,
      this.#length,
    );
    if (sealed instanceof Promise) this.#sealing.push(sealed);
    if (whenSent !== undefined) this.#whenSent.push(() => whenSent(sequenceNumber));
    this.#length += length;
  }

  flush(): void {
    if (this.#datagram === undefined) return;
    const datagram = this.#datagram.subarray(0, this.#length);
    const sealing = this.#sealing;
    const whenSent = this.#whenSent;
    this.#datagram = undefined;
    this.#length = 0;
    this.#sealing = [];
    this.#whenSent = [];
    if (!this.#sink.admit(datagram.length)) {
      this.#isRefused = true;
      return;
    }
    for (const sent of whenSent) sent();
    if (sealing.length === 0) this.#sink.transmit(datagram);
    else this.#sink.transmitLater(Promise.all(sealing).then(() => datagram));
  }
}
