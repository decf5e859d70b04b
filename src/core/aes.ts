import type { Bytes } from "./bytes.ts";
import { DropReason } from "./drop.ts";
import type { CoreInstance } from "./instance.ts";
import type { Awaitable, ContentType, OpenedRecord, RecordOpener, RecordSealer } from "./record.ts";
import { type CoreOpener, type CoreSealer, sealError } from "./records.ts";

/** AES of the host: WebCrypto everywhere, something synchronous where a runtime has it. */
export interface AesBackend {
  /** Imports the write key and record number key of one epoch, 16 or 32 bytes each; keeps neither array. */
  importKeys(key: Uint8Array, snKey: Uint8Array): AesKeys;
}

/** One epoch's AES keys. Answers are at once or later, but always the same way. */
export interface AesKeys {
  /** AES-GCM: ciphertext, then the 16-byte tag. */
  seal(nonce: Bytes, additionalData: Bytes, plaintext: Bytes): Awaitable<Bytes>;
  /** `null` when the tag does not match. */
  open(nonce: Bytes, additionalData: Bytes, ciphertext: Bytes): Awaitable<Bytes | null>;
  /** AES-ECB of one block (RFC 9147 §4.2.3); at least the first two bytes. */
  mask(sample: Bytes): Awaitable<Bytes>;
  /**
   * Wipes keys that lie in the program's memory; nothing is asked afterwards. Only for backends that answer at once:
   * what is under way in others may outlive the epoch.
   */
  close?(): void;
}

function then<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const SAMPLE_LENGTH = 16;

/** Seals with AES-GCM of the host; framing and counters stay in the core. */
export class AesSealer implements RecordSealer {
  readonly #core: CoreInstance;
  readonly #keys: AesKeys;
  readonly #framing: CoreSealer;

  constructor(core: CoreInstance, keys: AesKeys, framing: CoreSealer) {
    this.#core = core;
    this.#keys = keys;
    this.#framing = framing;
  }

  get overhead(): number {
    return this.#framing.overhead;
  }

  get nextSequenceNumber(): number {
    return this.#framing.nextSequenceNumber;
  }

  get needsKeyUpdate(): boolean {
    return this.#framing.needsKeyUpdate;
  }

  seal(
    type: ContentType,
    content: Uint8Array,
    padding: number,
    out: Uint8Array,
    at: number,
  ): Awaitable<number> {
    if (at >>> 0 !== at || at + this.overhead + content.length + padding > out.length) {
      throw new RangeError("the record does not fit into the buffer");
    }
    return then(this.sealAlone(type, content, padding), (record) => {
      out.set(record, at);
      return record.length;
    });
  }

  sealAlone(type: ContentType, content: Uint8Array, padding: number): Awaitable<Bytes> {
    const core = this.#core;
    const { headerLength, slot } = this.#framing;
    this.#framing.stage(content, padding);
    const innerLength = core.exports.prepareSeal(slot, type, content.length, padding);
    if (innerLength < 0) throw sealError(innerLength);
    const record = new Uint8Array(headerLength + innerLength + TAG_LENGTH);
    record.set(core.bytes.subarray(core.out, core.out + headerLength));
    const nonce = core.bytes.slice(core.nonce, core.nonce + NONCE_LENGTH);
    const start = core.out + headerLength;
    const inner = core.bytes.slice(start, start + innerLength);
    return then(this.#keys.seal(nonce, record.slice(0, headerLength), inner), (body) =>
      then(this.#keys.mask(body.subarray(0, SAMPLE_LENGTH)), (mask) => {
        record[headerLength - 4]! ^= mask[0]!;
        record[headerLength - 3]! ^= mask[1]!;
        record.set(body, headerLength);
        return record;
      }),
    );
  }

  setConnectionId(connectionId: Uint8Array): void {
    this.#framing.setConnectionId(connectionId);
  }

  close(): void {
    if (!this.#framing.closed) this.#keys.close?.();
    this.#framing.close();
  }
}

/** Opens with AES-GCM of the host; record numbers, replay window and counters stay in the core. */
export class AesOpener implements RecordOpener {
  readonly #core: CoreInstance;
  readonly #keys: AesKeys;
  readonly #framing: CoreOpener;

  constructor(core: CoreInstance, keys: AesKeys, framing: CoreOpener) {
    this.#core = core;
    this.#keys = keys;
    this.#framing = framing;
  }

  get nextSequenceNumber(): number {
    return this.#framing.nextSequenceNumber;
  }

  get failedRecords(): number {
    return this.#framing.failedRecords;
  }

  get needsKeyUpdate(): boolean {
    return this.#framing.needsKeyUpdate;
  }

  open(): Awaitable<OpenedRecord> {
    this.#framing.claimRecord();
    const { bytes, words, result } = this.#core;
    const start = words[result + 3];
    const headerLength = words[result + 5];
    const header = bytes.slice(start - headerLength, start);
    const body = bytes.slice(start, start + words[result + 4]);
    return then(this.#keys.mask(body.subarray(0, SAMPLE_LENGTH)), (mask) =>
      this.#decrypt(header, body, mask),
    );
  }

  #decrypt(header: Bytes, body: Bytes, mask: Bytes): Awaitable<OpenedRecord> {
    if (this.#framing.closed) return dropped(DropReason.limit);
    const core = this.#core;
    core.bytes.set(header, core.header);
    core.bytes.set(mask, core.mask);
    const code = core.exports.prepareOpen(this.#framing.slot, header.length);
    if (code < 0) return dropped(code as DropReason);
    const sequenceNumber = core.doubles[(core.result >> 1) + 3];
    const nonce = core.bytes.slice(core.nonce, core.nonce + NONCE_LENGTH);
    const additionalData = core.bytes.slice(core.header, core.header + header.length);
    return then(this.#keys.open(nonce, additionalData, body), (inner) => this.#commit(sequenceNumber, inner));
  }

  #commit(sequenceNumber: number, inner: Bytes | null): OpenedRecord {
    if (this.#framing.closed) return dropped(DropReason.limit);
    const core = this.#core;
    if (inner !== null) core.bytes.set(inner, core.out);
    const code = core.exports.finishOpen(
      this.#framing.slot,
      sequenceNumber,
      inner !== null,
      inner === null ? 0 : inner.length,
    );
    if (inner === null || code < 0) return dropped(code as DropReason);
    const opened = this.#framing.report(code, dropped(0));
    opened.sequenceNumber = sequenceNumber;
    opened.buffer = inner;
    opened.start = 0;
    return opened;
  }

  close(): void {
    if (!this.#framing.closed) this.#keys.close?.();
    this.#framing.close();
  }
}

function dropped(drop: DropReason | 0): OpenedRecord {
  return { drop, type: 23, sequenceNumber: 0, buffer: new Uint8Array(0), start: 0, length: 0 };
}
