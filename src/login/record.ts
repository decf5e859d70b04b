/** What a server keeps of a password: enough to check it, too little to log in with, and slow to guess from. */

import type { Bytes } from "../core/bytes.ts";
import { fromBase64, toBase64 } from "../crypto/bytes.ts";
import { isP256Point } from "../crypto/p256.ts";
import { defaultIterations, saltLength } from "../crypto/password-input.ts";
import { runtimeCrypto } from "../crypto/runtime-crypto.ts";
import type { VerifierRecord } from "../crypto/spake2plus.ts";
import { loadPart } from "../lazy.ts";
import { checkOptions } from "../options.ts";
import type { WebSubtleCrypto } from "../runtime-types.ts";

/** A registration (RFC 9383 §3.2). Whoever steals it can try passwords, at `iterations` rounds of PBKDF2 each. */
export interface PasswordRecord extends VerifierRecord {
  /** Whose password it is: up to 255 bytes of UTF-8, in form NFC. */
  readonly identity: string;
  /** Which service the password is for; usually empty. */
  readonly serverIdentity: string;
  /** 16 random bytes, new with every password. */
  readonly salt: Bytes;
  /** Rounds of PBKDF2-HMAC-SHA-256. */
  readonly iterations: number;
}

/** What a record is made of. */
export interface RegisterOptions {
  /**
   * Up to 255 bytes of UTF-8, none unless given; visible on the wire at every login. Compared as it is written, in form
   * NFC.
   */
  readonly identity?: string | undefined;
  /** It is not kept. */
  readonly password: string;
  /** Rounds of PBKDF2-HMAC-SHA-256: 600,000 unless given. */
  readonly iterations?: number | undefined;
  /** Which service the password is for; empty unless given. */
  readonly serverIdentity?: string | undefined;
}

/**
 * Makes the record of a new password, which is not kept. Takes as long as a login takes a client, away from the event
 * loop.
 * @throws RangeError under 30,000 rounds or for an identity that is too long, TypeError for an empty password
 */
export async function register(options: RegisterOptions, subtle?: WebSubtleCrypto): Promise<PasswordRecord> {
  checkOptions("register", options, { identity: 1, password: 1, iterations: 1, serverIdentity: 1 });
  const { password, iterations = defaultIterations } = options;
  const identity = identityBytes(options.identity ?? "");
  const serverIdentity = identityBytes(options.serverIdentity ?? "");
  const salt = (await runtimeCrypto()).getRandomValues(new Uint8Array(saltLength));
  const identities = { idProver: identity, idVerifier: serverIdentity };
  // The arithmetic is loaded by who needs it.
  const { derivePbkdf2 } = await loadPart(() => import("../crypto/password.ts"));
  const { w0, L, w0M, w0N } = await derivePbkdf2(password, identities, { salt, iterations }, subtle);
  return {
    identity: identityText(identity)!,
    serverIdentity: identityText(serverIdentity)!,
    salt,
    iterations,
    w0,
    L,
    w0M,
    w0N,
  };
}

export const maxIdentityLength = 255;

/** An identity as it is on the wire. */
export function identityBytes(identity: string): Bytes {
  const bytes = new TextEncoder().encode(identity.normalize("NFC"));
  if (bytes.length > maxIdentityLength) throw new RangeError(`an identity above ${maxIdentityLength} bytes`);
  return bytes;
}

/** `undefined` for bytes that nobody can be registered under. */
export function identityText(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxIdentityLength) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.normalize("NFC") === text ? text : undefined;
  } catch {
    return undefined;
  }
}

/** A record as JSON has it: byte fields in base64. */
export interface StoredRecord {
  /** As in {@link PasswordRecord}. */
  readonly identity: string;
  readonly serverIdentity: string;
  readonly iterations: number;
  /** In base64. */
  readonly salt: string;
  readonly w0: string;
  readonly L: string;
  readonly w0M: string;
  readonly w0N: string;
}

/** A record as JSON has it, for a database. It is to be kept from others: guesses can be tried on it. */
export function toStored(record: PasswordRecord): StoredRecord {
  const { identity, serverIdentity, iterations, salt, w0, L, w0M, w0N } = record;
  return {
    identity,
    serverIdentity,
    iterations,
    salt: toBase64(salt),
    w0: toBase64(w0),
    L: toBase64(L),
    w0M: toBase64(w0M),
    w0N: toBase64(w0N),
  };
}

/** @throws TypeError for what is no record */
export function fromStored(stored: StoredRecord): PasswordRecord {
  const { identity, serverIdentity, iterations } = stored;
  const record = {
    identity,
    serverIdentity,
    iterations,
    salt: fromBase64(stored.salt),
    w0: fromBase64(stored.w0),
    L: fromBase64(stored.L),
    w0M: fromBase64(stored.w0M),
    w0N: fromBase64(stored.w0N),
  };
  const points = [record.L, record.w0M, record.w0N];
  if (
    typeof identity !== "string" ||
    typeof serverIdentity !== "string" ||
    !Number.isInteger(iterations) ||
    record.salt.length < saltLength ||
    record.w0.length !== 32 ||
    !points.every(isP256Point)
  ) {
    throw new TypeError("not the record of a password");
  }
  return record;
}
