/** w0 and w1 of a password: the slow way that makes guessing from a stolen record slow as well. */

import type { Bytes } from "../core/bytes.ts";
import { loadPart } from "../lazy.ts";
import type { WebSubtleCrypto } from "../runtime-types.ts";
import { copyBytes } from "./bytes.ts";
import {
  encodePasswordInput,
  type Identities,
  minIterations,
  preparePassword,
  saltLength,
} from "./password-input.ts";
import { runtimeCrypto } from "./runtime-crypto.ts";
import { createProverSecret, type ProverSecret, reduceScalar } from "./spake2plus.ts";

/** Bounds what a server can make a client compute. */
const maxIterations = 10_000_000;

/** Two integers of 320 bits: 64 more than the group order has, each (RFC 9383 §3.2). */
const outputLength = 80;

/** Erases the output. */
const secretFrom = (output: Uint8Array): ProverSecret => {
  const [w0, w1] = [reduceScalar(output.subarray(0, 40)), reduceScalar(output.subarray(40))];
  output.fill(0);
  return createProverSecret(w0, w1);
};

/**
 * w0 and w1 of a password by PBKDF2-HMAC-SHA-256, without holding up the event loop: WebCrypto computes it elsewhere;
 * where there is none (a page that is not a secure context), JavaScript does it in slices of some milliseconds, ten
 * times slower. The same call registers (give the server the {@link VerifierRecord} part, salt and iterations) and
 * logs in.
 * `RangeError` for fewer than 30,000 or more than 10,000,000 iterations or a salt under 16 bytes.
 */
export const derivePbkdf2 = async (
  password: string,
  identities: Identities,
  options: { readonly salt: Uint8Array; readonly iterations: number },
  given?: WebSubtleCrypto,
): Promise<ProverSecret> => {
  const { salt, iterations } = options;
  if (!(Number.isInteger(iterations) && iterations >= minIterations && iterations <= maxIterations)) {
    throw new RangeError(`iterations from ${minIterations} to ${maxIterations}`);
  }
  if (salt.length < saltLength) throw new RangeError(`a salt of at least ${saltLength} bytes`);
  const prepared = preparePassword(password);
  const subtle: WebSubtleCrypto | undefined = given ?? (await runtimeCrypto()).subtle;
  const input = encodePasswordInput(prepared, identities);
  prepared.fill(0);
  try {
    return secretFrom(
      subtle === undefined
        ? await sliced(input, salt, iterations)
        : await byWebCrypto(subtle, input, salt, iterations),
    );
  } finally {
    input.fill(0);
  }
};

const byWebCrypto = async (
  subtle: SubtleCrypto,
  input: Bytes,
  salt: Uint8Array,
  iterations: number,
): Promise<Uint8Array> => {
  const key = await subtle.importKey("raw", input, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: copyBytes(salt), iterations };
  return new Uint8Array(await subtle.deriveBits(parameters, key, outputLength * 8));
};

const sliced = async (input: Bytes, salt: Uint8Array, iterations: number): Promise<Uint8Array> => {
  const { pbkdf2 } = await loadPart(() => import("./portable-kdf.ts"));
  return pbkdf2(input, copyBytes(salt), iterations, outputLength);
};

/** Parameters that RFC 9383 §3.2 recommends and BoringSSL's registration uses, without a salt. */
const scryptParameters = { N: 32_768, r: 8, p: 1, dkLen: outputLength } as const;

/**
 * w0 and w1 as BoringSSL derives them, for peers with the standard extension only. Takes about 32 MiB, and some tenths
 * of a second in slices of some milliseconds.
 */
export const deriveScrypt = async (password: Uint8Array, identities: Identities): Promise<ProverSecret> => {
  const { scrypt } = await loadPart(() => import("./portable-kdf.ts"));
  const input = encodePasswordInput(password, identities);
  const output = await scrypt(input, new Uint8Array(), scryptParameters);
  input.fill(0);
  return secretFrom(output);
};
