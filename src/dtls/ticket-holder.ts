/** Whose a ticket is: who its client had shown itself to be in the session that it is of, and by which key. */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider, HashName } from "../crypto/provider.ts";
import { emptyHash } from "../tls/hkdf.ts";
import { KeySchedule, type PskOrigin } from "../tls/key-schedule.ts";
import { Writer } from "../tls/wire.ts";
import type { ClientConfig } from "./config.ts";

/** A PSK as it is used. */
export interface UsedPsk {
  readonly key: Bytes;
  readonly hash: HashName;
  readonly origin: PskOrigin;
}

/**
 * Differs if the key does, and tells nothing of it: the binder over nothing, which no ClientHello has, and so a use of the
 * PSK that it is made for.
 */
export function pskTag(crypto: CryptoProvider, { key, hash, origin }: UsedPsk): Bytes {
  const schedule = new KeySchedule(crypto, hash, key);
  const tag = schedule.binder(origin, emptyHash(crypto, hash));
  schedule.erase();
  return tag;
}

/** Of a login. The password is not in it: guesses could be tried on that. */
export function loginHolder({ crypto, pake }: ClientConfig): Bytes {
  return digest(crypto, [new Uint8Array(pake!.identity), new Uint8Array(pake!.serverIdentity)]);
}

/** Of a client that shows one of its credentials, or has none to show. */
export function credentialHolder({ crypto, credentials }: ClientConfig): Bytes {
  return digest(
    crypto,
    credentials.map(({ certificates }) => new Uint8Array(certificates[0]!)),
  );
}

function digest(crypto: CryptoProvider, parts: readonly Bytes[]): Bytes {
  const writer = new Writer(256);
  for (const part of parts) writer.opaque(3, part);
  return crypto.createHash("SHA-256").update(writer.finish()).digest();
}
