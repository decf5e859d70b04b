import type { Bytes } from "../core/bytes.ts";
import { concatBytes } from "./bytes.ts";
import { DerError, DerReader, encodeDer, encodeUnsigned, Tag } from "./der.ts";
import { type KeyAlgorithm, type PublicKeyParts, parseSpki } from "./key-format.ts";
import type { SignatureScheme } from "./provider.ts";

interface SchemeParameters {
  readonly key: KeyAlgorithm;
  readonly hash: "SHA-256" | "SHA-384" | "SHA-512";
  /** RSA-PSS: "The length of the Salt MUST be equal to the length of the output of the digest algorithm" (RFC 8446 §4.2.3). */
  readonly hashLength: number;
}

/** The names of RFC 8446 §4.2.3. */
export const Schemes: {
  readonly ecdsa_secp256r1_sha256: 0x0403;
  readonly ecdsa_secp384r1_sha384: 0x0503;
  readonly ed25519: 0x0807;
  readonly rsa_pss_rsae_sha256: 0x0804;
  readonly rsa_pss_rsae_sha384: 0x0805;
  readonly rsa_pss_rsae_sha512: 0x0806;
} = {
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  ed25519: 0x0807,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
};

/** In TLS 1.3 the scheme fixes key type, curve and hash together (RFC 8446 §4.2.3). */
export const signatureSchemes: Readonly<Record<SignatureScheme, SchemeParameters>> = {
  [Schemes.ecdsa_secp256r1_sha256]: { key: "P-256", hash: "SHA-256", hashLength: 32 },
  [Schemes.ecdsa_secp384r1_sha384]: { key: "P-384", hash: "SHA-384", hashLength: 48 },
  [Schemes.ed25519]: { key: "Ed25519", hash: "SHA-512", hashLength: 64 },
  [Schemes.rsa_pss_rsae_sha256]: { key: "RSA", hash: "SHA-256", hashLength: 32 },
  [Schemes.rsa_pss_rsae_sha384]: { key: "RSA", hash: "SHA-384", hashLength: 48 },
  [Schemes.rsa_pss_rsae_sha512]: { key: "RSA", hash: "SHA-512", hashLength: 64 },
};

/** The schemes that a key of this algorithm can sign with. */
export const schemesFor = (algorithm: KeyAlgorithm): readonly SignatureScheme[] => {
  switch (algorithm) {
    case "P-256":
      return [Schemes.ecdsa_secp256r1_sha256];
    case "P-384":
      return [Schemes.ecdsa_secp384r1_sha384];
    case "Ed25519":
      return [Schemes.ed25519];
    case "RSA":
      return [Schemes.rsa_pss_rsae_sha256, Schemes.rsa_pss_rsae_sha384, Schemes.rsa_pss_rsae_sha512];
  }
};

/** The parts of a key that fits the scheme; `null` for any other, malformed ones included. */
export const keyForScheme = (scheme: SignatureScheme, spki: Uint8Array): PublicKeyParts | null => {
  try {
    const parts = parseSpki(spki);
    return signatureSchemes[scheme]?.key === parts.algorithm ? parts : null;
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
};

/** Width of r and of s. */
export const scalarLength = (curve: "P-256" | "P-384"): number => (curve === "P-256" ? 32 : 48);

/** ECDSA-Sig-Value (RFC 5480 appendix A) from WebCrypto's r || s. */
export const ecdsaToDer = (raw: Uint8Array): Bytes => {
  const half = raw.length / 2;
  return encodeDer(Tag.sequence, encodeUnsigned(raw.subarray(0, half)), encodeUnsigned(raw.subarray(half)));
};

/** r || s of the given width from DER; `null` unless it is the one DER encoding of two values that fit. */
export const ecdsaFromDer = (signature: Uint8Array, width: number): Bytes | null => {
  try {
    const outer = new DerReader(signature);
    const values = outer.enter(Tag.sequence);
    outer.end();
    const r = values.readUnsigned();
    const s = values.readUnsigned();
    values.end();
    if (r.length > width || s.length > width) return null;
    return concatBytes(new Uint8Array(width - r.length), r, new Uint8Array(width - s.length), s);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
};
