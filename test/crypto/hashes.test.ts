import { createHash as nodeHash, createHmac as nodeHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordCore } from "../../src/core/index.ts";
import { createCoreHashes } from "../../src/crypto/core-hashes.ts";
import { createNobleHashes } from "../../src/crypto/hashes.ts";
import { nodeHashes } from "../../src/crypto/node.ts";
import type { HashName } from "../../src/crypto/provider.ts";
import { hex, toHex, utf8 } from "./providers.ts";

const names: HashName[] = ["SHA-256", "SHA-384"];
const nodeName = (name: HashName) => name.replace("-", "").toLowerCase();
const bytes = fc.uint8Array({ maxLength: 300 });

describe.each([
  ["noble", createNobleHashes()],
  ["node", nodeHashes],
  ["the core", createCoreHashes(RecordCore.loadSync())],
])("hashes of %s", (_name, hashes) => {
  test("FIPS 180-4 example: one block", () => {
    expect(toHex(hashes.createHash("SHA-256").update(utf8("abc")).digest())).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(toHex(hashes.createHash("SHA-384").update(utf8("abc")).digest())).toBe(
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    );
  });

  // RFC 4231 §4.2, §4.3, §4.7
  test.each([
    [
      hex("0b".repeat(20)),
      utf8("Hi There"),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
    ],
    [
      utf8("Jefe"),
      utf8("what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ],
    [
      hex("aa".repeat(131)),
      utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
    ],
  ])("RFC 4231 vector %#", (key, data, sha256, sha384) => {
    expect(toHex(hashes.hmac("SHA-256", key, data))).toBe(sha256);
    expect(toHex(hashes.hmac("SHA-384", key, data))).toBe(sha384);
  });

  test("RFC 5869 appendix A.1 from two HMACs", () => {
    const prk = hashes.hmac("SHA-256", hex("000102030405060708090a0b0c"), hex("0b".repeat(22)));
    expect(toHex(prk)).toBe("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    const info = hex("f0f1f2f3f4f5f6f7f8f9");
    const t1 = hashes.hmac("SHA-256", prk, info, Uint8Array.of(1));
    const t2 = hashes.hmac("SHA-256", prk, t1, info, Uint8Array.of(2));
    expect(toHex(t1) + toHex(t2).slice(0, 20)).toBe(
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
  });

  test("a digest in between and a clone leave the hash as it was", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), bytes, bytes, bytes, (name, a, b, c) => {
        const hash = hashes.createHash(name).update(a);
        const clone = hash.clone();
        expect(toHex(hash.digest())).toBe(nodeHash(nodeName(name)).update(a).digest("hex"));
        expect(toHex(hash.update(b).digest())).toBe(
          nodeHash(nodeName(name)).update(a).update(b).digest("hex"),
        );
        expect(toHex(clone.update(c).digest())).toBe(
          nodeHash(nodeName(name)).update(a).update(c).digest("hex"),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("HMAC agrees with node:crypto over changing and repeated keys, and does not keep the key array", () => {
    const key = new Uint8Array(40);
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(bytes, { maxLength: 4 }),
        fc.nat(3),
        (name, parts, mark) => {
          key[0] = mark;
          expect(toHex(hashes.hmac(name, key, ...parts))).toBe(
            nodeHmac(nodeName(name), key).update(Buffer.concat(parts)).digest("hex"),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test("messages and keys of any length, whole and in pieces", () => {
    const long = Uint8Array.from({ length: 50_000 }, (_, i) => i * 7);
    for (const name of names) {
      for (const length of [0, 63, 64, 111, 112, 119, 120, 127, 128, 129, 16_256, 16_384, 50_000]) {
        const message = long.subarray(0, length);
        const expected = nodeHash(nodeName(name)).update(message).digest("hex");
        expect(toHex(hashes.createHash(name).update(message).digest())).toBe(expected);
        const pieces = hashes.createHash(name);
        for (let at = 0; at < length; at += 4999) pieces.update(message.subarray(at, at + 4999));
        expect(toHex(pieces.digest())).toBe(expected);
        const key = long.subarray(0, length % 1000);
        expect(toHex(hashes.hmac(name, key, message.subarray(0, 9000)))).toBe(
          nodeHmac(nodeName(name), key).update(message.subarray(0, 9000)).digest("hex"),
        );
      }
    }
  });
});
