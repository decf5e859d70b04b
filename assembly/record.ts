// DTLS 1.3 records (RFC 9147 §4): framing of received datagrams, and sealing and opening of whole records.

import { aeadForget, aeadOpen, aeadSealMask } from "./aead";
import { chacha20Block } from "./chacha20";
import { hmac } from "./hmac";
import {
  HEADER,
  IN,
  MASK,
  NONCE,
  OUT,
  OUT_SIZE,
  RESULT,
  RESULT_EPOCH,
  RESULT_HEADER,
  RESULT_KIND,
  RESULT_LENGTH,
  RESULT_SEQUENCE,
  RESULT_START,
  RESULT_TYPE,
} from "./layout";
import {
  CID_LENGTH,
  FAILED,
  KEY,
  KIND,
  KIND_HMAC_SHA256,
  LIMIT,
  NEXT,
  SN_KEY,
  writeHeader,
  writeNonce,
} from "./slot";
import { accept, mayAccept } from "./window";

// Why a record was dropped; src/core/drop.ts names them for the host.
export const DROP_TRUNCATED: i32 = -1;
export const DROP_UNKNOWN_TYPE: i32 = -2;
export const DROP_LENGTH: i32 = -3;
export const DROP_CONNECTION_ID: i32 = -4;
export const DROP_REPLAYED: i32 = -5;
export const DROP_AUTHENTICATION: i32 = -6;
export const DROP_INNER_TYPE: i32 = -7;
export const DROP_LIMIT: i32 = -8;

const FRAME_SKIPPED: i32 = 0;
const FRAME_PLAINTEXT: i32 = 1;
const FRAME_CIPHERTEXT: i32 = 2;

const ALERT: i32 = 21;
const HANDSHAKE: i32 = 22;
const APPLICATION_DATA: i32 = 23;
const ACK: i32 = 26;
const RETURN_ROUTABILITY_CHECK: i32 = 27;
/** The content types that DTLS 1.3 protects, a bit for each. */
const PROTECTED: u32 =
  (1 << ALERT) | (1 << HANDSHAKE) | (1 << APPLICATION_DATA) | (1 << ACK) | (1 << RETURN_ROUTABILITY_CHECK);

function isProtected(type: i32): bool {
  return <u32>type < 32 && ((PROTECTED >> type) & 1) != 0;
}

const PLAINTEXT_HEADER: i32 = 13;
const MAX_CONTENT: i32 = 16_384;
const MAX_BODY: i32 = MAX_CONTENT + 256; // RFC 8446 §5.2
const SAMPLE: i32 = 16; // RFC 9147 §4.2.3
const AEAD_TAG: i32 = 16;
const HMAC_TAG: i32 = 32;
const MAX_SEQUENCE: u64 = 0xffff_ffff_ffff;

/** Where the header of the record last framed starts; `open` continues from it. */
let recordStart: usize = 0;
let recordHeaderLength: i32 = 0;

/**
 * Frames the record that starts at `at` in a datagram that ends before `end`, both counted from IN.
 * Answers how many bytes it takes, or a drop code when nothing after `at` can be used.
 */
export function frame(at: i32, end: i32, cidLength: i32): i32 {
  const available = end - at;
  const start = IN + <usize>at;
  store<i32>(RESULT + RESULT_KIND, FRAME_SKIPPED);
  if (available < 1) return DROP_TRUNCATED;
  const first = <i32>load<u8>(start);
  if ((first & 0xe0) == 0x20) return frameCiphertext(start, available, first, at == 0, cidLength);
  // §4.1: only these three may be DTLSPlaintext
  if (first != HANDSHAKE && first != ALERT && first != ACK) return DROP_UNKNOWN_TYPE;
  if (available < PLAINTEXT_HEADER) return DROP_TRUNCATED;
  const length = <i32>bswap<u16>(load<u16>(start + 11));
  if (length > available - PLAINTEXT_HEADER) return DROP_LENGTH;
  const epoch = <i32>bswap<u16>(load<u16>(start + 3));
  // A record of an earlier version in its own epoch: not ours, but its end is known.
  store<i32>(RESULT + RESULT_KIND, epoch == 0 && length <= MAX_CONTENT ? FRAME_PLAINTEXT : FRAME_SKIPPED);
  store<i32>(RESULT + RESULT_EPOCH, epoch);
  store<i32>(RESULT + RESULT_TYPE, first);
  store<i32>(RESULT + RESULT_START, <i32>(start + PLAINTEXT_HEADER));
  store<i32>(RESULT + RESULT_LENGTH, length);
  store<f64>(RESULT + RESULT_SEQUENCE, <f64>(bswap<u64>(load<u64>(start + 3)) & MAX_SEQUENCE));
  return PLAINTEXT_HEADER + length;
}

