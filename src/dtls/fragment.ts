/** DTLSHandshake: a handshake message, or a part of one, as records carry it (RFC 9147 §5.2). */
import type { Bytes } from "../core/bytes.ts";
import { malformed, Reader } from "../tls/wire.ts";

/** Bytes in front of a fragment's data. */
export const FRAGMENT_HEADER = 12;

export interface Fragment {
  readonly type: number;
  /** Of the whole message's body, in bytes. */
  readonly length: number;
  readonly messageSeq: number;
  readonly offset: number;
  /** A view on the record's content. */
  readonly data: Bytes;
}

/**
 * The fragments in a handshake record, of which there is at least one.
 * @throws SealgramError decode_error for a fragment that runs over its record or over its message, or for no fragment
 */
export function* readFragments(content: Bytes): Generator<Fragment> {
  const reader = new Reader(content);
  if (reader.remaining === 0) throw malformed("a handshake record without a message");
  while (reader.remaining > 0) {
    const type = reader.u8();
    const length = reader.u24();
    const messageSeq = reader.u16();
    const offset = reader.u24();
    const data = reader.opaque(3);
    if (offset + data.length > length) throw malformed("a fragment runs over the end of its message");
    yield { type, length, messageSeq, offset, data };
  }
}

/**
 * Writes one fragment of a message into `out` at `at` and answers where it ends.
 * @param message type, length and body (RFC 9846 §4)
 * @param offset of the fragment in the body, `length` its length
 */
export function writeFragment(
  message: Bytes,
  messageSeq: number,
  offset: number,
  length: number,
  out: Uint8Array,
  at: number,
): number {
  out.set(message.subarray(0, 4), at);
  out[at + 4] = messageSeq >> 8;
  out[at + 5] = messageSeq;
  writeU24(out, at + 6, offset);
  writeU24(out, at + 9, length);
  out.set(message.subarray(4 + offset, 4 + offset + length), at + FRAGMENT_HEADER);
  return at + FRAGMENT_HEADER + length;
}

function writeU24(out: Uint8Array, at: number, value: number): void {
  out[at] = value >> 16;
  out[at + 1] = value >> 8;
  out[at + 2] = value;
}
