import { describe, expect, test } from "vitest";
import { hex, providers, toHex, utf8 } from "./providers.ts";

// "The Galois/Counter Mode of Operation", appendix B, test cases 4 and 16
const plaintext = hex(
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
);
const additionalData = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const nonce = hex("cafebabefacedbaddecaf888");
const gcm = [
  {
    key: hex("feffe9928665731c6d6a8f9467308308"),
    sealed:
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091" +
      "5bc94fbc3221a5db94fae95ae7121a47",
  },
  {
    key: hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
    sealed:
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
      "76fc6ece0f4e1768cddf8853bb2d551b",
  },
];

describe.each(providers)("AES-GCM by %s", (_name, provider) => {
  test.each(gcm)("GCM test case $#", async ({ key, sealed }) => {
    const aead = await provider.importAead(key);
    expect(toHex(await aead.seal(nonce, plaintext, additionalData))).toBe(sealed);
    expect(toHex((await aead.open(nonce, hex(sealed), additionalData))!)).toBe(toHex(plaintext));
  });

  test("nothing opens that was changed, cut or given another nonce, key or additional data", async () => {
    const { key, sealed } = gcm[1]!;
    const aead = await provider.importAead(key);
    const bytes = hex(sealed);
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i]! ^= 1 << (i % 8);
      expect(await aead.open(nonce, changed, additionalData)).toBe(null);
    }
    for (const length of [0, 1, 15, 16, 17, bytes.length - 1]) {
      expect(await aead.open(nonce, bytes.subarray(0, length), additionalData)).toBe(null);
    }
    expect(await aead.open(nonce, bytes, additionalData.subarray(1))).toBe(null);
    expect(await aead.open(new Uint8Array(12), bytes, additionalData)).toBe(null);
    const other = await provider.importAead(new Uint8Array(32));
    expect(await other.open(nonce, bytes, additionalData)).toBe(null);
  });

  test("empty plaintext and additional data are sealed too", async () => {
    const aead = await provider.importAead(new Uint8Array(32));
    // Test case 13 of the same appendix
    const sealed = await aead.seal(new Uint8Array(12), new Uint8Array(), new Uint8Array());
    expect(toHex(sealed)).toBe("530f8afbc74536b9a963b4f1c4cb738b");
    expect(await aead.open(new Uint8Array(12), sealed, new Uint8Array())).toEqual(new Uint8Array());
  });

  test("the key array may be wiped after import", async () => {
    const key = new Uint8Array(32).fill(3);
    const aead = await provider.importAead(key);
    key.fill(0);
    const again = await provider.importAead(new Uint8Array(32).fill(3));
    const sealed = await aead.seal(nonce, utf8("x"), additionalData);
    expect(toHex((await again.open(nonce, sealed, additionalData))!)).toBe("78");
  });

  test("wrong lengths are the caller's RangeErrors", async () => {
    const aead = await provider.importAead(new Uint8Array(32));
    const attempts: (() => unknown)[] = [
      () => provider.importAead(new Uint8Array(31)),
      () => provider.importAead(new Uint8Array(24)),
      () => aead.seal(new Uint8Array(11), plaintext, additionalData),
      () => aead.open(new Uint8Array(16), plaintext, additionalData),
    ];
    for (const attempt of attempts) await expect((async () => attempt())()).rejects.toThrow(RangeError);
  });

  test("random bytes have the length asked for and differ", () => {
    expect(provider.random(0).length).toBe(0);
    const [a, b] = [provider.random(32), provider.random(32)];
    expect(a.length).toBe(32);
    expect(toHex(a)).not.toBe(toHex(b));
  });
});
