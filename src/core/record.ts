import type { Bytes } from "./bytes.ts";
import type { DropReason } from "./drop.ts";

/** A result, at once or later. */
export type Awaitable<T> = T | Promise<T>;

/** ContentType (RFC 8446 §5.1, RFC 9147 §4.1, RFC 9853). */
export const ContentType = {
  alert: 21,
  handshake: 22,
  application_data: 23,
  ack: 26,
  return_routability_check: 27,
} as const;
export type ContentType = (typeof ContentType)[keyof typeof ContentType];

/** The largest content of a record, in bytes (RFC 8446 §5.1). */
export const MAX_CONTENT = 16_384;
/** Of a connection ID as this implementation uses them, in bytes. */
export const MAX_CONNECTION_ID = 20;

/** What became of one protected record. */
export interface OpenedRecord {
  /** 0, or why the record was dropped; then nothing else here means anything. */
  drop: DropReason | 0;
  /** What kind of content it is. */
  type: ContentType;
  /** Its number in its epoch. */
  sequenceNumber: number;
  /** The content is `buffer[start]` to `buffer[start + length - 1]`. */
  buffer: Bytes;
  start: number;
  length: number;
}

/** Protects records under the keys of one epoch. */
export interface RecordSealer {
  /** Header and everything behind the content but padding, in bytes: what a record adds to its content. */
  readonly overhead: number;
  /** The sequence number that the next record will have. */
  readonly nextSequenceNumber: number;
  /** True once seven eighths of the key's limit are used (RFC 9147 §4.5.3): time for a KeyUpdate. */
  readonly needsKeyUpdate: boolean;
  /**
   * Seals one record into `out` at `at` and answers its length, always `overhead + content.length + padding`: at
   * once, or for an asynchronous AEAD later. The sequence number is taken at once in either case. `content` and `out`
   * must stay as they are until then.
   * @throws RangeError if content and padding exceed 2^14 bytes, the type is none of `ContentType`, `out` is too short
   * or the key's limit is reached; then nothing has changed
   */
  seal(
    type: ContentType,
    content: Uint8Array,
    padding: number,
    out: Uint8Array,
    at: number,
  ): Awaitable<number>;
  /**
   * Seals one record that is a datagram by itself, as {@link seal} does, and spares a copy. Of an AEAD that answers at
   * once the answer is a view on shared memory: consume it before the next call into the same core.
   */
  sealAlone(type: ContentType, content: Uint8Array, padding: number): Awaitable<Bytes>;
  /** Sends this connection ID, of at most 20 bytes, from now on (RFC 9147 §9). */
  setConnectionId(connectionId: Uint8Array): void;
  /** Wipes the keys. Idempotent; sealing afterwards is a TypeError. */
  close(): void;
}

/** Removes the protection of one epoch's records, each at most once. */
export interface RecordOpener {
  /** One above the highest authenticated sequence number. */
  readonly nextSequenceNumber: number;
  /** Records that failed deprotection under this key (RFC 9147 §4.5.3). */
  readonly failedRecords: number;
  /** True once half the tolerated failures are used: time for a KeyUpdate with update_requested. */
  readonly needsKeyUpdate: boolean;
  /**
   * Opens the record that the datagram reader has just framed. The answer of a synchronous AEAD is one reused object
   * over shared memory: consume it before the next call into the same core.
   * @throws TypeError if the reader stands on no DTLSCiphertext, or on one that was opened already
   */
  open(): Awaitable<OpenedRecord>;
  /** Wipes the keys and the replay window. Idempotent; opening afterwards is a TypeError. */
  close(): void;
}
