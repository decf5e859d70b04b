import type { Bytes } from "../core/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import {
  emptyHash,
  type Hashing,
  hashLength,
  hkdfExpandLabel,
  hkdfExtract,
  type LabelPrefix,
} from "./hkdf.ts";
import type { SuiteParameters } from "./suites.ts";

/** Where a PSK comes from: it decides the label of its binder key (RFC 9846 §7.1, RFC 9258 §5.2). */
export type PskOrigin = "external" | "resumption" | "imported";

const binderLabels: Readonly<Record<PskOrigin, string>> = {
  external: "ext binder",
  resumption: "res binder",
  imported: "imp binder",
};

/** One secret for each direction, named by who sends under it. */
export interface TrafficSecrets {
  readonly client: Bytes;
  readonly server: Bytes;
}

/** What is left of the key schedule once the server's Finished is in the transcript. */
export interface ApplicationSecrets extends TrafficSecrets {
  /** exporter_secret, for {@link exportKeyingMaterial}. */
  readonly exporter: Bytes;
}

/** What protects the records of one epoch in one direction. */
export interface TrafficKeys {
  readonly key: Bytes;
  readonly iv: Bytes;
  /** sn_key (RFC 9147 §4.2.3); empty for a suite that leaves record numbers in the clear. */
  readonly recordNumberKey: Bytes;
}

const noSecret: Bytes = new Uint8Array(48);

type Stage = "early" | "handshake" | "main" | "done";

/**
 * The key schedule of RFC 9846 §7.1: one secret at a time, from Early through Handshake to Main Secret. Each is
 * erased when the next has been derived from it. Secrets that it returns belong to the caller, who erases them.
 *
 * Using the steps out of order is a mistake of the caller's and throws an `Error`.
 */
export class KeySchedule {
  readonly hash: HashName;
  readonly #crypto: Hashing;
  readonly #prefix: LabelPrefix;
  #secret: Bytes;
  #stage: Stage = "early";

  /** @param psk the PSK of this connection; left out if there is none */
  constructor(crypto: Hashing, hash: HashName, psk?: Uint8Array, prefix: LabelPrefix = "dtls13") {
    this.hash = hash;
    this.#crypto = crypto;
    this.#prefix = prefix;
    const zeros = noSecret.subarray(0, hashLength(hash));
    this.#secret = hkdfExtract(crypto, hash, zeros, psk ?? zeros);
  }

  #expect(stage: Stage): void {
    if (this.#stage !== stage) throw new Error(`the key schedule is at "${this.#stage}", not at "${stage}"`);
  }

  #derive(label: string, transcriptHash: Uint8Array): Bytes {
    return hkdfExpandLabel(this.#crypto, this.hash, this.#prefix, this.#secret, label, transcriptHash);
  }

  #advance(to: Stage, input: Uint8Array): void {
    const salt = this.#derive("derived", emptyHash(this.#crypto, this.hash));
    this.#secret.fill(0);
    this.#secret = hkdfExtract(this.#crypto, this.hash, salt, input);
    salt.fill(0);
    this.#stage = to;
  }

  /** The binder of the PSK over the hash of a truncated ClientHello (RFC 9846 §4.3.11.2). */
  binder(origin: PskOrigin, transcriptHash: Uint8Array): Bytes {
    this.#expect("early");
    const binderKey = this.#derive(binderLabels[origin], emptyHash(this.#crypto, this.hash));
    const binder = verifyData(this.#crypto, this.hash, binderKey, transcriptHash, this.#prefix);
    binderKey.fill(0);
    return binder;
  }

  /**
   * Mixes the key exchange in, and gives the secrets that protect the rest of the handshake.
   * @param sharedSecret of (EC)DHE or the hybrid; with a PAKE, its secret in front or in place of it
   * @param transcriptHash of ClientHello ... ServerHello
   */
  handshake(sharedSecret: Uint8Array, transcriptHash: Uint8Array): TrafficSecrets {
    this.#expect("early");
    this.#advance("handshake", sharedSecret);
    return {
      client: this.#derive("c hs traffic", transcriptHash),
      server: this.#derive("s hs traffic", transcriptHash),
    };
  }

  /** @param transcriptHash of ClientHello ... server Finished */
  application(transcriptHash: Uint8Array): ApplicationSecrets {
    this.#expect("handshake");
    this.#advance("main", noSecret.subarray(0, hashLength(this.hash)));
    return {
      client: this.#derive("c ap traffic", transcriptHash),
      server: this.#derive("s ap traffic", transcriptHash),
      exporter: this.#derive("exp master", transcriptHash),
    };
  }

  /**
   * resumption_secret, the last thing to be derived: the schedule is erased.
   * @param transcriptHash of ClientHello ... client Finished
   */
  resumption(transcriptHash: Uint8Array): Bytes {
    this.#expect("main");
    const secret = this.#derive("res master", transcriptHash);
    this.erase();
    return secret;
  }

  /** Forgets the secret; nothing can be derived any more. */
  erase(): void {
    this.#secret.fill(0);
    this.#stage = "done";
  }
}

