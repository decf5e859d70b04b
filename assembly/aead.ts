// AEAD_CHACHA20_POLY1305, RFC 8439 2.8, in place. Lengths are public; nothing here branches on, or addresses by, a secret.
import { chacha20Block, chacha20Blocks2, chacha20Blocks3, chacha20Blocks4 } from "./chacha20";
import { poly1305Blocks, poly1305Finish, poly1305Init } from "./poly1305";

/** Keystream of one pass, four blocks at most. In the first pass block 0 is the one-time Poly1305 key (2.6). */
const KEYSTREAM: usize = memory.data(256, 16);
/** A zero-padded block, and the block of lengths that ends the Poly1305 input (2.8). */
const TAIL: usize = memory.data(32, 16);
const TAG: usize = memory.data(16, 16);
/** 16 bytes from MASKS + 16 - n: n of 0xff, then zeros. */
const MASKS: usize = memory.data<u8>(
  [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  ],
  16,
);

function firstBytes(count: i32): v128 {
  return v128.load(MASKS + 16 - <usize>count);
}

/** Keystream blocks from `counter` on into KEYSTREAM, as many of them as `blocks` asks for, but no more than four. */
function keystream(key: usize, counter: u32, nonce: usize, blocks: i32): void {
  if (blocks > 3) chacha20Blocks4(key, counter, nonce, KEYSTREAM);
  else if (blocks == 3) chacha20Blocks3(key, counter, nonce, KEYSTREAM);
  else if (blocks == 2) chacha20Blocks2(key, counter, nonce, KEYSTREAM);
  else chacha20Block(key, counter, nonce, KEYSTREAM);
}

/** data[0..length) ^= keystream; the bytes that follow are rewritten as they were. */
function xorKeystream(data: usize, from: usize, length: i32): void {
  for (; length >= 16; length -= 16) {
    v128.store(data, v128.xor(v128.load(data), v128.load(from)));
    data += 16;
    from += 16;
  }
  if (length > 0) v128.store(data, v128.xor(v128.load(data), v128.and(v128.load(from), firstBytes(length))));
}

/** Encrypts or decrypts data[0..length) and leaves the Poly1305 key in KEYSTREAM, unless the caller has been here before. */
function chacha20Xor(key: usize, nonce: usize, data: usize, length: i32): void {
  let counter: u32 = 4;
  let count = min(length, 192);
  xorKeystream(data, KEYSTREAM + 64, count);
  while ((length -= count) > 0) {
    data += <usize>count;
    keystream(key, counter, nonce, (length + 63) >> 6);
    counter += 4;
    count = min(length, 256);
    xorKeystream(data, KEYSTREAM, count);
  }
}

/** The first pass: the one-time key and the keystream of up to 192 bytes of data together. */
function begin(key: usize, nonce: usize, aad: usize, aadLength: i32, length: i32): void {
  keystream(key, 0, nonce, 1 + ((length + 63) >> 6));
  poly1305Init(KEYSTREAM);
  const whole = aadLength >> 4;
  if (whole > 0) poly1305Blocks(aad, whole);
  const rest = aadLength & 15;
  if (rest > 0) {
    v128.store(TAIL, v128.and(v128.load(aad + ((<usize>whole) << 4)), firstBytes(rest)));
    poly1305Blocks(TAIL, 1);
  }
}

function lengths(aadLength: i32, length: i32): v128 {
  return i32x4(aadLength, 0, length, 0);
}

/**
 * Seals in place: data[0..length) becomes ciphertext and data[length..length + 16) the tag. Clobbers up to 31 bytes
 * behind data[length]; reads up to 15 bytes behind the end of `aad`.
 */
export function aeadSeal(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: i32,
  data: usize,
  length: i32,
): void {
  begin(key, nonce, aad, aadLength, length);
  chacha20Xor(key, nonce, data, length);
  // The padding and the lengths follow the ciphertext for as long as it takes to authenticate all in one go.
  const rest = length & 15;
  const end = data + <usize>(length - rest);
  let blocks = length >> 4;
  if (rest > 0) v128.store(end, v128.and(v128.load(end), firstBytes(rest)));
  if (rest > 0) blocks++;
  v128.store(data + ((<usize>blocks) << 4), lengths(aadLength, length));
  poly1305Blocks(data, blocks + 1);
  poly1305Finish(data + <usize>length);
}

/**
 * Opens in place: 1 if the tag at data + length is right, and data[0..length) is the plaintext; 0 otherwise, and then
 * data is as it was. Changes nothing else; reads up to 31 bytes behind data[length], 15 behind the end of `aad`.
 */
export function aeadOpen(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: i32,
  data: usize,
  length: i32,
): i32 {
  begin(key, nonce, aad, aadLength, length);
  const rest = length & 15;
  const end = data + <usize>(length - rest);
  poly1305Blocks(data, length >> 4);
  if (rest > 0) {
    v128.store(TAIL, v128.and(v128.load(end), firstBytes(rest)));
    v128.store(TAIL, lengths(aadLength, length), 16);
    poly1305Blocks(TAIL, 2);
  } else {
    v128.store(TAIL, lengths(aadLength, length));
    poly1305Blocks(TAIL, 1);
  }
  poly1305Finish(TAG);
  // One comparison of all 128 bits, without an early exit.
  if (v128.any_true(v128.xor(v128.load(TAG), v128.load(data + <usize>length)))) return 0;
  chacha20Xor(key, nonce, data, length);
  return 1;
}
