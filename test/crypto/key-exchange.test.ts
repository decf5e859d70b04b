import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { describe, expect, test } from "vitest";
import { Groups } from "../../src/crypto/group.ts";
import { selectMlKem768 } from "../../src/crypto/mlkem.ts";
import { isP256Point } from "../../src/crypto/p256.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import { createX25519Group } from "../../src/crypto/webcrypto-groups.ts";
import { hex, oldCrypto, providers, toHex } from "./providers.ts";

const illegal = { name: "SealgramError", code: "invalid_key_share", alert: "illegal_parameter" };
const groups = Object.values(Groups);

/** What the protocol asks of both directions, for one group. */
const rejectedByBoth = async (provider: CryptoProvider, group: (typeof groups)[number], peer: Uint8Array) => {
  const share = await provider.generateKeyShare(group);
  await expect((async () => share.agree(peer))()).rejects.toMatchObject(illegal);
  await expect((async () => provider.respondKeyShare(group, peer))()).rejects.toMatchObject(illegal);
};

describe.each(providers)("key exchange by %s", (_name, provider) => {
  test.each(groups)("both sides of group %i agree, with every provider", async (group) => {
    for (const [, other] of providers) {
      const share = await provider.generateKeyShare(group);
      const answer = await other.respondKeyShare(group, share.publicKey);
      const secret = await share.agree(answer.publicKey);
      expect(share.group).toBe(group);
      expect(toHex(secret)).toBe(toHex(answer.secret));
      expect(secret.length).toBe(group === Groups.X25519MLKEM768 ? 64 : 32);
    }
  });

  test.each(groups)("two shares of group %i differ", async (group) => {
    const [a, b] = [await provider.generateKeyShare(group), await provider.generateKeyShare(group)];
    expect(toHex(a.publicKey)).not.toBe(toHex(b.publicKey));
  });

  test("X25519 gives what node:crypto gives", async () => {
    const peer = generateKeyPairSync("x25519");
    const raw = Buffer.from(peer.publicKey.export({ format: "jwk" }).x!, "base64url");
    const { publicKey, secret } = await provider.respondKeyShare(Groups.x25519, raw);
    const x = Buffer.from(publicKey).toString("base64url");
    const own = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    expect(toHex(secret)).toBe(
      diffieHellman({ privateKey: peer.privateKey, publicKey: own }).toString("hex"),
    );
  });

  test("RFC 7748 §5: the unused bit of an X25519 public key is masked", async () => {
    const share = await provider.generateKeyShare(Groups.x25519);
    const peer = (await provider.generateKeyShare(Groups.x25519)).publicKey;
    const secret = await share.agree(peer);
    peer[31]! |= 0x80;
    expect(toHex(await share.agree(peer))).toBe(toHex(secret));
  });

  test("P-256 gives the x-coordinate that node:crypto gives", async () => {
    const peer = createECDH("prime256v1");
    const { publicKey, secret } = await provider.respondKeyShare(Groups.secp256r1, peer.generateKeys());
    expect(toHex(secret)).toBe(peer.computeSecret(publicKey).toString("hex"));
    expect(publicKey[0]).toBe(4);
    expect(publicKey.length).toBe(65);
  });

  test("RFC 8446 §7.4.2: X25519 points of small order are refused", async () => {
    for (const point of [
      "00".repeat(32),
      `01${"00".repeat(31)}`,
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      `ec${"ff".repeat(30)}7f`,
      `ed${"ff".repeat(30)}7f`,
      `ee${"ff".repeat(30)}7f`,
      `${"00".repeat(31)}80`,
    ]) {
      await rejectedByBoth(provider, Groups.x25519, hex(point));
    }
  });

  test("RFC 8446 §4.2.8.2: anything but an uncompressed point of P-256 is refused", async () => {
    const good = createECDH("prime256v1").generateKeys();
    const offCurve = Uint8Array.from(good);
    offCurve[64]! ^= 1;
    const compressed = Buffer.concat([Uint8Array.of(2 + (good[64]! & 1)), good.subarray(1, 33)]);
    const hybrid = Uint8Array.from(good);
    hybrid[0] = 6 + (good[64]! & 1);
    const unreduced = Uint8Array.from(good).fill(0xff, 1, 33);
    for (const point of [
      offCurve,
      compressed,
      hybrid,
      unreduced,
      good.subarray(1),
      hex("00"),
      hex(""),
      Buffer.concat([good, hex("00")]),
    ]) {
      await rejectedByBoth(provider, Groups.secp256r1, point);
    }
  });

  test("a key_exchange of a wrong length is refused", async () => {
    for (const length of [0, 31, 33, 64]) {
      await rejectedByBoth(provider, Groups.x25519, new Uint8Array(length).fill(9));
    }
    for (const length of [0, 1087, 1088, 1119, 1121, 1215, 1217]) {
      await rejectedByBoth(provider, Groups.X25519MLKEM768, new Uint8Array(length).fill(9));
    }
  });

  test("X25519MLKEM768 is ML-KEM first, then X25519, in shares and secret", async () => {
    const kem = ml_kem768.keygen();
    const ecdh = await provider.generateKeyShare(Groups.x25519);
    const answer = await provider.respondKeyShare(
      Groups.X25519MLKEM768,
      Buffer.concat([kem.publicKey, ecdh.publicKey]),
    );
    expect(answer.publicKey.length).toBe(1120);
    const kemSecret = ml_kem768.decapsulate(answer.publicKey.subarray(0, 1088), kem.secretKey);
    const ecdhSecret = await ecdh.agree(answer.publicKey.subarray(1088));
    expect(toHex(answer.secret)).toBe(toHex(kemSecret) + toHex(ecdhSecret));
  });

  test("FIPS 203 §7.2: an encapsulation key with a coefficient of q is refused", async () => {
    const share = await provider.generateKeyShare(Groups.X25519MLKEM768);
    for (const [index, value] of [
      [0, 3329],
      [767, 3329],
      [400, 4095],
    ] as const) {
      const bad = share.publicKey.slice();
      const at = Math.floor(index / 2) * 3;
      if (index % 2 === 0) {
        bad[at] = value & 255;
        bad[at + 1] = (bad[at + 1]! & 0xf0) | (value >> 8);
      } else {
        bad[at + 1] = (bad[at + 1]! & 0x0f) | ((value & 15) << 4);
        bad[at + 2] = value >> 4;
      }
      await expect(
        (async () => provider.respondKeyShare(Groups.X25519MLKEM768, bad))(),
      ).rejects.toMatchObject(illegal);
    }
  });

  test("a hybrid share whose X25519 half has small order is refused", async () => {
    const share = await provider.generateKeyShare(Groups.X25519MLKEM768);
    const answer = await provider.respondKeyShare(Groups.X25519MLKEM768, share.publicKey);
    answer.publicKey.fill(0, 1088);
    await expect((async () => share.agree(answer.publicKey))()).rejects.toMatchObject(illegal);
    share.publicKey.fill(0, 1184);
    const respond = async () => provider.respondKeyShare(Groups.X25519MLKEM768, share.publicKey);
    await expect(respond()).rejects.toMatchObject(illegal);
  });

  test("a changed ML-KEM ciphertext gives another secret (implicit rejection)", async () => {
    const share = await provider.generateKeyShare(Groups.X25519MLKEM768);
    const answer = await provider.respondKeyShare(Groups.X25519MLKEM768, share.publicKey);
    answer.publicKey[5]! ^= 1;
    const secret = await share.agree(answer.publicKey);
    expect(toHex(secret.subarray(0, 32))).not.toBe(toHex(answer.secret.subarray(0, 32)));
    expect(toHex(secret.subarray(32))).toBe(toHex(answer.secret.subarray(32)));
  });
});

