import type { Bytes } from "../core/bytes.ts";
import { loadPart } from "../lazy.ts";
import { concatBytes, copyBytes } from "./bytes.ts";
import { checkLength, type Group, Groups, invalidKeyShare } from "./group.ts";
import type { Awaitable } from "./provider.ts";

/** Sizes of ML-KEM-768 (FIPS 203 table 3) and of an X25519 public key. */
const encapsulationKeyLength = 1184;
const ciphertextLength = 1088;
const x25519Length = 32;

/** ML-KEM-768 with a private key that stays inside. */
export interface MlKem768 {
  generate(): Awaitable<{ encapsulationKey: Bytes; decapsulate(ciphertext: Uint8Array): Awaitable<Bytes> }>;
  encapsulate(encapsulationKey: Uint8Array): Awaitable<{ ciphertext: Bytes; secret: Bytes }>;
}

/** WebCrypto's key encapsulation, newer than the type declarations of the DOM. */
interface EncapsulatingCrypto {
  encapsulateBits(
    algorithm: string,
    key: CryptoKey,
  ): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
  generateKey(algorithm: string, extractable: boolean, usages: string[]): Promise<CryptoKeyPair>;
  importKey(
    format: "raw-public",
    key: Bytes,
    algorithm: string,
    extractable: boolean,
    usages: string[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw-public", key: CryptoKey): Promise<ArrayBuffer>;
}

const native = (subtle: EncapsulatingCrypto): MlKem768 => ({
  async generate() {
    const pair = await subtle.generateKey("ML-KEM-768", false, ["encapsulateBits", "decapsulateBits"]);
    return {
      encapsulationKey: new Uint8Array(await subtle.exportKey("raw-public", pair.publicKey)),
      decapsulate: async (ciphertext) =>
        new Uint8Array(await subtle.decapsulateBits("ML-KEM-768", pair.privateKey, copyBytes(ciphertext))),
    };
  },
  async encapsulate(encapsulationKey) {
    const raw = copyBytes(encapsulationKey);
    const key = await subtle.importKey("raw-public", raw, "ML-KEM-768", false, ["encapsulateBits"]);
    const { ciphertext, sharedKey } = await subtle.encapsulateBits("ML-KEM-768", key);
    return { ciphertext: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) };
  },
});

const portable = async (random: (length: number) => Bytes): Promise<MlKem768> => {
  const { ml_kem768 } = await loadPart(() => import("@noble/post-quantum/ml-kem.js"));
  return {
    generate() {
      const { publicKey, secretKey } = ml_kem768.keygen(random(64));
      return {
        encapsulationKey: copyBytes(publicKey),
        decapsulate: (ciphertext) => copyBytes(ml_kem768.decapsulate(ciphertext, secretKey)),
      };
    },
    encapsulate(encapsulationKey) {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(encapsulationKey, random(32));
      return { ciphertext: copyBytes(cipherText), secret: copyBytes(sharedSecret) };
    },
  };
};

/** WebCrypto's ML-KEM-768 where a first key generation succeeds, @noble/post-quantum everywhere else. */
export const selectMlKem768 = async (
  subtle: SubtleCrypto,
  random: (length: number) => Bytes,
): Promise<MlKem768> => {
  const candidate = subtle as unknown as EncapsulatingCrypto;
  if (typeof candidate.encapsulateBits === "function") {
    try {
      const kem = native(candidate);
      await kem.generate();
      return kem;
    } catch {
      // The method exists, the algorithm does not.
    }
  }
  return portable(random);
};

/** FIPS 203 §7.2: every 12-bit coefficient of the encapsulation key is below q. */
const hasReducedCoefficients = (encapsulationKey: Uint8Array): boolean => {
  for (let i = 0; i < encapsulationKeyLength - 32; i += 3) {
    const middle = encapsulationKey[i + 1]!;
    const low = encapsulationKey[i]! | ((middle & 15) << 8);
    const high = (middle >> 4) | (encapsulationKey[i + 2]! << 4);
    if (low >= 3329 || high >= 3329) return false;
  }
  return true;
};

/**
 * X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem §4): the initiator sends encapsulation key || X25519 key, the
 * responder ciphertext || X25519 key, and the secret is the ML-KEM secret || the X25519 secret.
 */
export const createHybridGroup = (mlKem: () => Promise<MlKem768>, x25519: Group): Group => ({
  async generate() {
    const kem = await mlKem();
    const [pair, share] = await Promise.all([kem.generate(), x25519.generate()]);
    return {
      group: Groups.X25519MLKEM768,
      publicKey: concatBytes(pair.encapsulationKey, share.publicKey),
      async agree(peer) {
        checkLength(peer, ciphertextLength + x25519Length, "X25519MLKEM768 server share");
        const [kemSecret, secret] = await Promise.all([
          pair.decapsulate(peer.subarray(0, ciphertextLength)),
          share.agree(peer.subarray(ciphertextLength)),
        ]);
        return concatBytes(kemSecret, secret);
      },
    };
  },
  async respond(peer) {
    checkLength(peer, encapsulationKeyLength + x25519Length, "X25519MLKEM768 client share");
    if (!hasReducedCoefficients(peer)) throw invalidKeyShare("ML-KEM encapsulation key not reduced modulo q");
    const kem = await mlKem();
    const [encapsulated, agreed] = await Promise.all([
      kem.encapsulate(peer.subarray(0, encapsulationKeyLength)),
      x25519.respond(peer.subarray(encapsulationKeyLength)),
    ]);
    return {
      publicKey: concatBytes(encapsulated.ciphertext, agreed.publicKey),
      secret: concatBytes(encapsulated.secret, agreed.secret),
    };
  },
});
