import type { Bytes } from "../core/bytes.ts";
import { SealgramError } from "../errors.ts";
import { toHex } from "./bytes.ts";
import { DerError } from "./der.ts";
import { derOrPem, parseSpki } from "./key-format.ts";

/** Trusts exactly the public keys it was made with (RFC 7250 §6: "out-of-band" authentication). */
export interface PinnedKeys {
  /**
   * The key, if it is one of them byte for byte. Fails with a `SealgramError`: unsupported_certificate for what is no
   * SubjectPublicKeyInfo of a kind we verify with, certificate_unknown for any other key.
   */
  verify(publicKey: Uint8Array): Bytes;
}

const readKey = (publicKey: Uint8Array): Bytes => {
  parseSpki(publicKey);
  return new Uint8Array(publicKey);
};

/**
 * @param keys SubjectPublicKeyInfo as DER or as PEM text with one `PUBLIC KEY` block; at least one
 * @throws TypeError for what is no key that a peer here can have
 */
export const createPinnedKeys = (keys: readonly (Uint8Array | string)[]): PinnedKeys => {
  if (keys.length === 0) throw new TypeError("no public key to trust");
  const trusted = new Set<string>();
  for (const key of keys) {
    try {
      trusted.add(toHex(readKey(derOrPem(key, "PUBLIC KEY"))));
    } catch (cause) {
      if (!(cause instanceof DerError)) throw cause;
      throw new TypeError(`unusable public key: ${cause.message}`, { cause });
    }
  }
  return {
    verify(publicKey) {
      let key: Bytes;
      try {
        key = readKey(publicKey);
      } catch (cause) {
        throw new SealgramError("invalid_public_key", "a malformed or unsupported public key", {
          alert: "unsupported_certificate",
          cause,
        });
      }
      if (trusted.has(toHex(key))) return key;
      throw new SealgramError("untrusted_public_key", "a public key that is not trusted", {
        alert: "certificate_unknown",
      });
    },
  };
};
