/**
 * Derivations in JavaScript, in slices of some milliseconds that let the event loop go on in between, for what WebCrypto
 * lacks. A module of its own, to be loaded when first needed: whoever loads @noble/hashes itself gets all of it.
 */
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** PBKDF2-HMAC-SHA-256. */
export const pbkdf2 = (
  input: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Promise<Uint8Array> => pbkdf2Async(sha256, input, salt, { c: iterations, dkLen: length });

/** scrypt (RFC 7914). */
export const scrypt = (
  input: Uint8Array,
  salt: Uint8Array,
  parameters: { readonly N: number; readonly r: number; readonly p: number; readonly dkLen: number },
): Promise<Uint8Array> => scryptAsync(input, salt, parameters);
