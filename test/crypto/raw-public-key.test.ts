import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createPinnedKeys } from "../../src/crypto/raw-public-key.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { SealgramError } from "../../src/errors.ts";
import { toHex } from "./providers.ts";

const [known, pinned, stranger] = await Promise.all([
  generateSigner("P-256"),
  generateSigner("Ed25519"),
  generateSigner("P-256"),
]);
const pem = (spki: Uint8Array) =>
  `-----BEGIN PUBLIC KEY-----\n${Buffer.from(spki).toString("base64")}\n-----END PUBLIC KEY-----\n`;
const pins = createPinnedKeys([known.publicKey, pem(pinned.publicKey)]);

test("keys that are pinned come back, as the caller's own copy", () => {
  for (const { publicKey } of [known, pinned]) {
    const hexadecimal = toHex(publicKey);
    const answer = pins.verify(publicKey);
    expect(toHex(answer)).toBe(hexadecimal);
    answer.fill(0);
    expect(toHex(pins.verify(publicKey))).toBe(hexadecimal);
  }
});

test("another key of the same kind is certificate_unknown", () => {
  expect(() => pins.verify(stranger.publicKey)).toThrow(
    expect.objectContaining({ code: "untrusted_public_key", alert: "certificate_unknown" }),
  );
});

test("what is no key is unsupported_certificate", () => {
  const { publicKey } = generateKeyPairSync("x25519");
  const x25519 = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  for (const bytes of [
    new Uint8Array(),
    x25519,
    known.publicKey.subarray(1),
    new Uint8Array([...known.publicKey, 0]),
  ]) {
    expect(() => pins.verify(bytes)).toThrow(
      expect.objectContaining({ code: "invalid_public_key", alert: "unsupported_certificate" }),
    );
  }
});

test("arbitrary bytes and changed keys are never trusted, and fail as SealgramErrors", () => {
  const change = fc
    .tuple(fc.nat(known.publicKey.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, mask]) => {
      const changed = known.publicKey.slice();
      changed[at]! ^= mask;
      return changed;
    });
  fc.assert(
    fc.property(fc.oneof(change, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      expect(() => pins.verify(bytes)).toThrow(SealgramError);
    }),
    { numRuns: 500 },
  );
});

test("keys that cannot be pinned are TypeErrors", () => {
  for (const keys of [
    [],
    [""],
    ["no PEM"],
    [new Uint8Array(5)],
    [pem(new Uint8Array(5))],
    [pem(known.publicKey).repeat(2)],
  ]) {
    expect(() => createPinnedKeys(keys)).toThrow(TypeError);
  }
});
