/** HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 9846 §7.1). */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider, HashName } from "../crypto/provider.ts";

/** All that the TLS layer needs of the provider. */
export type Hashing = Pick<CryptoProvider, "createHash" | "hmac">;

/**
 * What stands in front of every label: "dtls13" without a space for DTLS 1.3 (RFC 9147 §5.9), "tls13 " with
 * one for TLS 1.3, of which there are published vectors.
 */
export type LabelPrefix = "dtls13" | "tls13 ";

const lengths: Readonly<Record<HashName, 32 | 48>> = { "SHA-256": 32, "SHA-384": 48 };

/** Bytes of a digest. */
export function hashLength(hash: HashName): 32 | 48 {
  return lengths[hash];
}

const emptyHashes = new Map<HashName, Bytes>();

/** Transcript-Hash(""), the same for every connection. */
export function emptyHash(crypto: Hashing, hash: HashName): Bytes {
  let digest = emptyHashes.get(hash);
  if (digest === undefined) {
    digest = crypto.createHash(hash).digest();
    emptyHashes.set(hash, digest);
  }
  return digest;
}

/** HKDF-Extract(salt, IKM) */
export function hkdfExtract(crypto: Hashing, hash: HashName, salt: Uint8Array, ikm: Uint8Array): Bytes {
  return crypto.hmac(hash, salt, ikm);
}

const nothing: Bytes = new Uint8Array(0);

/** HkdfLabel and the counter of HKDF-Expand behind it. It holds no secret, and is filled anew for each call. */
const info: Bytes = new Uint8Array(2 + 256 + 256 + 1);

/** @returns the length of `info` in use, the counter included */
function fillInfo(prefix: LabelPrefix, label: string, context: Uint8Array, length: number): number {
  const labelLength = prefix.length + label.length;
  if (labelLength > 255 || context.length > 255) throw new RangeError("a label or its context is too long");
  info[0] = length >> 8;
  info[1] = length & 0xff;
  info[2] = labelLength;
  let at = 3;
  for (const part of [prefix, label]) {
    for (let i = 0; i < part.length; i++) {
      const byte = part.charCodeAt(i);
      if (byte > 0x7f) throw new RangeError("a label has a character that is not ASCII");
      info[at++] = byte;
    }
  }
  info[at++] = context.length;
  info.set(context, at);
  return at + context.length + 1;
}

/**
 * HKDF-Expand-Label(Secret, Label, Context, Length)
 * @param label ASCII, without the prefix
 * @param length bytes, at most 255 digests
 */
export function hkdfExpandLabel(
  crypto: Hashing,
  hash: HashName,
  prefix: LabelPrefix,
  secret: Uint8Array,
  label: string,
  context: Uint8Array = nothing,
  length: number = hashLength(hash),
): Bytes {
  const block = hashLength(hash);
  if (!Number.isInteger(length) || length < 0 || length > 255 * block) {
    throw new RangeError(`HKDF cannot give ${length} bytes`);
  }
  const end = fillInfo(prefix, label, context, length);
  const used = info.subarray(0, end);
  info[end - 1] = 1;
  let last = crypto.hmac(hash, secret, used);
  if (length === block) return last;
  const output = new Uint8Array(length);
  for (let at = 0, counter = 1; ; ) {
    output.set(last.subarray(0, length - at), at);
    at += block;
    if (at >= length) break;
    counter += 1;
    info[end - 1] = counter;
    const next = crypto.hmac(hash, secret, last, used);
    last.fill(0);
    last = next;
  }
  last.fill(0);
  return output;
}
