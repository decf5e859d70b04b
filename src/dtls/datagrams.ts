/** Packs records into datagrams no larger than the path takes (RFC 9147 §4.3 and §4.4). */
import type { Bytes } from "../core/bytes.ts";
import type { Awaitable, ContentType } from "../core/index.ts";
import { FRAGMENT_HEADER } from "./fragment.ts";
import type { RecordLayer } from "./record-layer.ts";

/** Where datagrams go. */
export interface DatagramSink {
  /** How many bytes may be sent now. */
  allowedBytes(): number;
  /** Whether a datagram of so many bytes may be sent now; one that may not is dropped. */
  admit(bytes: number): boolean;
  transmit(datagram: Bytes): void;
  /** Once an asynchronous AEAD has sealed all of its records. */
  transmitLater(sealing: Promise<Bytes>): void;
}

/** Where fewer bytes may be sent than the path takes, no record with less content than this is worth its overhead. */
const LEAST_ROOM = 3 * FRAGMENT_HEADER;

/**
 * Collects records until {@link flush}. Each datagram that is admitted goes to its sink when it is full.
 */
export class DatagramPacker {
  readonly #records: RecordLayer;
  readonly #mtuBytes: number;
  readonly #sink: DatagramSink;
  #datagram: Bytes | undefined;
  #length = 0;
  /** Of the datagram under way, in bytes. */
  #limitBytes: number;
  #sealing: Promise<number>[] = [];
  #whenSent: ((datagramBytes: number) => void)[] = [];
  #isRefused = false;

  constructor(records: RecordLayer, mtuBytes: number, sink: DatagramSink) {
    this.#records = records;
    this.#mtuBytes = mtuBytes;
    this.#limitBytes = mtuBytes;
    this.#sink = sink;
  }

  /**
   * Bytes of content that the next record of this epoch may have, in a new datagram if this one is full; 0 if no more may
   * be sent.
   */
  room(epoch: number): number {
    const overhead = this.#records.overhead(epoch);
    const left = this.#limitBytes - this.#length - overhead;
    if (this.#length > 0 && left > FRAGMENT_HEADER) return left;
    this.flush();
    if (this.#isRefused) return 0;
    const allowedBytes = this.#sink.allowedBytes();
    if (allowedBytes >= this.#mtuBytes) return this.#mtuBytes - overhead;
    this.#limitBytes = allowedBytes;
    return allowedBytes < overhead + LEAST_ROOM ? 0 : allowedBytes - overhead;
  }

  /**
   * Adds a record, in a new datagram if it does not fit.
   * @param whenSent called with the length of its datagram when that is admitted, which may be at the next {@link flush}
   */
  add(
    epoch: number,
    type: ContentType,
    content: Uint8Array,
    whenSent?: (sequenceNumber: number, datagramBytes: number) => void,
  ): void {
    const length = this.#records.overhead(epoch) + content.length;
    if (this.#length > 0 && this.#length + length > this.#limitBytes) this.flush();
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
    if (whenSent !== undefined) {
      this.#whenSent.push((datagramBytes) => whenSent(sequenceNumber, datagramBytes));
    }
    this.#length += length;
  }

  flush(): void {
    if (this.#datagram === undefined) return;
    const datagram = this.#datagram.subarray(0, this.#length);
    const sealing = this.#sealing;
    const whenSent = this.#whenSent;
    this.#datagram = undefined;
    this.#length = 0;
    this.#limitBytes = this.#mtuBytes;
    this.#sealing = [];
    this.#whenSent = [];
    if (!this.#sink.admit(datagram.length)) {
      this.#isRefused = true;
      return;
    }
    for (const sent of whenSent) sent(datagram.length);
    if (sealing.length === 0) this.#sink.transmit(datagram);
    else this.#sink.transmitLater(Promise.all(sealing).then(() => datagram));
  }
}
