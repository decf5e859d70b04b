// HMAC-SHA-256, RFC 2104. A key is kept as the two SHA-256 states after its inner and outer pad: 64 bytes, which saves
// two of the compressions of every HMAC.
import { sha256Blocks, sha256Finish, sha256Init } from "./sha256";

/** The key, zero-padded to a block; all zeros in between. */
const BLOCK: usize = memory.data(64, 16);
const STATE: usize = memory.data(32, 16);
const DIGEST: usize = memory.data(32, 16);

/** RFC 2104 2: state = the hash's after the block `BLOCK ^ pad`. */
function absorbPad(state: usize, pad: v128): void {
  for (let i: usize = 0; i < 64; i += 16) v128.store(BLOCK + i, v128.xor(v128.load(BLOCK + i), pad));
  sha256Init(state);
  sha256Blocks(state, BLOCK, 1);
}

/** Prepares a key of any length: `midstates` gets 64 bytes, the inner state and then the outer one. */
export function hmacKey(key: usize, keyLength: i32, midstates: usize): void {
  if (keyLength > 64) {
    // "will first hash the key": longer than a block.
    const rest = keyLength & 63;
    sha256Init(STATE);
    sha256Blocks(STATE, key, keyLength >> 6);
    sha256Finish(STATE, keyLength, key + <usize>(keyLength - rest), rest, BLOCK);
  } else {
    memory.copy(BLOCK, key, keyLength);
  }
  absorbPad(midstates, i8x16.splat(0x36));
  absorbPad(midstates + 32, i8x16.splat(0x36 ^ 0x5c));
  for (let i: usize = 0; i < 64; i += 16) v128.store(BLOCK + i, i32x4.splat(0));
}

function copyState(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
}

/** HMAC of data[0..length) under a prepared key: 32 bytes to `out`, which may lie anywhere, `data` included. */
export function hmac(midstates: usize, data: usize, length: i32, out: usize): void {
  const rest = length & 63;
  copyState(STATE, midstates);
  sha256Blocks(STATE, data, length >> 6);
  // The pads are a block each, and part of the lengths that are hashed.
  sha256Finish(STATE, length + 64, data + <usize>(length - rest), rest, DIGEST);
  copyState(STATE, midstates + 32);
  sha256Finish(STATE, 96, DIGEST, 32, out);
}
