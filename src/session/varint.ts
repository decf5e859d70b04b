/**
 * Variable-length integers (RFC 9000 §16) in and out of one buffer, without allocation. JavaScript's numbers are exact
 * up to 2^53 - 1: a limit above that is no limit, so that reading saturates there. Packet numbers alone use all 62
 * bits; as the epoch is in their upper 14, they are read and written as a pair.
 */
import type { Bytes } from "../core/bytes.ts";
import { TransportError } from "./errors.ts";

/** The largest value that reading answers. */
export const MAX_VALUE: number = Number.MAX_SAFE_INTEGER;
/** Epochs that fit into a packet number. */
export const MAX_EPOCH: number = 2 ** 14 - 1;

const TWO_30 = 2 ** 30;
const TWO_32 = 2 ** 32;
const EMPTY: Bytes = new Uint8Array(0);

/** Bytes of the shortest encoding. */
export function varintLength(value: number): 1 | 2 | 4 | 8 {
  if (value < 64) return 1;
  if (value < 16_384) return 2;
  return value < TWO_30 ? 4 : 8;
}

export function truncated(): TransportError {
  return new TransportError("frame_encoding_error", "a frame ends in the middle of a field");
}

export class PacketReader {
  buffer: Bytes = EMPTY;
  at = 0;
  end = 0;
  /** What {@link recordNumber} has read. */
  epoch = 0;
  sequenceNumber = 0;

  /** Reads `buffer[start]` to `buffer[start + length - 1]` from now on. */
  begin(buffer: Bytes, start: number, length: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = start + length;
  }

  /**
   * The next integer, at most {@link MAX_VALUE}.
   * @throws TransportError (frame_encoding_error) at the end
   */
  varint(): number {
    const { buffer, at, end } = this;
    if (at >= end) throw truncated();
    const first = buffer[at]!;
    if (first < 0x40) {
      this.at = at + 1;
      return first;
    }
    const length = 1 << (first >> 6);
    if (at + length > end) throw truncated();
    this.at = at + length;
    if (length === 2) return ((first & 0x3f) << 8) | buffer[at + 1]!;
    const high = ((first & 0x3f) << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
    if (length === 4) return high;
    const value = high * TWO_32 + uint32(buffer, at + 4);
    return value > MAX_VALUE ? MAX_VALUE : value;
  }

  /** Reads all 62 bits of an integer as an epoch (14 bits) and a sequence number (48 bits). */
  recordNumber(): void {
    const { buffer, at, end } = this;
    if (at + 8 > end || buffer[at]! < 0xc0) {
      this.epoch = 0;
      this.sequenceNumber = this.varint();
      return;
    }
    this.at = at + 8;
    this.epoch = ((buffer[at]! & 0x3f) << 8) | buffer[at + 1]!;
    this.sequenceNumber = ((buffer[at + 2]! << 8) | buffer[at + 3]!) * TWO_32 + uint32(buffer, at + 4);
  }

  /**
   * Passes over so many bytes.
   * @returns where they start
   */
  skip(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw truncated();
    this.at = start + length;
    return start;
  }
}

function uint32(buffer: Bytes, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
}

/** Writes into one buffer; whoever writes has made sure before that there is room. */
export class PacketWriter {
  readonly buffer: Bytes;
  at = 0;
  /** Where the packet has to end. */
  end: number;
  #view: Bytes;

  constructor(capacity: number) {
    this.buffer = new Uint8Array(capacity);
    this.end = capacity;
    this.#view = this.buffer;
  }

  /** Bytes that still fit. */
  get room(): number {
    return this.end - this.at;
  }

  /** What was written: a view on {@link buffer}. Packets of one length after the other have the same. */
  get written(): Bytes {
    if (this.#view.length !== this.at) this.#view = this.buffer.subarray(0, this.at);
    return this.#view;
  }

  byte(value: number): void {
    this.buffer[this.at++] = value;
  }

  /** An integer up to {@link MAX_VALUE} in its shortest form. */
  varint(value: number): void {
    const { buffer } = this;
    let { at } = this;
    if (value < 64) buffer[at++] = value;
    else if (value < 16_384) {
      buffer[at++] = 0x40 | (value >> 8);
      buffer[at++] = value;
    } else if (value < TWO_30) {
      buffer[at++] = 0x80 | (value >> 24);
      buffer[at++] = value >> 16;
      buffer[at++] = value >> 8;
      buffer[at++] = value;
    } else {
      const high = Math.floor(value / TWO_32);
      this.#eight(0xc000 | (high >>> 16), (high & 0xffff) * TWO_32 + (value % TWO_32));
      return;
    }
    this.at = at;
  }

  /** An integer of 62 bits of which the upper 14 are the epoch. */
  recordNumber(epoch: number, sequenceNumber: number): void {
    if (epoch === 0) this.varint(sequenceNumber);
    else this.#eight(0xc000 | epoch, sequenceNumber);
  }

  #eight(upper16: number, lower48: number): void {
    const { buffer, at } = this;
    const middle = Math.floor(lower48 / TWO_32);
    const low = lower48 >>> 0;
    buffer[at] = upper16 >> 8;
    buffer[at + 1] = upper16;
    buffer[at + 2] = middle >> 8;
    buffer[at + 3] = middle;
    buffer[at + 4] = low >>> 24;
    buffer[at + 5] = low >>> 16;
    buffer[at + 6] = low >>> 8;
    buffer[at + 7] = low;
    this.at = at + 8;
  }

  /** An integer below 2^14 in two bytes, at a place that was left for it. */
  varint2At(at: number, value: number): void {
    this.buffer[at] = 0x40 | (value >> 8);
    this.buffer[at + 1] = value;
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }
}