function frameCiphertext(start: usize, available: i32, first: i32, isFirst: bool, cidLength: i32): i32 {
  const hasCid = (first & 0x10) != 0;
  if (hasCid && cidLength == 0) return DROP_CONNECTION_ID;
  // §4: a negotiated connection ID must be in every datagram; records after the first may go without.
  if (!hasCid && cidLength != 0 && isFirst) return DROP_CONNECTION_ID;
  const sequenceBytes = (first & 0x08) != 0 ? 2 : 1;
  const hasLength = (first & 0x04) != 0;
  const lengthAt = 1 + (hasCid ? cidLength : 0) + sequenceBytes;
  const headerLength = lengthAt + (hasLength ? 2 : 0);
  if (available < headerLength) return DROP_TRUNCATED;
  let length = available - headerLength;
  if (hasLength) {
    const declared = <i32>bswap<u16>(load<u16>(start + <usize>lengthAt));
    if (declared > length) return DROP_LENGTH;
    length = declared;
  }
  // Too long for any record (RFC 8446 §5.2), or too short to sample (§4.2.3): as if deprotection had failed.
  store<i32>(RESULT + RESULT_KIND, length <= MAX_BODY && length >= SAMPLE ? FRAME_CIPHERTEXT : FRAME_SKIPPED);
  store<i32>(RESULT + RESULT_EPOCH, first & 3);
  store<i32>(RESULT + RESULT_START, <i32>start + headerLength);
  store<i32>(RESULT + RESULT_LENGTH, length);
  recordStart = start;
  recordHeaderLength = headerLength;
  store<i32>(RESULT + RESULT_HEADER, headerLength);
  return headerLength + length;
}

/** §4.2.2: the number closest to `expected` that ends in these bits; the higher one of two, but none above 2^48-1. */
export function reconstruct(partial: u64, bits: i32, expected: u64): u64 {
  const size = (<u64>1) << bits;
  const half = size >> 1;
  let sequence = (expected & ~(size - 1)) | partial;
  if (sequence + half <= expected && sequence + size <= MAX_SEQUENCE) sequence += size;
  else if ((sequence > expected + half || sequence > MAX_SEQUENCE) && sequence >= size) sequence -= size;
  return sequence;
}

/** To HEADER, with some of what follows it: the longest header has 25 bytes, and copying 32 is two moves. */
function copyHeader(from: usize): void {
  v128.store(HEADER, v128.load(from));
  v128.store(HEADER, v128.load(from, 16), 16);
}

/**
 * Takes the record number encryption off the header at HEADER with the mask at MASK, which makes it the additional
 * data; leaves the nonce at NONCE and answers the sequence number. The datagram itself stays as it came.
 */
function unmask(slot: usize, headerLength: i32): u64 {
  const first = <i32>load<u8>(HEADER);
  // The sequence number ends the header, but for a length if there is one.
  const end = HEADER + <usize>headerLength - ((first & 0x04) != 0 ? 2 : 0);
  let partial: u64;
  let bits: i32;
  if ((first & 0x08) != 0) {
    const wire = load<u16>(end - 2) ^ load<u16>(MASK);
    store<u16>(end - 2, wire);
    partial = <u64>bswap<u16>(wire);
    bits = 16;
  } else {
    const wire = load<u8>(end - 1) ^ load<u8>(MASK);
    store<u8>(end - 1, wire);
    partial = <u64>wire;
    bits = 8;
  }
  const sequence = reconstruct(partial, bits, load<u64>(slot + NEXT));
  store<f64>(RESULT + RESULT_SEQUENCE, <f64>sequence);
  writeNonce(slot, sequence);
  return sequence;
}

/** Counts a failed deprotection (§4.5.3). */
function failed(slot: usize): i32 {
  store<u64>(slot + FAILED, load<u64>(slot + FAILED) + 1);
  return DROP_AUTHENTICATION;
}

/**
 * Finds content and type in the DTLSInnerPlaintext of `length` bytes at `start`. Answers the content's length, or
 * DROP_INNER_TYPE when all of it is padding or the type is none that DTLS 1.3 protects.
 */
