// AEAD_CHACHA20_POLY1305, RFC 8439 2.8, in place. Lengths are public; nothing here branches on, or addresses by, a secret.
import {
  chacha20Block,
  chacha20Blocks1,
  chacha20Blocks2,
  chacha20Blocks3,
  chacha20Blocks4,
  SPILLED,
} from "./chacha20";
import { poly1305Blocks, poly1305Finish, poly1305Init } from "./poly1305";

/** Keystream of two passes of four blocks at most. In the first pass block 0 is the one-time Poly1305 key (2.6). */
const KEYSTREAM: usize = memory.data(512, 16);
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

/** data[0..length) ^= keystream; the bytes that follow are rewritten as they were. */
function xorKeystream(data: usize, from: usize, length: i32): void {
  for (; length >= 64; length -= 64) {
    v128.store(data, v128.xor(v128.load(data), v128.load(from)));
    v128.store(data, v128.xor(v128.load(data, 16), v128.load(from, 16)), 16);
    v128.store(data, v128.xor(v128.load(data, 32), v128.load(from, 32)), 32);
    v128.store(data, v128.xor(v128.load(data, 48), v128.load(from, 48)), 48);
    data += 64;
    from += 64;
  }
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

/**
 * Keystream for up to four blocks from `counter` on. Meanwhile Poly1305 takes in as much of data[0..length) as it can, in
 * pairs of blocks; returns how many bytes that was.
 */
function keystream(
  key: usize,
  counter: u32,
  nonce: usize,
  blocks: i32,
  out: usize,
  data: usize,
  length: i32,
): i32 {
  const pairs = min(length >> 5, 10);
  if (blocks > 3) chacha20Blocks4(key, counter, nonce, out, data, pairs);
  else if (blocks === 3) chacha20Blocks3(key, counter, nonce, out, data, pairs);
  else if (blocks === 2) chacha20Blocks2(key, counter, nonce, out, data, pairs);
  else chacha20Blocks1(key, counter, nonce, out, data, pairs);
  return pairs << 5;
}

/** The first pass: the one-time key (2.6) and the keystream of up to 192 bytes of data together; then the AAD. */
function begin(key: usize, nonce: usize, aad: usize, aadLength: i32, length: i32): void {
  keystream(key, 0, nonce, 1 + blocksOf(length), KEYSTREAM, 0, 0);
  poly1305Init(KEYSTREAM);
  const whole = aadLength >> 4;
  if (whole > 0) poly1305Blocks(aad, whole);
  const rest = aadLength & 15;
  if (rest > 0) {
    v128.store(TAIL, v128.and(v128.load(aad + ((<usize>whole) << 4)), firstBytes(rest)));
    poly1305Blocks(TAIL, 1);
  }
}

/** After `begin`: encrypts data[0..length). Returns how many bytes of ciphertext are authenticated, a multiple of 32. */
function encrypt(key: usize, nonce: usize, data: usize, length: i32): i32 {
  let absorbed: i32 = 0;
  let done = min(length, 192);
  xorKeystream(data, KEYSTREAM + 64, done);
  for (let counter: u32 = 4; done < length; counter += 4) {
    const count = min(length - done, 256);
    const ready = data + <usize>absorbed;
    absorbed += keystream(key, counter, nonce, blocksOf(count), KEYSTREAM, ready, done - absorbed);
    xorKeystream(data + <usize>done, KEYSTREAM, count);
    done += count;
  }
  return absorbed;
}

/**
 * After `begin`: decrypts data[0..length), and authenticates all of its whole blocks. Decryption stays a pass behind the
 * keystream, for Poly1305 to have a pass' worth of ciphertext to work on at any time.
 */
function decrypt(key: usize, nonce: usize, data: usize, length: i32): void {
  let absorbed: i32 = 0;
  let done: i32 = 0;
  let end = min(length, 192);
  let from = KEYSTREAM + 64;
  let other = KEYSTREAM + 256;
  for (let counter: u32 = 4; done < length; counter += 4) {
    const count = min(length - end, 256);
    if (count > 0) {
      const ready = data + <usize>absorbed;
      absorbed += keystream(key, counter, nonce, blocksOf(count), other, ready, end + count - absorbed);
    }
    if (absorbed < end) {
      const blocks = (end - absorbed) >> 4;
      poly1305Blocks(data + <usize>absorbed, blocks);
      absorbed += blocks << 4;
    }
    xorKeystream(data + <usize>done, from, end - done);
    done = end;
    end += count;
    from = other;
    other = KEYSTREAM + 256 - (other - KEYSTREAM);
  }
}

/**
 * Encrypts, and authenticates a part of it. Behind the ciphertext follow, for the time being, its padding and the block of
 * lengths; returns how many of the blocks that end there are left to Poly1305.
 */
function sealBody(key: usize, nonce: usize, aad: usize, aadLength: i32, data: usize, length: i32): i32 {
  begin(key, nonce, aad, aadLength, length);
  const absorbed = encrypt(key, nonce, data, length);
  const rest = length & 15;
  const end = data + <usize>(length - rest);
  if (rest > 0) v128.store(end, v128.and(v128.load(end), firstBytes(rest)));
  const padded = (length + 15) & -16;
  v128.store(data + <usize>padded, i32x4(aadLength, 0, length, 0));
  return ((padded - absorbed) >> 4) + 1;
}

/** Where the last `blocks` blocks of what `sealBody` leaves begin. */
function lastBlocks(data: usize, length: i32, blocks: i32): usize {
  return data + <usize>((((length + 15) >> 4) + 1 - blocks) << 4);
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
  const blocks = sealBody(key, nonce, aad, aadLength, data, length);
  poly1305Blocks(lastBlocks(data, length, blocks), blocks);
  poly1305Finish(data + <usize>length);
}

/**
 * `aeadSeal`, and the ChaCha20 block under `maskKey` whose counter and nonce are the first 16 bytes of what it has sealed
 * (RFC 9147 4.2.3), 64 bytes at `mask`: computed while Poly1305 works off the rest, it costs next to nothing.
 */
export function aeadSealMask(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: i32,
  data: usize,
  length: i32,
  maskKey: usize,
  mask: usize,
): void {
  const blocks = sealBody(key, nonce, aad, aadLength, data, length);
  const rest = lastBlocks(data, length, blocks);
  if (length < 16) {
    // The sample reaches into the tag.
    poly1305Blocks(rest, blocks);
    poly1305Finish(data + <usize>length);
    chacha20Block(maskKey, load<u32>(data), data + 4, mask);
    return;
  }
  const pairs = min(blocks >> 1, 10);
  chacha20Blocks1(maskKey, load<u32>(data), data + 4, mask, rest, pairs);
  poly1305Blocks(rest + ((<usize>pairs) << 5), blocks - 2 * pairs);
  poly1305Finish(data + <usize>length);
}

/**
 * Opens in place: 1 if the tag at data + length is right, and data[0..length) is the plaintext; 0 otherwise, and then
 * data is as it was. Changes nothing else, and reads nothing behind the tag; but up to 15 bytes behind the end of `aad`.
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
  v128.store(rest > 0 ? TAIL + 16 : TAIL, i32x4(aadLength, 0, length, 0));
  decrypt(key, nonce, data, length);
  poly1305Blocks(TAIL, rest > 0 ? 2 : 1);
  poly1305Finish(TAG);
  // One comparison of all 128 bits, without an early exit.
  if (!v128.any_true(v128.xor(v128.load(TAG), v128.load(data + <usize>length)))) return 1;
  // Nothing unauthenticated may be released: the same keystream once more restores the ciphertext.
  begin(key, nonce, aad, aadLength, length);
  encrypt(key, nonce, data, length);
  poly1305Finish(TAG);
  return 0;
}

/** Wipes what the last record has left in the scratch memory of the AEAD: keystream, tag. Keys are the caller's. */
export function aeadForget(): void {
  for (let i: usize = 0; i < 512; i += 16) v128.store(KEYSTREAM + i, i32x4.splat(0));
  for (let i: usize = 0; i < 64; i += 16) v128.store(SPILLED + i, i32x4.splat(0));
  for (let i: usize = 0; i < 32; i += 16) v128.store(TAIL + i, i32x4.splat(0));
  v128.store(TAG, i32x4.splat(0));
}
