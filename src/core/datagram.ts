import type { Bytes } from "./bytes.ts";
import { DropReason } from "./drop.ts";
import type { CoreInstance } from "./instance.ts";
import { MAX_CONNECTION_ID } from "./record.ts";

/** What kind of record the reader stands on. */
export const RecordKind = {
  /** Its end is known, but it cannot be processed: another epoch's DTLSPlaintext, or no possible length. */
  unusable: 0,
  plaintext: 1,
  ciphertext: 2,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const MAX_DATAGRAM = 65_535;
/** In the first byte of a DTLSCiphertext. */
const HAS_CONNECTION_ID = 0x10;

/**
 * Walks over the records of one datagram (RFC 9147 §4):
 *
 * ```ts
 * reader.begin(datagram, connectionIdLength);
 * while (reader.next()) {
 *   if (reader.kind === RecordKind.plaintext) …reader.buffer, reader.start, reader.length
 *   else if (reader.kind === RecordKind.ciphertext) openers[reader.epochBits].open()
 * }
 * if (reader.drop !== 0) …the rest of the datagram was unusable
 * ```
 */
export class DatagramReader {
  readonly #core: CoreInstance;
  #at = 0;
  #end = 0;
  #recordLength = 0;
  #connectionIdLength = 0;
  #maybeWithout = false;
  #drop: DropReason | 0 = 0;

  constructor(core: CoreInstance) {
    this.#core = core;
  }

  /**
   * Copies a datagram in. Whatever an opener answered before is overwritten. Above 65,535 bytes nothing is read.
   * @param connectionIdLength of the connection IDs that the peer was told to send, 0 for none
   * @param maybeWithout whether the first record may lack one all the same
   * @throws RangeError for a connection ID above 20 bytes
   */
  begin(datagram: Uint8Array, connectionIdLength: number, maybeWithout = false): void {
    if (connectionIdLength >>> 0 !== connectionIdLength || connectionIdLength > MAX_CONNECTION_ID) {
      throw new RangeError(`a connection ID has ${MAX_CONNECTION_ID} bytes at most`);
    }
    this.#core.forgetRecord();
    this.#at = 0;
    this.#recordLength = 0;
    this.#connectionIdLength = connectionIdLength;
    this.#maybeWithout = maybeWithout;
    if (datagram.length > MAX_DATAGRAM) {
      this.#end = 0;
      this.#drop = DropReason.length;
      return;
    }
    this.#end = datagram.length;
    this.#drop = 0;
    this.#core.bytes.set(datagram, this.#core.in);
  }

  /** Moves to the next record. False at the end of the datagram, or when the rest of it is unusable. */
  next(): boolean {
    const at = this.#at + this.#recordLength;
    if (at >= this.#end) return false;
    const { bytes, exports } = this.#core;
    const isWithout = this.#maybeWithout && (bytes[this.#core.in + at]! & HAS_CONNECTION_ID) === 0;
    const length = exports.frame(at, this.#end, isWithout ? 0 : this.#connectionIdLength);
    if (length < 0) {
      this.#drop = length as DropReason;
      this.#at = this.#end;
      this.#recordLength = 0;
      return false;
    }
    this.#at = at;
    this.#recordLength = length;
    return true;
  }

  /** Why reading stopped before the datagram's end, or 0. */
  get drop(): DropReason | 0 {
    return this.#drop;
  }

  /** Of the record that {@link next} has come to. */
  get kind(): RecordKind {
    return this.#core.words[this.#core.result] as RecordKind;
  }

  /** Low two bits of a DTLSCiphertext's epoch; the whole epoch field of a DTLSPlaintext. */
  get epochBits(): number {
    return this.#core.words[this.#core.result + 1];
  }

  /** Content type of a DTLSPlaintext: alert, handshake or ack. */
  get type(): number {
    return this.#core.words[this.#core.result + 2];
  }

  /** Sequence number of a DTLSPlaintext. */
  get sequenceNumber(): number {
    return this.#core.doubles[(this.#core.result >> 1) + 3];
  }

  /** Content of a DTLSPlaintext, a view valid until the next call into the core. */
  get content(): Bytes {
    const start = this.#core.words[this.#core.result + 3];
    return this.#core.bytes.subarray(start, start + this.#core.words[this.#core.result + 4]);
  }

  /** The whole record as it came, a view valid until the next datagram; what was opened is plaintext. */
  get record(): Bytes {
    const start = this.#core.in + this.#at;
    return this.#core.bytes.subarray(start, start + this.#recordLength);
  }

  /** Connection ID of a DTLSCiphertext, a view valid until the next call into the core; empty without one. */
  get connectionId(): Bytes {
    const start = this.#core.in + this.#at;
    const has = (this.#core.bytes[start] & 0x30) === 0x30;
    return this.#core.bytes.subarray(start + 1, start + 1 + (has ? this.#connectionIdLength : 0));
  }
}
