import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { openCore } from "../runtime/core-support.ts";

// TLS_SHA256_SHA256 (RFC 9150) spelled out byte by byte, with the HMAC of node:crypto.

const key = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
// §5: the IV is as long as the HMAC's output.
const iv = Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "hex");
const keys = { protection: 3, key, iv, snKey: new Uint8Array(0) } as const;

test("a record is header, DTLSInnerPlaintext and HMAC(write_key, nonce || header || DTLSInnerPlaintext)", async () => {
  const { core, exports, slot } = openCore();
  const sealer = core.createSealer(keys, { epoch: 3, connectionId: Uint8Array.of(0xc1, 0xd0) });
  exports.setNextSequence(slot(), 0x0102_0304_0506);
  const record = new Uint8Array(sealer.overhead + 5 + 2);
  expect(await sealer.seal(23, Buffer.from("hello"), 2, record, 0)).toBe(record.length);

  // 001, connection ID, 16 bits, length, epoch 3; the record number is readable; 5 + 1 + 2 + 32 bytes
  const header = Buffer.from("3fc1d005060028", "hex");
  const inner = Buffer.from("68656c6c6f170000", "hex");
  // The sequence number, padded to the IV's length on the left, XOR the IV
  const nonce = Buffer.from(iv);
  for (const [i, byte] of [0, 0, 1, 2, 3, 4, 5, 6].entries()) nonce[24 + i] ^= byte;
  const tag = createHmac("sha256", key).update(nonce).update(header).update(inner).digest();
  expect(Buffer.from(record)).toEqual(Buffer.concat([header, inner, tag]));

  const opener = core.createOpener(keys, { epoch: 3 });
  exports.setNextSequence(slot(), 0x0102_0304_0506);
  core.reader.begin(record, 2);
  expect(core.reader.next()).toBe(true);
  const { drop, type, sequenceNumber, buffer, start, length } = await opener.open();
  expect({ drop, type, sequenceNumber }).toEqual({ drop: 0, type: 23, sequenceNumber: 0x0102_0304_0506 });
  expect(Buffer.from(buffer.subarray(start, start + length)).toString()).toBe("hello");
});
