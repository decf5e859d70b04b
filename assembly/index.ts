// The record core's whole interface: numbers in, numbers out. Pointers are byte offsets into the exported memory.
// src/core/instance.ts is its typed face and the only caller.

import { hmacKey, hmac as hmacOf } from "./hmac";
import { HEADER, IN, MASK, NONCE, OUT, RESULT, STAGING, STAGING_SIZE } from "./layout";
import { forgetRecords } from "./record";
import {
  allocate,
  CID,
  CID_LENGTH,
  FAILED,
  FIRST,
  fillFromStaging,
  KEY,
  KIND,
  KIND_HMAC_SHA256,
  LIMIT,
  NEXT,
  release,
  SLOT_SIZE,
  slotsInUse,
} from "./slot";
import { accept, mayAccept } from "./window";

export { aeadOpen, aeadSeal } from "./aead";
export { chacha20Block } from "./chacha20";
export { poly1305Blocks, poly1305Finish, poly1305Init } from "./poly1305";
export { finishOpen, frame, framePlaintext, open, prepareOpen, prepareSeal, seal } from "./record";
export { sha256Blocks, sha256Finish, sha256Init } from "./sha256";
export { sha512Blocks } from "./sha512";
export { HEADER, IN, MASK, NONCE, OUT, RESULT, SLOT_SIZE, STAGING, STAGING_SIZE, slotsInUse };

/**
 * A slot for the keys of one epoch in one direction, which lie in STAGING as key (32), record number key (32),
 * IV (32) and connection ID (20), each padded with zeros. Answers 0 when memory is exhausted.
 */
export function createSlot(kind: i32, epoch: i32, cidLength: i32, limit: f64): usize {
  const slot = allocate();
  if (slot == 0) {
    memory.fill(STAGING, 0, 116);
    return 0;
  }
  fillFromStaging(slot);
  if (kind == KIND_HMAC_SHA256) hmacKey(slot + KEY, 32, slot + KEY);
  // 001, connection ID if any, 16-bit sequence number, length, epoch (RFC 9147 §4)
  store<u8>(slot + FIRST, <u8>(0x2c | (cidLength != 0 ? 0x10 : 0) | (epoch & 3)));
  store<u8>(slot + CID_LENGTH, <u8>cidLength);
  store<u64>(slot + LIMIT, <u64>limit);
  store<u8>(slot + KIND, <u8>kind);
  return slot;
}

/** Wipes a slot, and what records have left in scratch memory; the datagram at IN may still be read. */
export function releaseSlot(slot: usize): void {
  release(slot);
  forgetRecords();
}

/** Sends the connection ID in STAGING from now on (RFC 9147 §9). */
export function setConnectionId(slot: usize, cidLength: i32): void {
  memory.copy(slot + CID, STAGING, cidLength);
  store<u8>(slot + CID_LENGTH, <u8>cidLength);
  const first = load<u8>(slot + FIRST) & 0xef;
  store<u8>(slot + FIRST, cidLength != 0 ? first | 0x10 : first);
}

/** The next sequence number to send, or one above the highest received. */
export function nextSequence(slot: usize): f64 {
  return <f64>load<u64>(slot + NEXT);
}

/** How many records failed deprotection under this key. */
export function failedRecords(slot: usize): f64 {
  return <f64>load<u64>(slot + FAILED);
}

/** Continues from a counter; only tests and benchmarks need to. */
export function setNextSequence(slot: usize, sequence: f64): void {
  store<u64>(slot + NEXT, <u64>sequence);
}

export function windowMayAccept(slot: usize, sequence: f64): bool {
  return mayAccept(slot, <u64>sequence);
}

export function windowAccept(slot: usize, sequence: f64): bool {
  return accept(slot, <u64>sequence);
}

/** HMAC-SHA-256 of the message in STAGING, behind a key of `keyLength` bytes; the tag is left at MASK, the rest wiped. */
export function hmacStaged(keyLength: i32, length: i32): void {
  hmacKey(STAGING, keyLength, MIDSTATES);
  hmacOf(MIDSTATES, STAGING + <usize>keyLength, length, MASK);
  memory.fill(STAGING, 0, keyLength + length);
  memory.fill(MIDSTATES, 0, 64);
}

const MIDSTATES: usize = memory.data(64, 16);
