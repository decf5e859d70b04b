import type { Bytes } from "../core/bytes.ts";

/** Some runtimes answer at once, others through WebCrypto's promise. */
export type Awaitable<T> = T | Promise<T>;

export type HashName = "SHA-256" | "SHA-384";

/** A running hash, as the transcript needs it (RFC 8446 §4.4.1). */
export interface Hash {
  update(bytes: Uint8Array): this;
  /** The digest of everything so far; the hash goes on afterwards. */
  digest(): Bytes;
  clone(): Hash;
}

/** The synchronous hashes that a provider stands on; an implementation may come from WASM, JavaScript or the runtime. */
export interface HashSuite {
  /** A new running hash. */
  createHash(name: HashName): Hash;
  /** HMAC (RFC 2104) over the concatenation of `parts`. */
  hmac(name: HashName, key: Uint8Array, ...parts: Uint8Array[]): Bytes;
}

/** NamedGroup code points we offer: X25519, secp256r1, X25519MLKEM768. */
export type NamedGroup = 0x001d | 0x0017 | 0x11ec;

/** One (EC)DHE or hybrid key exchange, the initiator's side. */
export interface KeyShare {
  readonly group: NamedGroup;
  /** The key_exchange field of the KeyShareEntry. */
  readonly publicKey: Bytes;
  /**
   * The shared secret with the peer's key_exchange field.
   * Fails with a `SealgramError` of alert illegal_parameter for a point off the curve, a wrong length
   * or an all-zero X25519 result (RFC 8446 §7.4.2).
   */
  agree(peer: Uint8Array): Awaitable<Bytes>;
}

/** What the responder of a key exchange sends and shares. */
export interface Agreement {
  readonly publicKey: Bytes;
  readonly secret: Bytes;
}

/** SignatureScheme code points that CertificateVerify may carry here (RFC 8446 §4.2.3). */
export type SignatureScheme =
  | 0x0403 // ecdsa_secp256r1_sha256
  | 0x0503 // ecdsa_secp384r1_sha384
  | 0x0807 // ed25519
  | 0x0804 // rsa_pss_rsae_sha256
  | 0x0805 // rsa_pss_rsae_sha384
  | 0x0806; // rsa_pss_rsae_sha512

/** A private key that signs with the schemes it lists, most preferred first. */
export interface Signer {
  /** What it can sign with. */
  readonly schemes: readonly SignatureScheme[];
  /** DER SubjectPublicKeyInfo of the public half (RFC 5280 §4.1). */
  readonly publicKey: Bytes;
  /** ECDSA signatures are DER, as TLS carries them. `TypeError` for a scheme that is not listed. */
  sign(scheme: SignatureScheme, message: Uint8Array): Awaitable<Bytes>;
}

/** A peer's certificate chain, and what it has to prove. */
export interface CertificateChain {
  /** DER certificates, the peer's own first (RFC 8446 §4.4.2). */
  readonly certificates: readonly Uint8Array[];
  /** Whose chain it is. */
  readonly peer: "client" | "server";
  /** The host that the certificate must name; not checked if absent. */
  readonly name?: string | undefined;
  /** The time to judge it at, since 1970. */
  readonly nowMs: number;
}

/** Judges certificate chains. Whoever authenticates by X.509 passes one in; nobody else loads any. */
export interface CertificateVerifier {
  /**
   * The SubjectPublicKeyInfo of the peer's certificate once the whole chain holds. Fails with a `SealgramError`
   * whose alert says what was wrong (RFC 8446 §6.2).
   */
  verify(chain: CertificateChain): Promise<Bytes>;
}

/** AES-GCM for tickets and the like: a key that both seals and opens. Nonce 12 bytes, tag 16 bytes appended. */
export interface AeadKey {
  seal(nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): Awaitable<Bytes>;
  /** `null` when the tag does not match. */
  open(nonce: Uint8Array, ciphertext: Uint8Array, additionalData: Uint8Array): Awaitable<Bytes | null>;
}

/**
 * Every cryptographic operation outside the record hot path. One implementation stands on WebCrypto
 * (`webcrypto.ts`), one on Node's synchronous natives (`node.ts`). Nothing here keeps the arrays it is
 * given, and every array it returns is the caller's own.
 */
export interface CryptoProvider extends HashSuite {
  /** So many bytes from the runtime's generator. */
  random(length: number): Bytes;
  /** The initiator's side of a key exchange, under a fresh key. */
  generateKeyShare(group: NamedGroup): Awaitable<KeyShare>;
  /** Answers an initiator's key_exchange field (for the hybrid: encapsulates). Fails as {@link KeyShare.agree}. */
  respondKeyShare(group: NamedGroup, peer: Uint8Array): Awaitable<Agreement>;
  /** The secp256r1 share of a known private key: 32 bytes below the order, and its uncompressed point. */
  importP256Share(privateKey: Uint8Array, publicKey: Uint8Array): Awaitable<KeyShare>;
  /** Whether a signature holds; false for a malformed one. Rejects a key that does not fit the scheme with false. */
  verify(
    scheme: SignatureScheme,
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Awaitable<boolean>;
  /** AES-GCM under a key of 16 or 32 bytes. */
  importAead(key: Uint8Array): Awaitable<AeadKey>;
}
