import type { Bytes } from "./bytes.ts";
import { DropReason } from "./drop.ts";
import type { CoreInstance } from "./instance.ts";
import { Protection } from "./keys.ts";
import {
  type ContentType,
  MAX_CONNECTION_ID,
  MAX_CONTENT,
  type OpenedRecord,
  type RecordOpener,
  type RecordSealer,
} from "./record.ts";

const CLOSED = "this epoch's keys were closed";

/** Seals with an AEAD that is in the WASM module. */
export class CoreSealer implements RecordSealer {
  readonly #core: CoreInstance;
  readonly #tagLength: number;
  readonly #updateAt: number;
  #slot: number;
  #headerLength: number;

  constructor(
    core: CoreInstance,
    slot: number,
    protection: Protection,
    connectionIdLength: number,
    limit: number,
  ) {
    this.#core = core;
    this.#slot = slot;
    this.#tagLength = protection === Protection.integrity_only_sha256 ? 32 : 16;
    this.#headerLength = 5 + connectionIdLength;
    this.#updateAt = Math.floor((limit / 8) * 7);
  }

  get overhead(): number {
    return this.#headerLength + 1 + this.#tagLength;
  }

  get headerLength(): number {
    return this.#headerLength;
  }

  get nextSequenceNumber(): number {
    return this.#core.exports.nextSequence(this.slot);
  }

  get needsKeyUpdate(): boolean {
    return this.nextSequenceNumber >= this.#updateAt;
  }

  seal(type: ContentType, content: Uint8Array, padding: number, out: Uint8Array, at: number): number {
    // x >>> 0 is x for what WASM and typed arrays take as it is: whole numbers from 0.
    if (at >>> 0 !== at || at + this.overhead + content.length + padding > out.length) {
      throw new RangeError("the record does not fit into the buffer");
    }
    const record = this.sealAlone(type, content, padding);
    out.set(record, at);
    return record.length;
  }

  sealAlone(type: ContentType, content: Uint8Array, padding: number): Bytes {
    const core = this.#core;
    const { slot } = this;
    this.stage(content, padding);
    const length = core.exports.seal(slot, type, content.length, padding);
    if (length < 0) throw sealError(length);
    return core.output(length);
  }

  /** Checks what can be checked before anything changes and puts the content in its place. */
  stage(content: Uint8Array, padding: number): void {
    if (content.length + padding > MAX_CONTENT || padding >>> 0 !== padding)
      throw sealError(DropReason.length);
    this.#core.bytes.set(content, this.#core.out + this.#headerLength);
  }

  get slot(): number {
    if (this.#slot === 0) throw new TypeError(CLOSED);
    return this.#slot;
  }

  setConnectionId(connectionId: Uint8Array): void {
    const core = this.#core;
    const { slot } = this;
    if (connectionId.length > MAX_CONNECTION_ID) {
      throw new RangeError(`a connection ID has ${MAX_CONNECTION_ID} bytes at most`);
    }
    core.bytes.set(connectionId, core.staging);
    core.exports.setConnectionId(slot, connectionId.length);
    this.#headerLength = 5 + connectionId.length;
  }

  get closed(): boolean {
    return this.#slot === 0;
  }

  close(): void {
    if (this.#slot !== 0) this.#core.exports.releaseSlot(this.#slot);
    this.#slot = 0;
  }
}

/** Why a record could not be sealed. */
export function sealError(code: number): RangeError {
  if (code === DropReason.limit) return new RangeError("the key has reached its limit (RFC 9147 §4.5.3)");
  if (code === DropReason.inner_type) return new RangeError("not a content type that DTLS 1.3 protects");
  return new RangeError(`content and padding of a record are ${MAX_CONTENT} bytes at most`);
}

/** Opens with an AEAD that is in the WASM module. */
export class CoreOpener implements RecordOpener {
  readonly #core: CoreInstance;
  readonly #updateAt: number;
  readonly #opened: OpenedRecord;
  #slot: number;

  constructor(core: CoreInstance, slot: number, limit: number) {
    this.#core = core;
    this.#slot = slot;
    this.#updateAt = limit / 2;
    this.#opened = { drop: 0, type: 23, sequenceNumber: 0, buffer: core.bytes, start: 0, length: 0 };
  }

  get nextSequenceNumber(): number {
    return this.#core.exports.nextSequence(this.slot);
  }

  get failedRecords(): number {
    return this.#core.exports.failedRecords(this.slot);
  }

  get needsKeyUpdate(): boolean {
    return this.failedRecords >= this.#updateAt;
  }

  open(): OpenedRecord {
    this.claimRecord();
    return this.report(this.#core.exports.open(this.#slot), this.#opened);
  }

  /** Makes sure that there are a record to open and keys to do so. */
  claimRecord(): void {
    if (this.closed) throw new TypeError(CLOSED);
    this.#core.takeRecord();
  }

  /** Fills `opened` from the core's answer and result area. */
  report(code: number, opened: OpenedRecord): OpenedRecord {
    const { bytes, words, doubles, result } = this.#core;
    if (code < 0) {
      opened.drop = code as DropReason;
      return opened;
    }
    opened.drop = 0;
    opened.type = words[result + 2] as ContentType;
    opened.sequenceNumber = doubles[(result >> 1) + 3];
    opened.buffer = bytes;
    opened.start = words[result + 3];
    opened.length = code;
    return opened;
  }

  get slot(): number {
    if (this.#slot === 0) throw new TypeError(CLOSED);
    return this.#slot;
  }

  get closed(): boolean {
    return this.#slot === 0;
  }

  close(): void {
    if (this.#slot !== 0) this.#core.exports.releaseSlot(this.#slot);
    this.#slot = 0;
  }
}
