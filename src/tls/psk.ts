/** Imported PSKs (RFC 9258) and binders (RFC 9846 §4.3.11.2). */
import { type Bytes, bytesOf } from "../core/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import { KdfIdentifier, ProtocolVersion } from "./codepoints.ts";
import { constantTimeEqual } from "./constant-time.ts";
import { type Hashing, hashLength, hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";
import type { KeySchedule, PskOrigin } from "./key-schedule.ts";
import { fault, Reader, Writer } from "./wire.ts";

/** An external PSK (EPSK) to be imported. */
export interface ExternalPsk {
  /** external_identity, 1 to 2^16-1 bytes. */
  readonly identity: Uint8Array;
  /** The base key. It is used for nothing but importing. */
  readonly key: Uint8Array;
  /** The one hash that this key is used with; SHA-256 unless its provisioning says otherwise. */
  readonly hash?: HashName;
  /** What the key was made for, visible on the wire; it may name both roles against reflection (RFC 9258 §B). */
  readonly context?: Uint8Array;
}

/** An imported PSK (IPSK): for one KDF, and for DTLS 1.3 only. */
export interface ImportedPsk {
  /** ImportedIdentity, serialized: the identity on the wire. */
  readonly identity: Bytes;
  readonly key: Bytes;
  /** The hash of the suites that it can be used with. */
  readonly hash: HashName;
}

const kdfs: Readonly<Record<HashName, KdfIdentifier>> = {
  "SHA-256": KdfIdentifier.HKDF_SHA256,
  "SHA-384": KdfIdentifier.HKDF_SHA384,
};

/** ImportedIdentity (RFC 9258 §5.1), taken apart. */
export interface ImportedIdentity {
  readonly externalIdentity: Bytes;
  readonly context: Bytes;
  readonly targetProtocol: number;
  readonly targetKdf: number;
}

/** What the identity of an imported PSK for DTLS 1.3 looks like on the wire; `RangeError` if it is too long for that. */
export function encodeImportedIdentity(identity: Uint8Array, context: Uint8Array, target: HashName): Bytes {
  // "SHOULD reject any ImportedIdentity that exceeds this size", which is that of a PskIdentity's identity.
  if (identity.length === 0 || identity.length + context.length + 8 > 0xffff) {
    throw new RangeError("the identity of an external PSK is empty, or too long with its context");
  }
  const writer = new Writer(identity.length + context.length + 8).opaque(2, identity).opaque(2, context);
  return writer.u16(ProtocolVersion.dtls1_3).u16(kdfs[target]).finish();
}

/** Takes an identity apart that may be an ImportedIdentity; `undefined` if it is not of that form. */
export function parseImportedIdentity(identity: Bytes): ImportedIdentity | undefined {
  const reader = new Reader(identity);
  try {
    const parsed = {
      externalIdentity: reader.opaque(2, 1),
      context: reader.opaque(2),
      targetProtocol: reader.u16(),
      targetKdf: reader.u16(),
    };
    reader.end();
    return parsed;
  } catch {
    return undefined;
  }
}

/**
 * Imports an external PSK for DTLS 1.3 and one target KDF (RFC 9258 §5.1). The derivation itself uses the hash
 * of the external PSK, and DTLS's label prefix, as its target is DTLS.
 * @param target the hash of the suites that it is to be used with
 */
export function importPsk(crypto: Hashing, psk: ExternalPsk, target: HashName): ImportedPsk {
  const { hash = "SHA-256" } = psk;
  const identity = bytesOf(psk.identity, "an identity");
  const key = bytesOf(psk.key, "a pre-shared key");
  const context = bytesOf(psk.context ?? new Uint8Array(0), "a context");
  if (key.length === 0) throw new RangeError("an external PSK has an empty key");
  const importedIdentity = encodeImportedIdentity(identity, context, target);
  const extracted = hkdfExtract(crypto, hash, new Uint8Array(hashLength(hash)), key);
  const digest = crypto.createHash(hash).update(importedIdentity).digest();
  const importedKey = hkdfExpandLabel(
    crypto,
    hash,
    "dtls13",
    extracted,
    "derived psk",
    digest,
    hashLength(target),
  );
  extracted.fill(0);
  return { identity: importedIdentity, key: importedKey, hash: target };
}

/** Length of the binders list at the end of a ClientHello. */
function bindersLength(binders: readonly Uint8Array[]): number {
  return binders.reduce((sum, { length }) => sum + 1 + length, 2);
}

/** Truncate(ClientHello): the message without the binders list that ends it. A view. */
export function truncateClientHello(clientHello: Bytes, binders: readonly Uint8Array[]): Bytes {
  return clientHello.subarray(0, clientHello.length - bindersLength(binders));
}

/** Fills the binders into a ClientHello that was encoded with others of the same lengths; else a `RangeError`. */
export function writeBinders(clientHello: Bytes, binders: readonly Uint8Array[]): void {
  const start = clientHello.length - bindersLength(binders);
  let at = start + 2;
  for (const { length } of binders) {
    if (clientHello[at] !== length) throw new RangeError("a binder is not of the length it was encoded with");
    at += 1 + length;
  }
  const list = new Writer(clientHello.length - start).vector(2, (writer) => {
    for (const binder of binders) writer.opaque(1, binder);
  });
  clientHello.set(list.finish(), start);
}

/**
 * Checks the binder of the PSK that was selected.
 * @param transcriptHash of what precedes and of the truncated ClientHello
 * @throws SealgramError decrypt_error if it does not match
 */
export function checkBinder(
  schedule: KeySchedule,
  origin: PskOrigin,
  transcriptHash: Uint8Array,
  binder: Uint8Array,
): void {
  const expected = schedule.binder(origin, transcriptHash);
  if (!constantTimeEqual(expected, binder)) {
    throw fault("decrypt_error", "binder_mismatch", "the binder of the selected PSK does not match");
  }
}
