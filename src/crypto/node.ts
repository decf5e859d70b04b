import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type ECDH,
  generateKeyPairSync,
  type KeyObject,
  type Hash as NativeHash,
  randomFillSync,
  sign,
  verify,
  webcrypto,
} from "node:crypto";
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { once } from "../lazy.ts";
import { copyBytes, fromBase64, isAllZero, toBase64Url } from "./bytes.ts";
import { DerError } from "./der.ts";
import { checkLength, type Group, Groups, invalidKeyShare } from "./group.ts";
import { type PublicKeyParts, parsePkcs8, parseSpki } from "./key-format.ts";
import { createHybridGroup, selectMlKem768 } from "./mlkem.ts";
import { isP256Point } from "./p256.ts";
import type {
  AeadKey,
  CryptoProvider,
  Hash,
  HashSuite,
  KeyShare,
  NamedGroup,
  SignatureScheme,
  Signer,
} from "./provider.ts";
import { ecdsaFromDer, keyForScheme, scalarLength, schemesFor, signatureSchemes } from "./signature.ts";

/** The names that node:crypto has in every runtime. */
const digestNames = { "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" } as const;

const random = (length: number): Bytes => randomFillSync(new Uint8Array(length));

class NodeHash implements Hash {
  readonly #hash: NativeHash;

  constructor(hash: NativeHash) {
    this.#hash = hash;
  }

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  digest(): Bytes {
    return copyBytes(this.#hash.copy().digest());
  }

  clone(): Hash {
    return new NodeHash(this.#hash.copy());
  }
}

/** SHA-2 and HMAC by the runtime's OpenSSL or BoringSSL. */
export const nodeHashes: HashSuite = {
  createHash: (name) => new NodeHash(createHash(digestNames[name])),
  hmac(name, key, ...parts) {
    const mac = createHmac(digestNames[name], key);
    for (const part of parts) mac.update(part);
    return copyBytes(mac.digest());
  },
};

/** A JWK is by far the fastest way in: OpenSSL 3 takes tens of microseconds to decode a DER key. */
const x25519Key = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "X25519", x: toBase64Url(raw) }, format: "jwk" });

interface SynchronousShare extends KeyShare {
  agree(peer: Uint8Array): Bytes;
}

/**
 * A key pair whose public half is exported while it is made. Exported afterwards, Node 20 holds the key's lock while
 * it allocates, and if that collects the job that made the key, the job's destructor waits for the lock for ever.
 */
const generateX25519Pair = generateKeyPairSync as unknown as (
  type: "x25519",
  options: { publicKeyEncoding: { format: "jwk" } },
) => { publicKey: JsonWebKey; privateKey: KeyObject };

const generateX25519 = (): SynchronousShare => {
  const { publicKey, privateKey } = generateX25519Pair("x25519", { publicKeyEncoding: { format: "jwk" } });
  return {
    group: Groups.x25519,
    publicKey: fromBase64(publicKey.x ?? ""),
    agree(peer) {
      checkLength(peer, 32, "X25519 public key");
      let secret: Bytes;
      try {
        secret = copyBytes(diffieHellman({ privateKey, publicKey: x25519Key(peer) }));
      } catch (cause) {
        throw invalidKeyShare("unusable X25519 public key", cause);
      }
      // RFC 7748 §6.1, RFC 8446 §7.4.2: a small-order point gives the all-zero secret.
      if (isAllZero(secret)) throw invalidKeyShare("X25519 public key of small order");
      return secret;
    },
  };
};

const p256Share = (ecdh: ECDH, publicKey: Bytes): SynchronousShare => ({
  group: Groups.secp256r1,
  publicKey,
  agree(peer) {
    if (!isP256Point(peer)) throw invalidKeyShare("not an uncompressed point of P-256");
    return copyBytes(ecdh.computeSecret(peer));
  },
});

const generateP256 = (): SynchronousShare => {
  const ecdh = createECDH("prime256v1");
  return p256Share(ecdh, copyBytes(ecdh.generateKeys()));
};

const importP256Share = (privateKey: Uint8Array, publicKey: Uint8Array): SynchronousShare => {
  if (privateKey.length !== 32 || !isP256Point(publicKey)) throw new TypeError("not a key of P-256");
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(privateKey);
  return p256Share(ecdh, copyBytes(publicKey));
};

const synchronousGroup = (generate: () => SynchronousShare): Group => ({
  generate,
  respond(peer) {
    const share = generate();
    return { publicKey: share.publicKey, secret: share.agree(peer) };
  },
});

