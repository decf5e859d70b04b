import type { Bytes } from "../core/bytes.ts";

/** A copy over its own `ArrayBuffer`, which WebCrypto accepts and nobody else can change. */
export const copyBytes = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);

export const concatBytes = (...parts: readonly Uint8Array[]): Bytes => {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};

/** Compares in time that depends on the lengths only. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
};

/** Whether every byte is zero, in time that depends on the length only. */
export const isAllZero = (bytes: Uint8Array): boolean => {
  let bits = 0;
  for (const byte of bytes) bits |= byte;
  return bits === 0;
};

export const toHex = (bytes: Uint8Array): string => {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
};

/** Base64 of either alphabet, padded or not; `TypeError` for anything else. */
export const fromBase64 = (text: string): Bytes => {
  let binary: string;
  try {
    binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    throw new TypeError("not base64");
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
};

export const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
};

/** Base64url without padding, as in a JWK. */
export const toBase64Url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
