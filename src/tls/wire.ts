/** Reading and writing of TLS presentation language (RFC 9846 §3): big-endian numbers and length-prefixed vectors. */
import type { Bytes } from "../core/bytes.ts";
import { type AlertName, SealgramError } from "../errors.ts";

/** A fault of the peer's: the alert that answers it, the error's stable code, and words for people. */
export function fault(alert: AlertName, code: string, message: string): SealgramError {
  return new SealgramError(code, message, { alert });
}

/** A message that is not of the form that its structure has (RFC 9846 §6.2, decode_error). */
export function malformed(message: string): SealgramError {
  return fault("decode_error", "malformed_message", message);
}

/** Bytes of a vector's length prefix. */
export type PrefixLength = 1 | 2 | 3;

/**
 * Reads a bounded range from front to back. Anything that runs over the end, or a vector outside its bounds,
 * throws a `SealgramError` of alert decode_error.
 *
 * What it returns are views: copy whatever outlives the bytes that were given.
 */
export class Reader {
  readonly #bytes: Bytes;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Bytes, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  #take(length: number): number {
    const at = this.#offset;
    if (length > this.#end - at) throw malformed("a field runs over the end of its message");
    this.#offset = at + length;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u24(): number {
    const at = this.#take(3);
    return (this.#bytes[at]! << 16) | (this.#bytes[at + 1]! << 8) | this.#bytes[at + 2]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** Exact up to 2^53 - 1; larger values come out rounded, but never below 2^53. */
  u64(): number {
    return this.u32() * 0x1_0000_0000 + this.u32();
  }

  bytes(length: number): Bytes {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Everything that is left. */
  rest(): Bytes {
    return this.bytes(this.remaining);
  }

  #vectorLength(prefix: PrefixLength, min: number, max: number): number {
    const length = prefix === 1 ? this.u8() : prefix === 2 ? this.u16() : this.u24();
    if (length < min || length > max) throw malformed("the length of a vector is out of bounds");
    return length;
  }

  /** `opaque field<min..max>` */
  opaque(prefix: PrefixLength, min = 0, max: number = 2 ** (8 * prefix) - 1): Bytes {
    return this.bytes(this.#vectorLength(prefix, min, max));
  }

  /** A reader of the contents of a vector of structures. */
  vector(prefix: PrefixLength, min = 0, max: number = 2 ** (8 * prefix) - 1): Reader {
    const length = this.#vectorLength(prefix, min, max);
    const at = this.#take(length);
    return new Reader(this.#bytes, at, at + length);
  }

  /** `uint16 field<min..2^(8 prefix)-1>`, of which whole elements only. */
  u16Vector(prefix: PrefixLength, min = 2): number[] {
    const list = this.vector(prefix, min);
    const values: number[] = [];
    while (list.remaining > 0) values.push(list.u16());
    return values;
  }

  /** Trailing data is a fault. */
  end(): void {
    if (this.#offset !== this.#end) throw malformed("data after the end of a structure");
  }
}

const nothing: Bytes = new Uint8Array(0);

/** Writers mostly work one after the other, and then share this buffer: to allocate one costs more than to fill it. */
const SHARED_BYTES = 4096;
let shared: Bytes | undefined = new Uint8Array(SHARED_BYTES);

/** Appends to a buffer that doubles as it grows. A value or vector too large for its field is a `RangeError`. */
export class Writer {
  #bytes: Bytes;
  #length = 0;

  constructor(capacity = 256) {
    if (shared !== undefined && capacity <= SHARED_BYTES) {
      this.#bytes = shared;
      shared = undefined;
    } else this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  #grow(by: number): number {
    const at = this.#length;
    const length = at + by;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#length = length;
    return at;
  }

  #number(value: number, length: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * length)) {
      throw new RangeError(`${value} is not an unsigned integer of ${8 * length} bits`);
    }
    let at = this.#grow(length) + length;
    for (let left = length, rest = value; left > 0; left--) {
      at -= 1;
      this.#bytes[at] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
  }

  u8(value: number): this {
    this.#number(value, 1);
    return this;
  }

  u16(value: number): this {
    this.#number(value, 2);
    return this;
  }

  u24(value: number): this {
    this.#number(value, 3);
    return this;
  }

  u32(value: number): this {
    this.#number(value, 4);
    return this;
  }

  /** @param value a safe integer */
  u64(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
    this.#number(value, 8);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  opaque(prefix: PrefixLength, bytes: Uint8Array): this {
    this.#number(bytes.length, prefix);
    return this.bytes(bytes);
  }

  /** A vector whose contents `write` appends. */
  vector(prefix: PrefixLength, write: (writer: this) => void): this {
    const at = this.#grow(prefix);
    write(this);
    this.#patch(at, prefix);
    return this;
  }

  /** Fills in a length prefix that was left open at `at`. */
  #patch(at: number, prefix: PrefixLength): void {
    const end = this.#length;
    this.#length = at;
    this.#number(end - at - prefix, prefix);
    this.#length = end;
  }

  u16Vector(prefix: PrefixLength, values: readonly number[]): this {
    this.#number(2 * values.length, prefix);
    for (const value of values) this.u16(value);
    return this;
  }

  /** What was written, in a buffer of its own. The writer is empty then. */
  finish(): Bytes {
    const bytes = this.#bytes;
    const written = bytes.slice(0, this.#length);
    // It may have held a secret.
    bytes.fill(0, 0, this.#length);
    if (bytes.length === SHARED_BYTES) shared = bytes;
    this.#bytes = nothing;
    this.#length = 0;
    return written;
  }
}