const publicKeyObject = ({ algorithm, key }: PublicKeyParts, spki: Uint8Array): KeyObject => {
  if (algorithm === "RSA") return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  if (algorithm === "Ed25519") {
    return createPublicKey({ key: { kty: "OKP", crv: algorithm, x: toBase64Url(key) }, format: "jwk" });
  }
  const width = scalarLength(algorithm);
  const x = toBase64Url(key.subarray(1, 1 + width));
  const y = toBase64Url(key.subarray(1 + width));
  return createPublicKey({ key: { kty: "EC", crv: algorithm, x, y }, format: "jwk" });
};

/** The arguments of sign and verify that select the scheme. */
const operation = (scheme: SignatureScheme, key: KeyObject) => {
  const { key: algorithm, hash, hashLength } = signatureSchemes[scheme];
  return {
    digest: algorithm === "Ed25519" ? null : digestNames[hash],
    key:
      algorithm === "RSA"
        ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashLength }
        : { key },
  };
};

const verifySignature = (
  scheme: SignatureScheme,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => {
  const parts = keyForScheme(scheme, spki);
  if (parts === null) return false;
  const { algorithm } = parts;
  if (algorithm === "P-256" || algorithm === "P-384") {
    if (ecdsaFromDer(signature, scalarLength(algorithm)) === null) return false;
  }
  try {
    const { digest, key } = operation(scheme, publicKeyObject(parts, spki));
    return verify(digest, message, key, signature);
  } catch {
    // A point off the curve or a modulus that the runtime refuses: no signature holds under such a key.
    return false;
  }
};

const importAead = (secret: Uint8Array): AeadKey => {
  if (secret.length !== 16 && secret.length !== 32) throw new RangeError("an AES key has 16 or 32 bytes");
  const algorithm = secret.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
  const key = copyBytes(secret);
  const checkNonce = (nonce: Uint8Array): void => {
    if (nonce.length !== 12) throw new RangeError("a nonce has 12 bytes");
  };
  return {
    seal(nonce, plaintext, additionalData) {
      checkNonce(nonce);
      const cipher = createCipheriv(algorithm, key, nonce);
      cipher.setAAD(additionalData);
      const sealed = new Uint8Array(plaintext.length + 16);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    },
    open(nonce, ciphertext, additionalData) {
      checkNonce(nonce);
      const length = ciphertext.length - 16;
      if (length < 0) return null;
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: 16 });
      decipher.setAAD(additionalData);
      decipher.setAuthTag(ciphertext.subarray(length));
      const plaintext = copyBytes(decipher.update(ciphertext.subarray(0, length)));
      try {
        decipher.final();
        return plaintext;
      } catch {
        return null;
      }
    },
  };
};

/**
 * The provider on node:crypto, whose synchronous calls cost a fraction of WebCrypto's promises. Only the
 * hybrid group is asynchronous: ML-KEM comes from WebCrypto or @noble/post-quantum.
 */
export const createNodeProvider = (hashes: HashSuite = nodeHashes): CryptoProvider => {
  const x25519 = synchronousGroup(generateX25519);
  const groups: Readonly<Record<NamedGroup, Group>> = {
    [Groups.x25519]: x25519,
    [Groups.secp256r1]: synchronousGroup(generateP256),
    [Groups.X25519MLKEM768]: createHybridGroup(
      once(() => selectMlKem768(webcrypto.subtle as SubtleCrypto, random)),
      x25519,
    ),
  };
  return {
    createHash: hashes.createHash,
    hmac: hashes.hmac,
    random,
    generateKeyShare: (group) => groups[group].generate(),
    respondKeyShare: (group, peer) => groups[group].respond(peer),
    importP256Share,
    verify: verifySignature,
    importAead,
  };
};

/** @throws DerError also for bytes after the key, which OpenSSL would overlook */
function pkcs8Key(der: Uint8Array): KeyObject {
  parsePkcs8(der);
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}

/**
 * A synchronous signer from a private key: PKCS #8 DER, or PEM of any kind that node:crypto reads. The
 * algorithms are those of `signer.ts`; `TypeError` for anything else.
 */
export const nodeSigner = (key: Uint8Array | string): Signer => {
  try {
    const privateKey = typeof key === "string" ? createPrivateKey(key) : pkcs8Key(ownBytes(key, "a key"));
    const publicKey = copyBytes(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
    const { algorithm } = parseSpki(publicKey);
    const schemes = schemesFor(algorithm);
    return {
      schemes,
      publicKey,
      sign(scheme, message) {
        if (!schemes.includes(scheme))
          throw new TypeError(`a ${algorithm} key does not sign with this scheme`);
        const { digest, key } = operation(scheme, privateKey);
        return copyBytes(sign(digest, message, key));
      },
    };
  } catch (cause) {
    const reason = cause instanceof DerError ? cause.message : "the runtime refused it";
    throw new TypeError(`unusable private key: ${reason}`, { cause });
  }
};
