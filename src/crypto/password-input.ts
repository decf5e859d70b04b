/** Passwords and registrations as they go into a derivation. */
import type { Bytes } from "../core/bytes.ts";
import { concatBytes } from "./bytes.ts";

/** The fewest rounds of PBKDF2 that either side takes. */
export const minIterations = 30_000;
/** The present advice for PBKDF2-HMAC-SHA-256. */
export const defaultIterations = 600_000;
export const saltLength = 16;

/** Who the registration is for; empty if unknown (RFC 9383 §3.2). */
export interface Identities {
  readonly idProver: Uint8Array;
  readonly idVerifier: Uint8Array;
}

/**
 * A password as bytes, by the OpaqueString profile (RFC 8265 §4.2.2): every space is U+0020, form NFC, UTF-8.
 * `TypeError` for an empty one or one with control characters.
 */
export const preparePassword = (password: string): Bytes => {
  const prepared = password.replaceAll(/\p{Zs}/gu, " ").normalize("NFC");
  if (prepared === "" || /[\p{Cc}\p{Cs}]/u.test(prepared)) {
    throw new TypeError("a password is not empty and has no control characters");
  }
  return new TextEncoder().encode(prepared);
};

/** len(pw) || pw || len(idProver) || idProver || len(idVerifier) || idVerifier (RFC 9383 §3.2). */
export const encodePasswordInput = (password: Uint8Array, { idProver, idVerifier }: Identities): Bytes =>
  concatBytes(
    ...[password, idProver, idVerifier].flatMap((field) => {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setUint32(0, field.length, true);
      return [length, field];
    }),
  );
