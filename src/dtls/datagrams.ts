/** Packs records into datagrams no larger than the path takes (RFC 9147 §4.3 and §4.4). */
import type { Bytes } from "../core/bytes.ts";
import type { Awaitable, ContentType } from "../core/index.ts";
import { FRAGMENT_HEADER } from "./fragment.ts";
import type { RecordLayer } from "./record-layer.ts";

/**
 * Collects records until {@link flush}. Each datagram goes to `transmit` when it is complete: at once, or once an
 * asynchronous AEAD has sealed all of its records.
 */
export class DatagramPacker {
  readonly #records: RecordLayer;
  readonly #mtuBytes: number;
  readonly #transmit: (datagram: Bytes) => void;
  #datagram: Bytes | undefined;
  #length = 0;
  #sealing: Promise<number>[] = [];

  constructor(records: RecordLayer, mtuBytes: number, transmit: (datagram: Bytes) => void) {
    this.#records = records;
    this.#mtuBytes = mtuBytes;
    this.#transmit = transmit;
  }

  /** Bytes of content that the next record of this epoch may have, in a new datagram if this one is full. */
  room(epoch: number): number {
    const overhead = this.#records.overhead(epoch);
    const left = this.#mtuBytes - this.#length - overhead;
    if (left > FRAGMENT_HEADER) return left;
    this.flush();
    return this.#mtuBytes - overhead;
  }

  /** Adds a record, in a new datagram if it does not fit, and answers its sequence number. */
  add(epoch: number, type: ContentType, content: Uint8Array, padding = 0): number {
    const length = this.#records.overhead(epoch) + content.length + padding;
    if (this.#length > 0 && this.#length + length > this.#mtuBytes) this.flush();
    this.#datagram ??= new Uint8Array(Math.max(this.#mtuBytes, length));
    const sequenceNumber = this.#records.nextSequenceNumber(epoch);
    const sealed: Awaitable<number> = this.#records.seal(
      epoch,
      type,
      content,
      padding,
      this.#datagram,
      this.#length,
    );
    if (sealed instanceof Promise) this.#sealing.push(sealed);
    this.#length += length;
    return sequenceNumber;
  }

  flush(): void {
    if (this.#datagram === undefined) return;
    const datagram = this.#datagram.subarray(0, this.#length);
    const sealing = this.#sealing;
    this.#datagram = undefined;
    this.#length = 0;
    this.#sealing = [];
    if (sealing.length === 0) this.#transmit(datagram);
    else void Promise.all(sealing).then(() => this.#transmit(datagram));
  }
}
