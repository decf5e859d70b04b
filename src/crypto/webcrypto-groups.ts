import type { Bytes } from "../core/bytes.ts";
import { loadPart } from "../lazy.ts";
import { copyBytes, isAllZero, toBase64Url } from "./bytes.ts";
import { checkLength, type Group, Groups, invalidKeyShare, respondByAgreeing } from "./group.ts";
import { isP256Point } from "./p256.ts";
import type { KeyShare, NamedGroup } from "./provider.ts";

const checkX25519Secret = (secret: Bytes): Bytes => {
  // RFC 7748 §6.1, RFC 8446 §7.4.2: a small-order point gives the all-zero secret.
  if (isAllZero(secret)) throw invalidKeyShare("X25519 public key of small order");
  return secret;
};

const createNativeShare = (
  subtle: SubtleCrypto,
  group: NamedGroup,
  algorithm: { name: "X25519" } | { name: "ECDH"; namedCurve: "P-256" },
  privateKey: CryptoKey,
  publicKey: Bytes,
): KeyShare => ({
  group,
  publicKey,
  async agree(peer) {
    if (group === Groups.x25519) checkLength(peer, 32, "X25519 public key");
    else if (!isP256Point(peer)) throw invalidKeyShare("not an uncompressed point of P-256");
    let secret: Bytes;
    try {
      const key = await subtle.importKey("raw", copyBytes(peer), algorithm, true, []);
      secret = new Uint8Array(
        await subtle.deriveBits({ name: algorithm.name, public: key }, privateKey, 256),
      );
    } catch (cause) {
      // Our half of the exchange was made here, so what failed is the peer's.
      throw invalidKeyShare("unusable public key", cause);
    }
    return group === Groups.x25519 ? checkX25519Secret(secret) : secret;
  },
});

const generateNativeShare = async (
  subtle: SubtleCrypto,
  group: NamedGroup,
  algorithm: { name: "X25519" } | { name: "ECDH"; namedCurve: "P-256" },
): Promise<KeyShare> => {
  const pair = (await subtle.generateKey(algorithm, false, ["deriveBits"])) as CryptoKeyPair;
  const publicKey = new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
  return createNativeShare(subtle, group, algorithm, pair.privateKey, publicKey);
};

const createPortableX25519 = async (random: (length: number) => Bytes): Promise<KeyShare> => {
  const { x25519 } = await loadPart(() => import("./portable-curve25519.ts"));
  const privateKey = random(32);
  return {
    group: Groups.x25519,
    publicKey: copyBytes(x25519.getPublicKey(privateKey)),
    agree(peer) {
      checkLength(peer, 32, "X25519 public key");
      let secret: Bytes;
      try {
        secret = copyBytes(x25519.getSharedSecret(privateKey, peer));
      } catch (cause) {
        throw invalidKeyShare("X25519 public key of small order", cause);
      }
      return checkX25519Secret(secret);
    },
  };
};

/** X25519 (RFC 7748 §6.1) by WebCrypto, or by @noble/curves if the first key generation shows that it lacks it. */
export const createX25519Group = (subtle: SubtleCrypto, random: (length: number) => Bytes): Group => {
  let native: boolean | undefined;
  const generate = async (): Promise<KeyShare> => {
    if (native !== false) {
      try {
        const share = await generateNativeShare(subtle, Groups.x25519, { name: "X25519" });
        native = true;
        return share;
      } catch (error) {
        if (native) throw error;
        native = false;
      }
    }
    return createPortableX25519(random);
  };
  return { generate, respond: (peer) => respondByAgreeing(generate(), peer) };
};

const p256 = { name: "ECDH", namedCurve: "P-256" } as const;

/** secp256r1 with uncompressed points (RFC 8446 §4.2.8.2); the secret is the x-coordinate (§7.4.2). */
export const createP256Group = (subtle: SubtleCrypto): Group => {
  const generate = (): Promise<KeyShare> => generateNativeShare(subtle, Groups.secp256r1, p256);
  return { generate, respond: (peer) => respondByAgreeing(generate(), peer) };
};

export const importP256Share = async (
  subtle: SubtleCrypto,
  privateKey: Uint8Array,
  publicKey: Uint8Array,
): Promise<KeyShare> => {
  if (privateKey.length !== 32 || !isP256Point(publicKey)) throw new TypeError("not a key of P-256");
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: toBase64Url(privateKey),
    x: toBase64Url(publicKey.subarray(1, 33)),
    y: toBase64Url(publicKey.subarray(33)),
  };
  const key = await subtle.importKey("jwk", jwk, p256, false, ["deriveBits"]);
  return createNativeShare(subtle, Groups.secp256r1, p256, key, copyBytes(publicKey));
};
