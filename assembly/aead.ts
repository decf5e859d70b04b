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

/** One to three keystream blocks from `counter` on. */
function keystream(key: usize, counter: u32, nonce: usize, blocks: i32): void {
  if (blocks === 3) chacha20Blocks3(key, counter, nonce, KEYSTREAM);
  else if (blocks === 2) chacha20Blocks2(key, counter, nonce, KEYSTREAM);
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

function blocksOf(length: i32): i32 {
  return (length + 63) >> 6;
}

/** The first pass: the one-time key (2.6) and the keystream of up to 192 bytes of data together; then the AAD. */
function begin(key: usize, nonce: usize, aad: usize, aadLength: i32, length: i32): void {
  const blocks = 1 + blocksOf(length);
  if (blocks > 3) chacha20Blocks4(key, 0, nonce, KEYSTREAM, 0, 0);
  else keystream(key, 0, nonce, blocks);
  poly1305Init(KEYSTREAM);
  const whole = aadLength >> 4;
  if (whole > 0) poly1305Blocks(aad, whole);
  const rest = aadLength & 15;
  if (rest > 0) {
    v128.store(TAIL, v128.and(v128.load(aad + ((<usize>whole) << 4)), firstBytes(rest)));
    poly1305Blocks(TAIL, 1);
  }
}

/**
 * Encrypts or decrypts data[0..length) after `begin`, and authenticates ciphertext while it makes keystream: what has
 * been encrypted so far, or what is about to be decrypted. Returns how many bytes are authenticated, a multiple of 16; when
 * opening, that is all but the last partial block.
 */
function crypt(key: usize, nonce: usize, data: usize, length: i32, opening: bool): i32 {
  let absorbed: i32 = 0;
  let done: i32 = 0;
  let count = min(length, 192);
  let from = KEYSTREAM + 64;
  let counter: u32 = 4;
  while (true) {
    if (opening) {
      // Everything that the next line overwrites, as far as the pass below has not taken it in.
      const blocks = (done + count - absorbed) >> 4;
      poly1305Blocks(data + <usize>absorbed, blocks);
      absorbed += blocks << 4;
    }
    xorKeystream(data + <usize>done, from, count);
    done += count;
    if (done === length) return absorbed;
    count = min(length - done, 256);
    from = KEYSTREAM;
    const needed = blocksOf(count);
    if (needed > 3) {
      const pairs = min(((opening ? done + count : done) - absorbed) >> 5, 8);
      chacha20Blocks4(key, counter, nonce, KEYSTREAM, data + <usize>absorbed, pairs);
      absorbed += pairs << 5;
    } else {
      keystream(key, counter, nonce, needed);
    }
    counter += 4;
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
  const absorbed = crypt(key, nonce, data, length, false);
  // The padding and the lengths follow the ciphertext for as long as it takes to authenticate all in one go.
  const rest = length & 15;
  const whole = data + <usize>(length - rest);
  let end = (length - absorbed) >> 4;
  if (rest > 0) {
    v128.store(whole, v128.and(v128.load(whole), firstBytes(rest)));
    end++;
  }
  const start = data + <usize>absorbed;
  v128.store(start + ((<usize>end) << 4), lengths(aadLength, length));
  poly1305Blocks(start, end + 1);
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
  // The last partial block is put aside before it is decrypted.
  v128.store(TAIL, v128.and(v128.load(data + <usize>(length - rest)), firstBytes(rest)));
  v128.store(rest > 0 ? TAIL + 16 : TAIL, lengths(aadLength, length));
  crypt(key, nonce, data, length, true);
  poly1305Blocks(TAIL, rest > 0 ? 2 : 1);
  poly1305Finish(TAG);
  // One comparison of all 128 bits, without an early exit.
  if (!v128.any_true(v128.xor(v128.load(TAG), v128.load(data + <usize>length)))) return 1;
  // Nothing unauthenticated may be released: the same keystream once more restores the ciphertext.
  begin(key, nonce, aad, aadLength, length);
  crypt(key, nonce, data, length, false);
  return 0;
}