export function unpad(start: usize, length: i32): i32 {
  // RFC 8446 §5.4: "the full encoded TLSInnerPlaintext MUST NOT exceed 2^14 + 1 octets", padding included
  if (length > MAX_CONTENT + 1) return DROP_LENGTH;
  let end = start + <usize>length;
  while (end >= start + 8 && load<u64>(end - 8) == 0) end -= 8;
  while (end > start && load<u8>(end - 1) == 0) end--;
  if (end == start) return DROP_INNER_TYPE;
  const type = <i32>load<u8>(end - 1);
  const contentLength = <i32>(end - 1 - start);
  store<i32>(RESULT + RESULT_TYPE, type);
  store<i32>(RESULT + RESULT_START, <i32>start);
  store<i32>(RESULT + RESULT_LENGTH, contentLength);
  return isProtected(type) ? contentLength : DROP_INNER_TYPE;
}

// The replay window is asked before deprotection, so that a flood of copies costs one ChaCha20 block each and not a
// whole record, and decides for good after it. RFC 9147 §4.5.1 would rather have it asked after only, as the early
// discard may tell by its timing whether a record number was seen; whoever can send copies knows that already, and the
// numbers themselves stay encrypted.

/**
 * Opens the record last framed, in place, under a slot whose AEAD is in this module: record number, replay check,
 * authentication, decryption, padding, and the commit to the replay window. Answers the content's length or a drop code.
 */
export function open(slot: usize): i32 {
  if (load<u64>(slot + FAILED) >= load<u64>(slot + LIMIT)) return DROP_LIMIT;
  const start = recordStart + <usize>recordHeaderLength;
  const length = load<i32>(RESULT + RESULT_LENGTH);
  copyHeader(recordStart);
  if (load<u8>(slot + KIND) == <u8>KIND_HMAC_SHA256) return openHmac(slot, start, length);
  chacha20Block(slot + SN_KEY, load<u32>(start), start + 4, MASK);
  const sequence = unmask(slot, recordHeaderLength);
  if (!mayAccept(slot, sequence)) return DROP_REPLAYED;
  const innerLength = length - AEAD_TAG;
  if (aeadOpen(slot + KEY, NONCE, HEADER, recordHeaderLength, start, innerLength) == 0) return failed(slot);
  return commit(slot, sequence, start, innerLength);
}

function commit(slot: usize, sequence: u64, start: usize, innerLength: i32): i32 {
  const contentLength = unpad(start, innerLength);
  if (contentLength < 0) return contentLength;
  return accept(slot, sequence) ? contentLength : DROP_REPLAYED;
}

/** RFC 9150 §5: encrypted_record = DTLSInnerPlaintext || HMAC(write_key, nonce || additional_data || DTLSInnerPlaintext). */
function openHmac(slot: usize, start: usize, length: i32): i32 {
  // RFC 9150 §9: sequence numbers are not encrypted.
  store<u64>(MASK, 0);
  const sequence = unmask(slot, recordHeaderLength);
  if (!mayAccept(slot, sequence)) return DROP_REPLAYED;
  const innerLength = length - HMAC_TAG;
  if (innerLength < 1) return failed(slot);
  hmacTag(slot, start, innerLength, recordHeaderLength);
  const tag = start + <usize>innerLength;
  let difference: u64 = 0;
  for (let i: usize = 0; i < 32; i += 8) difference |= load<u64>(MASK + i) ^ load<u64>(tag + i);
  if (difference != 0) return failed(slot);
  return commit(slot, sequence, start, innerLength);
}

const MAC_INPUT_SIZE: i32 = 32 + 32 + MAX_BODY;
const MAC_INPUT: usize = memory.data(MAC_INPUT_SIZE + 64, 16);

/** The tag over NONCE, HEADER and `length` bytes at `start`, left at MASK. */
function hmacTag(slot: usize, start: usize, length: i32, headerLength: i32): void {
  memory.copy(MAC_INPUT, NONCE, 32);
  memory.copy(MAC_INPUT + 32, HEADER, headerLength);
  memory.copy(MAC_INPUT + 32 + <usize>headerLength, start, length);
  hmac(slot + KEY, MAC_INPUT, 32 + headerLength + length, MASK);
}

/**
 * Completes the record whose content lies at OUT behind its header: type, padding, header, nonce; takes the next
 * sequence number. Answers the length of the DTLSInnerPlaintext, or a drop code that leaves all as it was.
 */
