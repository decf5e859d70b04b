import type { Bytes } from "../core/bytes.ts";
import { concatBytes } from "./bytes.ts";

/** Universal tags of X.690 §8 that keys and signatures use. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** The bytes are not the DER that was expected. Callers turn it into what it means to them. */
export class DerError extends Error {
  override readonly name: string = "DerError";
}

/** Reads DER (X.690 §10) strictly: definite minimal lengths, low tag numbers, nothing left over. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get empty(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next element's tag, or -1 at the end. */
  peekTag(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** The contents of the next element, which must have this tag. */
  read(tag: number): Uint8Array {
    if (this.peekTag() !== tag) throw new DerError("unexpected DER tag");
    const start = this.#at + 2;
    const first = this.#bytes[this.#at + 1];
    if (first === undefined) throw new DerError("truncated DER");
    let length = first;
    let contents = start;
    if (first >= 0x80) {
      const octets = first - 0x80;
      // Nothing read here is longer than 64 KiB; 0x80 would be BER's indefinite form.
      if (octets < 1 || octets > 2) throw new DerError("DER length out of range");
      length = 0;
      for (let i = 0; i < octets; i++) length = (length << 8) | (this.#bytes[start + i] ?? 0);
      contents = start + octets;
      if (length < 0x80 || (octets === 2 && length < 0x100)) throw new DerError("DER length not minimal");
    }
    if (contents + length > this.#bytes.length) throw new DerError("truncated DER");
    this.#at = contents + length;
    return this.#bytes.subarray(contents, this.#at);
  }

  /** The elements inside the next element of this tag. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag));
  }

  /** A non-negative INTEGER in its minimal encoding, without the sign octet. */
  readUnsigned(): Uint8Array {
    const contents = this.read(Tag.integer);
    const [first, second] = contents;
    if (first === undefined || first >= 0x80) throw new DerError("INTEGER is empty or negative");
    if (first !== 0) return contents;
    if (second === undefined) return contents.subarray(1);
    if (second < 0x80) throw new DerError("INTEGER not minimal");
    return contents.subarray(1);
  }

  /** A BIT STRING of whole octets. */
  readBits(): Uint8Array {
    const contents = this.read(Tag.bitString);
    if (contents[0] !== 0) throw new DerError("BIT STRING of partial octets");
    return contents.subarray(1);
  }

  end(): void {
    if (!this.empty) throw new DerError("trailing bytes after DER");
  }
}

/** One element: tag, minimal length, contents. */
export const encodeDer = (tag: number, ...contents: readonly Uint8Array[]): Bytes => {
  const body = concatBytes(...contents);
  const { length } = body;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError("DER element over 65535 bytes");
  return concatBytes(Uint8Array.from(header), body);
};

/** INTEGER of a big-endian magnitude. */
export const encodeUnsigned = (magnitude: Uint8Array): Bytes => {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const trimmed = magnitude.subarray(start);
  return (trimmed[0] ?? 0x80) >= 0x80
    ? encodeDer(Tag.integer, Uint8Array.of(0), trimmed)
    : encodeDer(Tag.integer, trimmed);
};
