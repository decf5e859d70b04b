import type { Bytes } from "../core/bytes.ts";
import { loadPart, once } from "../lazy.ts";
import type { WebCrypto } from "../runtime-types.ts";
import { copyBytes } from "./bytes.ts";
import { type Group, Groups } from "./group.ts";
import type { AeadKey, CryptoProvider, HashSuite, NamedGroup } from "./provider.ts";
import { ecdsaFromDer, keyForScheme, scalarLength, signatureSchemes } from "./signature.ts";
import { createP256Group, createX25519Group, importP256Share } from "./webcrypto-groups.ts";

/** Which WebCrypto, and what stands in for what it lacks. */
export interface WebCryptoOptions {
  /** The WebCrypto to stand on; `globalThis.crypto` if not given. */
  readonly crypto?: Pick<WebCrypto, "subtle" | "getRandomValues"> | undefined;
  /** SHA-2 and HMAC, at once: in the core (`createCoreHashes`) or in JavaScript (`createNobleHashes`). */
  readonly hashes: HashSuite;
}

const createRandom =
  (crypto: Pick<Crypto, "getRandomValues">) =>
  (length: number): Bytes =>
    crypto.getRandomValues(new Uint8Array(length));

const importAead = async (subtle: SubtleCrypto, secret: Uint8Array): Promise<AeadKey> => {
  if (secret.length !== 16 && secret.length !== 32) throw new RangeError("an AES key has 16 or 32 bytes");
  const key = await subtle.importKey("raw", copyBytes(secret), "AES-GCM", false, ["encrypt", "decrypt"]);
  const parameters = (nonce: Uint8Array, additionalData: Uint8Array) => {
    if (nonce.length !== 12) throw new RangeError("a nonce has 12 bytes");
    return { name: "AES-GCM", iv: copyBytes(nonce), additionalData: copyBytes(additionalData) };
  };
  return {
    seal: async (nonce, plaintext, additionalData) =>
      new Uint8Array(await subtle.encrypt(parameters(nonce, additionalData), key, copyBytes(plaintext))),
    async open(nonce, ciphertext, additionalData) {
      const algorithm = parameters(nonce, additionalData);
      if (ciphertext.length < 16) return null;
      try {
        return new Uint8Array(await subtle.decrypt(algorithm, key, copyBytes(ciphertext)));
      } catch {
        return null;
      }
    },
  };
};

const createVerify = (subtle: SubtleCrypto): CryptoProvider["verify"] => {
  let nativeEd25519: boolean | undefined;
  const verifyEd25519 = async (key: Bytes, message: Bytes, signature: Bytes): Promise<boolean> => {
    if (nativeEd25519 !== false) {
      try {
        const imported = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
        nativeEd25519 = true;
        return await subtle.verify("Ed25519", imported, signature, message);
      } catch {
        // Once it has worked, a failure is the key's.
        if (nativeEd25519) return false;
      }
    }
    const { ed25519 } = await loadPart(() => import("./portable-curve25519.ts"));
    // The strict equations of RFC 8032 §5.1.7, as the native implementations have them, not ZIP 215.
    return ed25519.verify(signature, message, key, { zip215: false });
  };

  return async (scheme, spki, message, signature) => {
    const parts = keyForScheme(scheme, spki);
    if (parts === null) return false;
    const { algorithm } = parts;
    const key = copyBytes(parts.key);
    const data = copyBytes(message);
    if (algorithm === "Ed25519") {
      return signature.length === 64 && verifyEd25519(key, data, copyBytes(signature));
    }
    const { hash, hashLength } = signatureSchemes[scheme];
    try {
      if (algorithm === "RSA") {
        const parameters = { name: "RSA-PSS", hash, saltLength: hashLength };
        const imported = await subtle.importKey("spki", copyBytes(spki), parameters, false, ["verify"]);
        return await subtle.verify(parameters, imported, copyBytes(signature), data);
      }
      const raw = ecdsaFromDer(signature, scalarLength(algorithm));
      if (raw === null) return false;
      const parameters = { name: "ECDSA", namedCurve: algorithm, hash };
      const imported = await subtle.importKey("raw", key, parameters, false, ["verify"]);
      return await subtle.verify(parameters, imported, raw, data);
    } catch {
      // A point off the curve or a modulus that the runtime refuses: no signature holds under such a key.
      return false;
    }
  };
};

/** A group that not every program needs. */
function laterGroup(load: () => Promise<Group>): Group {
  const group = once(load);
  return {
    generate: async () => (await group()).generate(),
    respond: async (peer) => (await group()).respond(peer),
  };
}

/**
 * The provider for every runtime: WebCrypto for keys, the given hashes, and
 * @noble/curves or @noble/post-quantum, loaded when first needed, for what this WebCrypto turns out to lack.
 * `TypeError` if there is no WebCrypto.
 */
export const createProvider = (options: WebCryptoOptions): CryptoProvider => {
  const crypto = options.crypto ?? globalThis.crypto;
  const subtle = crypto?.subtle;
  if (subtle === undefined) {
    throw new TypeError(
      "no crypto.subtle here: pass a WebCrypto (a browser has one in secure contexts only)",
    );
  }
  const { createHash, hmac } = options.hashes;
  const random = createRandom(crypto);
  const x25519 = createX25519Group(subtle, random);
  const groups: Readonly<Record<NamedGroup, Group>> = {
    [Groups.x25519]: x25519,
    [Groups.secp256r1]: createP256Group(subtle),
    [Groups.X25519MLKEM768]: laterGroup(async () => {
      const { createHybridGroup, selectMlKem768 } = await loadPart(() => import("./mlkem.ts"));
      const kem = once(() => selectMlKem768(subtle, random));
      return createHybridGroup(kem, x25519);
    }),
  };
  return {
    createHash,
    hmac,
    random,
    generateKeyShare: (group) => groups[group].generate(),
    respondKeyShare: (group, peer) => groups[group].respond(peer),
    importP256Share: (privateKey, publicKey) => importP256Share(subtle, privateKey, publicKey),
    verify: createVerify(subtle),
    importAead: (key) => importAead(subtle, key),
  };
};