/**
 * verify_data of a Finished message, and of a binder (RFC 9846 §4.5.3).
 * @param baseKey the sender's handshake traffic secret, or a binder key
 */
export function verifyData(
  crypto: Hashing,
  hash: HashName,
  baseKey: Uint8Array,
  transcriptHash: Uint8Array,
  prefix: LabelPrefix = "dtls13",
): Bytes {
  const finishedKey = hkdfExpandLabel(crypto, hash, prefix, baseKey, "finished");
  const data = crypto.hmac(hash, finishedKey, transcriptHash);
  finishedKey.fill(0);
  return data;
}

/** Key, IV and record number key of a traffic secret (RFC 9846 §7.3, RFC 9147 §4.2.3). */
export function trafficKeys(
  crypto: Hashing,
  suite: SuiteParameters,
  secret: Uint8Array,
  prefix: LabelPrefix = "dtls13",
): TrafficKeys {
  const expand = (label: string, length: number): Bytes =>
    length === 0
      ? new Uint8Array(0)
      : hkdfExpandLabel(crypto, suite.hash, prefix, secret, label, undefined, length);
  return {
    key: expand("key", suite.keyLength),
    iv: expand("iv", suite.ivLength),
    recordNumberKey: expand("sn", suite.recordNumberKeyLength),
  };
}

/** Derives {@link trafficKeys} for the length of a call, which copies what it needs of them, and erases them. */
export function lendTrafficKeys(
  crypto: Hashing,
  suite: SuiteParameters,
  secret: Uint8Array,
  use: (keys: TrafficKeys) => void,
): void {
  const keys = trafficKeys(crypto, suite, secret);
  try {
    use(keys);
  } finally {
    for (const key of [keys.key, keys.iv, keys.recordNumberKey]) key.fill(0);
  }
}

/** application_traffic_secret_N+1 from N, which the caller then erases (RFC 9846 §7.2). */
export function nextTrafficSecret(
  crypto: Hashing,
  hash: HashName,
  secret: Uint8Array,
  prefix: LabelPrefix = "dtls13",
): Bytes {
  return hkdfExpandLabel(crypto, hash, prefix, secret, "traffic upd");
}

/**
 * TLS-Exporter (RFC 9846 §7.5).
 * @param label ASCII
 * @param context of any length; an empty one is the same as none
 * @param length bytes wanted, at most 255 digests
 */
export function exportKeyingMaterial(
  crypto: Hashing,
  hash: HashName,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
  prefix: LabelPrefix = "dtls13",
): Bytes {
  const secret = hkdfExpandLabel(crypto, hash, prefix, exporterSecret, label, emptyHash(crypto, hash));
  const contextHash = crypto.createHash(hash).update(context).digest();
  const output = hkdfExpandLabel(crypto, hash, prefix, secret, "exporter", contextHash, length);
  secret.fill(0);
  return output;
}

/** The PSK of a ticket (RFC 9846 §4.7.1). */
export function ticketPsk(
  crypto: Hashing,
  hash: HashName,
  resumptionSecret: Uint8Array,
  nonce: Uint8Array,
  prefix: LabelPrefix = "dtls13",
): Bytes {
  return hkdfExpandLabel(crypto, hash, prefix, resumptionSecret, "resumption", nonce);
}
