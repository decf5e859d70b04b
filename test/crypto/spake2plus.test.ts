import { createHash, createHmac, scryptSync } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { derivePbkdf2, deriveScrypt } from "../../src/crypto/password.ts";
import { defaultIterations, encodePasswordInput, preparePassword } from "../../src/crypto/password-input.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import {
  createDecoyRecord,
  createProverSecret,
  createVerifierRecord,
  encodeTranscript,
  reduceScalar,
  respondAsVerifier,
  startAsProver,
} from "../../src/crypto/spake2plus.ts";
import { cryptos, hex, providers, toHex, utf8 } from "./providers.ts";
import { vectors } from "./spake2plus-vectors.ts";

/** The same protocol with SHA-512 in the place of SHA-256, for the vectors that have it. */
const withSha512 = (provider: CryptoProvider): CryptoProvider => ({
  ...provider,
  createHash: () => {
    const hash = createHash("sha512");
    const wrapper = {
      update(bytes: Uint8Array) {
        hash.update(bytes);
        return wrapper;
      },
      digest: () => new Uint8Array(hash.copy().digest()),
      clone: () => wrapper,
    };
    return wrapper;
  },
  hmac: (_name, key, ...parts) =>
    new Uint8Array(createHmac("sha512", key).update(Buffer.concat(parts)).digest()),
});

const shareOf = (provider: CryptoProvider, scalar: string) =>
  provider.importP256Share(hex(scalar), p256.getPublicKey(hex(scalar), false).slice());

const parties = { context: utf8("test"), idProver: utf8("client"), idVerifier: utf8("server") };
const secret = createProverSecret(hex("11".repeat(32)), hex("22".repeat(32)));
const illegal = { name: "SealgramError", code: "invalid_pake_share", alert: "illegal_parameter" };
const mismatch = { name: "SealgramError", code: "pake_confirmation_mismatch", alert: "decrypt_error" };

/** The protocol as RFC 9383 writes it, with nothing but @noble/curves: the reference for the fast way. */
const reference = (w0: bigint, w1: bigint, x: bigint, y: bigint) => {
  const { Point } = p256;
  const M = Point.fromHex("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f");
  const N = Point.fromHex("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49");
  const X = Point.BASE.multiply(x).add(M.multiply(w0));
  const Y = Point.BASE.multiply(y).add(N.multiply(w0));
  const Z = X.subtract(M.multiply(w0)).multiply(y);
  const V = Point.BASE.multiply(w1).multiply(y);
  return { X, Y, Z, V };
};

test.each(vectors)("transcript of $context", (vector) => {
  const { context, idProver, idVerifier, TT, mainKey } = vector;
  const transcript = encodeTranscript(
    { context: utf8(context), idProver: utf8(idProver), idVerifier: utf8(idVerifier) },
    hex(vector.shareP),
    hex(vector.shareV),
    hex(vector.Z),
    hex(vector.V),
    hex(vector.w0),
  );
  expect(toHex(transcript)).toBe(TT);
  const hash = context.includes("SHA512") ? "sha512" : "sha256";
  expect(createHash(hash).update(transcript).digest("hex")).toBe(mainKey);
});