test("RFC 7748 §6.1 vector, through the portable X25519", async () => {
  const privateKeys = [
    hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
  ];
  const group = createX25519Group(oldCrypto.subtle, () => privateKeys.shift()!);
  const alice = await group.generate();
  const bob = await group.generate();
  expect(toHex(alice.publicKey)).toBe("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  expect(toHex(bob.publicKey)).toBe("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  expect(toHex(await alice.agree(bob.publicKey))).toBe(shared);
  expect(toHex(await bob.agree(alice.publicKey))).toBe(shared);
});

test("WebCrypto's ML-KEM is taken where it works and left where only its methods exist", async () => {
  const calls: string[] = [];
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const subtle = {
    async generateKey() {
      calls.push("generateKey");
      const { publicKey, secretKey } = ml_kem768.keygen();
      return { publicKey, privateKey: secretKey };
    },
    exportKey: async (_format: string, key: Uint8Array) => key.slice().buffer,
    importKey: async (_format: string, key: Uint8Array) => key,
    async encapsulateBits(_name: string, key: Uint8Array) {
      calls.push("encapsulateBits");
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(key);
      return { ciphertext: cipherText.slice().buffer, sharedKey: sharedSecret.slice().buffer };
    },
    async decapsulateBits(_name: string, key: Uint8Array, ciphertext: Uint8Array) {
      calls.push("decapsulateBits");
      return ml_kem768.decapsulate(ciphertext, key).slice().buffer;
    },
  };
  const native = await selectMlKem768(subtle as unknown as SubtleCrypto, random);
  const pair = await native.generate();
  const { ciphertext, secret } = await native.encapsulate(pair.encapsulationKey);
  expect(toHex(await pair.decapsulate(ciphertext))).toBe(toHex(secret));
  expect(calls).toEqual(["generateKey", "generateKey", "encapsulateBits", "decapsulateBits"]);

  const refusing = {
    ...subtle,
    generateKey: () => Promise.reject(new DOMException("", "NotSupportedError")),
  };
  const portable = await selectMlKem768(refusing as unknown as SubtleCrypto, random);
  const other = await portable.generate();
  const answer = await native.encapsulate(other.encapsulationKey);
  expect(toHex(await other.decapsulate(answer.ciphertext))).toBe(toHex(answer.secret));
});

test("P-256 points are told from others", () => {
  // The generator of SP 800-186 §3.2.1.3
  const generator =
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
  expect(isP256Point(hex(generator))).toBe(true);
  const ecdh = createECDH("prime256v1");
  for (let i = 0; i < 50; i++) {
    const point = ecdh.generateKeys();
    expect(isP256Point(point)).toBe(true);
    point[1 + i]! ^= 1 << (i % 8);
    expect(isP256Point(point)).toBe(false);
  }
});