function finishInner(slot: usize, type: i32, contentLength: i32, padding: i32, tagLength: i32): i32 {
  const sequence = load<u64>(slot + NEXT);
  if (sequence >= load<u64>(slot + LIMIT)) return DROP_LIMIT;
  if (!isProtected(type)) return DROP_INNER_TYPE;
  const innerLength = contentLength + 1 + padding;
  // RFC 8446 §5.4: the whole DTLSInnerPlaintext may not exceed 2^14 + 1
  if (contentLength < 0 || padding < 0 || innerLength > MAX_CONTENT + 1) return DROP_LENGTH;
  const headerLength = writeHeader(slot, sequence, innerLength + tagLength, OUT);
  copyHeader(OUT);
  const content = OUT + <usize>headerLength;
  store<u8>(content + <usize>contentLength, <u8>type);
  if (padding != 0) memory.fill(content + <usize>contentLength + 1, 0, padding);
  writeNonce(slot, sequence);
  store<u64>(slot + NEXT, sequence + 1);
  store<f64>(RESULT + RESULT_SEQUENCE, <f64>sequence);
  return innerLength;
}

/**
 * Seals, in place, the content that lies at OUT + 5 + length of the connection ID. The record then starts at OUT.
 * Answers its length, or a drop code before anything has changed.
 */
export function seal(slot: usize, type: i32, contentLength: i32, padding: i32): i32 {
  const isHmac = load<u8>(slot + KIND) == <u8>KIND_HMAC_SHA256;
  const tagLength = isHmac ? HMAC_TAG : AEAD_TAG;
  const innerLength = finishInner(slot, type, contentLength, padding, tagLength);
  if (innerLength < 0) return innerLength;
  const headerLength = 5 + <i32>load<u8>(slot + CID_LENGTH);
  const body = OUT + <usize>headerLength;
  if (isHmac) {
    hmacTag(slot, body, innerLength, headerLength);
    memory.copy(body + <usize>innerLength, MASK, 32);
  } else {
    aeadSealMask(slot + KEY, NONCE, HEADER, headerLength, body, innerLength, slot + SN_KEY, MASK);
    const at = body - 4;
    store<u16>(at, load<u16>(at) ^ load<u16>(MASK));
  }
  return headerLength + innerLength + tagLength;
}

/** For an AEAD of the host: leaves header and DTLSInnerPlaintext at OUT and the nonce at NONCE. Answers as `finishInner`. */
export function prepareSeal(slot: usize, type: i32, contentLength: i32, padding: i32): i32 {
  return finishInner(slot, type, contentLength, padding, AEAD_TAG);
}

/**
 * For an AEAD of the host, which has left a record's header at HEADER and the mask at MASK: makes them additional data
 * at HEADER and nonce at NONCE. Answers 0 or a drop code.
 */
export function prepareOpen(slot: usize, headerLength: i32): i32 {
  if (load<u64>(slot + FAILED) >= load<u64>(slot + LIMIT)) return DROP_LIMIT;
  const sequence = unmask(slot, headerLength);
  return mayAccept(slot, sequence) ? 0 : DROP_REPLAYED;
}

/** What the host's AEAD answered for that record; `innerLength` bytes of plaintext lie at OUT. */
export function finishOpen(slot: usize, sequence: f64, authentic: bool, innerLength: i32): i32 {
  if (!authentic) return failed(slot);
  // Others that were being decrypted at the same time may have used up the key.
  if (load<u64>(slot + FAILED) >= load<u64>(slot + LIMIT)) return DROP_LIMIT;
  return commit(slot, <u64>sequence, OUT, innerLength);
}

/** Writes a DTLSPlaintext header before the content that lies at OUT + 13; answers the record's length (RFC 9147 §4). */
export function framePlaintext(type: i32, sequence: f64, contentLength: i32): i32 {
  store<u8>(OUT, <u8>type);
  store<u16>(OUT + 1, bswap<u16>(0xfefd));
  // epoch 0 and the 48-bit sequence number
  store<u64>(OUT + 3, bswap<u64>(<u64>sequence));
  store<u16>(OUT + 11, bswap<u16>(<u16>contentLength));
  return PLAINTEXT_HEADER + contentLength;
}

/** Wipes what records have left in scratch memory. The datagram at IN stays: more of it may be read. */
export function forgetRecords(): void {
  aeadForget();
  memory.fill(HEADER, 0, 64);
  memory.fill(NONCE, 0, 64);
  memory.fill(MASK, 0, 64);
  memory.fill(OUT, 0, OUT_SIZE);
  memory.fill(MAC_INPUT, 0, MAC_INPUT_SIZE);
}