describe.each(providers)("SPAKE2+ by %s", (_name, plain) => {
  test.each(vectors)("$context", async (vector) => {
    const provider = vector.context.includes("SHA512") ? withSha512(plain) : plain;
    const identities = {
      context: utf8(vector.context),
      idProver: utf8(vector.idProver),
      idVerifier: utf8(vector.idVerifier),
    };
    const credential = createProverSecret(hex(vector.w0), hex(vector.w1));
    expect(toHex(credential.L)).toBe(vector.L);
    const prover = await startAsProver(provider, credential, identities, await shareOf(provider, vector.x));
    expect(toHex(prover.shareP)).toBe(vector.shareP);
    const record = createVerifierRecord(hex(vector.w0), hex(vector.L));
    const y = await shareOf(provider, vector.y);
    const answer = await respondAsVerifier(provider, record, identities, prover.shareP, y);
    expect(toHex(answer.message.subarray(0, 65))).toBe(vector.shareV);
    expect(toHex(answer.sharedKey)).toBe(vector.sharedKey);
    if (vector.context.includes("HMAC-SHA256")) {
      expect(toHex(answer.message.subarray(65))).toBe(vector.confirmV);
    }
    if (vector.context.includes("-HMAC-")) expect(toHex(answer.confirmP)).toBe(vector.confirmP);
    if (!vector.context.includes("SHA512")) {
      const finished = await prover.finish(answer.message);
      expect(toHex(finished.sharedKey)).toBe(vector.sharedKey);
      expect(toHex(finished.confirmP)).toBe(toHex(answer.confirmP));
    }
  });

  test("gives the points of the plain computation, for scalars of every size", async () => {
    const order = p256.Point.CURVE().n;
    const scalar = fc.oneof(
      fc.constantFrom(1n, 2n, 3n, order - 1n, order - 2n),
      fc.bigInt({ min: 1n, max: order - 1n }),
    );
    const bytes = (value: bigint) => value.toString(16).padStart(64, "0");
    await fc.assert(
      fc.asyncProperty(scalar, scalar, scalar, scalar, async (w0, w1, x, y) => {
        // Their sums with P are the identity, which no share may lead to (see below).
        fc.pre(x !== order - 1n && w1 !== order - 1n);
        const credential = createProverSecret(hex(bytes(w0)), hex(bytes(w1)));
        const prover = await startAsProver(plain, credential, parties, await shareOf(plain, bytes(x)));
        const { X, Y, Z, V } = reference(w0, w1, x, y);
        fc.pre(!X.is0() && !Y.is0() && y !== order - 1n);
        expect(toHex(prover.shareP)).toBe(X.toHex(false));
        const answer = await respondAsVerifier(
          plain,
          credential,
          parties,
          prover.shareP,
          await shareOf(plain, bytes(y)),
        );
        expect(toHex(answer.message.subarray(0, 65))).toBe(Y.toHex(false));
        const transcript = encodeTranscript(
          parties,
          X.toBytes(false),
          Y.toBytes(false),
          Z.toBytes(false),
          V.toBytes(false),
          credential.w0,
        );
        const main = createHash("sha256").update(transcript).digest();
        const prk = createHmac("sha256", new Uint8Array(32)).update(main).digest();
        const expected = createHmac("sha256", prk).update("SharedKey\x01").digest("hex");
        expect(toHex(answer.sharedKey)).toBe(expected);
        expect(toHex((await prover.finish(answer.message)).sharedKey)).toBe(expected);
      }),
      { numRuns: 8 },
    );
  });

  test("two ends with one password share a key, another one each time", async () => {
    const keys = new Set<string>();
    for (const [, other] of providers) {
      const prover = await startAsProver(plain, secret, parties);
      const answer = await respondAsVerifier(other, secret, parties, prover.shareP);
      const finished = await prover.finish(answer.message);
      expect(toHex(finished.sharedKey)).toBe(toHex(answer.sharedKey));
      expect(toHex(finished.confirmP)).toBe(toHex(answer.confirmP));
      keys.add(toHex(finished.sharedKey));
    }
    expect(keys.size).toBe(providers.length);
  });

  test("another password, context or identity: the prover sees a wrong confirmation, the keys differ", async () => {
    const wrong = [
      [createProverSecret(hex("12".repeat(32)), secret.w1), parties],
      [createProverSecret(secret.w0, hex("23".repeat(32))), parties],
      [createDecoyRecord(plain), parties],
      [secret, { ...parties, context: utf8("other") }],
      [secret, { ...parties, idProver: utf8("clien") }],
      [secret, { ...parties, idVerifier: utf8("servers") }],
      [secret, { ...parties, idProver: utf8("clients"), idVerifier: utf8("erver") }],
    ] as const;
    for (const [record, identities] of wrong) {
      const prover = await startAsProver(plain, secret, parties);
      const answer = await respondAsVerifier(plain, record, identities, prover.shareP);
      await expect(prover.finish(answer.message)).rejects.toMatchObject(mismatch);
    }
  });

  test("RFC 9383 §6: a share that is no point is refused by either end", async () => {
    const prover = await startAsProver(plain, secret, parties);
    const { message } = await respondAsVerifier(plain, secret, parties, prover.shareP);
    const compressed = p256.Point.BASE.toBytes(true);
    const offCurve = prover.shareP.slice();
    offCurve[64]! ^= 1;
    for (const share of [
      hex(""),
      hex("00"),
      new Uint8Array(65),
      compressed,
      offCurve,
      prover.shareP.subarray(1),
      new Uint8Array([...prover.shareP, 0]),
    ]) {
      await expect(respondAsVerifier(plain, secret, parties, share)).rejects.toMatchObject(illegal);
      await expect(prover.finish(new Uint8Array([...share, ...message.subarray(65)]))).rejects.toMatchObject(
        illegal,
      );
    }
    await expect(prover.finish(message.subarray(0, 96))).rejects.toMatchObject(illegal);
    await prover.finish(message);
  });

  test("RFC 9383 §6: a share that leaves the identity, or its neighbour, is refused by either end", async () => {
    const minusBase = p256.Point.BASE.negate();
    const w0M = p256.Point.fromBytes(secret.w0M);
    const w0N = p256.Point.fromBytes(secret.w0N);
    for (const share of [w0M, w0M.add(minusBase)]) {
      await expect(respondAsVerifier(plain, secret, parties, share.toBytes(false))).rejects.toMatchObject(
        illegal,
      );
    }
    const prover = await startAsProver(plain, secret, parties);
    for (const share of [w0N, w0N.add(minusBase)]) {
      const message = new Uint8Array([...share.toBytes(false), ...new Uint8Array(32)]);
      await expect(prover.finish(message)).rejects.toMatchObject(illegal);
    }
  });

  test("a changed confirmation is refused, bit by bit", async () => {
    const prover = await startAsProver(plain, secret, parties);
    const { message } = await respondAsVerifier(plain, secret, parties, prover.shareP);
    for (const i of [65, 80, 96]) {
      const changed = message.slice();
      changed[i]! ^= 0x80;
      await expect(prover.finish(changed)).rejects.toMatchObject(mismatch);
    }
  });
});

