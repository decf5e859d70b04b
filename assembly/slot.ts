// A slot holds the keys of one epoch in one direction, with its counters and replay window.
//
//   offset  bytes  ChaCha20-Poly1305     AES-GCM (the host's)   TLS_SHA256_SHA256
//        0     32  write key             -                      HMAC midstate, inner
//       32     32  record number key     -                      HMAC midstate, outer
//       64     32  IV (12)               IV (12)                IV (32)
//       96      8  next sequence number to send, or one above the highest received
//      104      8  records that failed deprotection
//      112      8  limit: records sealed, or failed deprotections, after which the key is dead
//      120      1  kind (0 when the slot is free)
//      121      1  first byte of the unified header
//      122      1  length of the connection ID, to send or to expect
//      123     20  connection ID to send
//      144    136  replay window: 17 words of 64 bits

import { NONCE, STAGING } from "./layout";

export const KEY: usize = 0;
export const SN_KEY: usize = 32;
export const IV: usize = 64;
export const NEXT: usize = 96;
export const FAILED: usize = 104;
export const LIMIT: usize = 112;
export const KIND: usize = 120;
export const FIRST: usize = 121;
export const CID_LENGTH: usize = 122;
export const CID: usize = 123;
export const WINDOW: usize = 144;
export const SLOT_SIZE: usize = 288;

export const KIND_CHACHA20_POLY1305: i32 = 1;
export const KIND_EXTERNAL: i32 = 2;
export const KIND_HMAC_SHA256: i32 = 3;

const PAGE: usize = 65_536;

let unused: usize = __heap_base;
let free: usize = 0;
let inUse: i32 = 0;

/** A wiped slot, or 0 when no memory is left. */
export function allocate(): usize {
  let slot = free;
  if (slot != 0) {
    free = load<u32>(slot);
    store<u32>(slot, 0);
  } else {
    // Aligned so that no slot's hot words straddle a cache line more than they must.
    slot = (unused + 31) & ~(<usize>31);
    const end = slot + SLOT_SIZE;
    const size = <usize>memory.size() * PAGE;
    if (end > size) {
      // An eighth at a time: few growths (each detaches the host's views), little waste.
      const pages = <i32>(size / PAGE / 8) + 1;
      if (memory.grow(pages) < 0) return 0;
    }
    unused = end;
  }
  inUse++;
  return slot;
}

/** Wipes a slot, keys first of all, and keeps it for the next epoch. */
export function release(slot: usize): void {
  memory.fill(slot, 0, SLOT_SIZE);
  store<u32>(slot, <u32>free);
  free = slot;
  inUse--;
}

export function slotsInUse(): i32 {
  return inUse;
}

/** Moves the keys that lie in STAGING (key 32, record number key 32, IV 32, connection ID 20) into the slot. */
export function fillFromStaging(slot: usize): void {
  memory.copy(slot + KEY, STAGING, 96);
  memory.copy(slot + CID, STAGING + 96, 20);
  memory.fill(STAGING, 0, 116);
}

/**
 * The per-record nonce: the sequence number, big-endian and padded on the left to the length of the IV, XOR the IV
 * (RFC 8446 §5.3; RFC 9147 §4: the 64-bit sequence number, without the epoch).
 */
export function writeNonce(slot: usize, sequence: u64): void {
  if (load<u8>(slot + KIND) == <u8>KIND_HMAC_SHA256) {
    v128.store(NONCE, v128.load(slot + IV));
    v128.store(NONCE + 16, v128.load(slot + IV + 16));
    store<u64>(NONCE + 24, load<u64>(slot + IV + 24) ^ bswap<u64>(sequence));
  } else {
    store<u32>(NONCE, load<u32>(slot + IV));
    store<u64>(NONCE + 4, load<u64>(slot + IV + 4) ^ bswap<u64>(sequence));
  }
}

/** Writes the unified header of the next record at `to` and answers its length, 25 at most (RFC 9147 §4). */
export function writeHeader(slot: usize, sequence: u64, bodyLength: i32, to: usize): i32 {
  store<u8>(to, load<u8>(slot + FIRST));
  const cidLength = <usize>load<u8>(slot + CID_LENGTH);
  if (cidLength != 0) memory.copy(to + 1, slot + CID, cidLength);
  const at = to + 1 + cidLength;
  store<u16>(at, bswap<u16>(<u16>sequence));
  store<u16>(at + 2, bswap<u16>(<u16>bodyLength));
  return 5 + <i32>cidLength;
}