test("records and secrets of a wrong form are the caller's errors", () => {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  for (const bad of ["00".repeat(32), order, "11".repeat(31), "11".repeat(33)]) {
    expect(() => createVerifierRecord(hex(bad), secret.L)).toThrow();
    expect(() => createProverSecret(secret.w0, hex(bad))).toThrow();
  }
  expect(() => createVerifierRecord(secret.w0, new Uint8Array(65))).toThrow(TypeError);
});

describe("passwords", () => {
  const identities = { idProver: utf8("alice"), idVerifier: utf8("server.example") };
  const salt = hex("000102030405060708090a0b0c0d0e0f");

  test("the input is len(pw) || pw || len(idProver) || idProver || len(idVerifier) || idVerifier", () => {
    expect(toHex(encodePasswordInput(utf8("pw"), { idProver: utf8("a"), idVerifier: utf8("") }))).toBe(
      "0200000000000000707701000000000000006100000000000000" + "00",
    );
  });

  test.each(cryptos)(
    "w0 and w1 are the halves of PBKDF2's 80 bytes modulo the order (%s)",
    async (_name, { subtle }) => {
      const { pbkdf2Sync } = await import("node:crypto");
      const output = pbkdf2Sync(encodePasswordInput(utf8("hunter2"), identities), salt, 30_000, 80, "sha256");
      const derived = await derivePbkdf2("hunter2", identities, { salt, iterations: 30_000 }, subtle);
      const order = p256.Point.CURVE().n;
      const half = (from: number) =>
        (BigInt(`0x${output.subarray(from, from + 40).toString("hex")}`) % order)
          .toString(16)
          .padStart(64, "0");
      expect(toHex(derived.w0)).toBe(half(0));
      expect(toHex(derived.w1)).toBe(half(40));
    },
  );

  test("BoringSSL's way is scrypt (32768, 8, 1) without a salt", async () => {
    const input = encodePasswordInput(utf8("password"), identities);
    const output = scryptSync(input, "", 80, { N: 32_768, r: 8, p: 1, maxmem: 64 << 20 });
    const derived = await deriveScrypt(utf8("password"), identities);
    expect(toHex(derived.w0)).toBe(toHex(reduceScalar(output.subarray(0, 40))));
    expect(toHex(derived.w1)).toBe(toHex(reduceScalar(output.subarray(40))));
  });

  test("few or absurdly many iterations and short salts are refused before any work", async () => {
    for (const iterations of [0, 29_999, 10_000_001, 30_000.5, Number.NaN]) {
      await expect(derivePbkdf2("x", identities, { salt, iterations })).rejects.toThrow(RangeError);
    }
    const short = { salt: salt.subarray(1), iterations: defaultIterations };
    await expect(derivePbkdf2("x", identities, short)).rejects.toThrow(RangeError);
  });

  test("RFC 8265 §4.2.2: passwords that look alike are one; empty ones and control characters are refused", () => {
    expect(toHex(preparePassword("e\u0301\u00a0x"))).toBe(toHex(utf8("\u00e9 x")));
    expect(toHex(preparePassword("A\u2126"))).toBe(toHex(utf8("A\u03a9")));
    for (const bad of ["", "a\nb", "\u0000", "\ud800"]) expect(() => preparePassword(bad)).toThrow(TypeError);
  });
});
