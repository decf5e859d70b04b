/**
 * Certificates that a gateway makes itself, for WebTransport's serverCertificateHashes: ECDSA with P-256, and valid for no
 * longer than 14 days. Each is known, as the next one, for days before it is shown, so that a page that has loaded both
 * hashes can reach the gateway for a while.
 */
import { fromBase64, toBase64 } from "../crypto/bytes.ts";
import { generateCertificate } from "../crypto/certificate-generate.ts";
import { toPem } from "../crypto/key-format.ts";
import { runtimeCrypto } from "../crypto/runtime-crypto.ts";
import type { CertificateHash } from "../transport/types.ts";
import type { TlsKeyPair } from "./options.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** For clocks that are slow. */
const BACKDATED_MS = DAY_MS / 2;
/** From its making. It waits for one turn, is shown for the next one, and has a day left. */
const LIFETIME_MS = 13 * DAY_MS;
const TURN_MS = 6 * DAY_MS;

/** Of certificates that are not valid at present, so many are kept: a pair. */
const MAX_OTHERS = 2;

/** Text that outlives the program, as in a file. */
export interface CertificateStore {
  load(): Promise<string | undefined>;
  save(text: string): Promise<void>;
}

/** Of a certificate that a gateway has made itself. */
export interface OwnCertificateHash extends CertificateHash {
  /** When the certificate ends. */
  readonly notAfterMs: number;
}

interface OwnCertificate extends TlsKeyPair {
  /** From when on it is shown. */
  readonly shownFromMs: number;
  readonly hash: OwnCertificateHash;
}

interface Stored {
  /** DER in base64. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly shownFromMs: number;
  readonly notAfterMs: number;
}

export class OwnCertificates {
  /** Called when another certificate is to be shown. */
  onchange: ((keyPair: TlsKeyPair) => void) | undefined;
  readonly #names: readonly string[];
  readonly #store: CertificateStore | undefined;
  readonly #now: () => number;
  #stored: readonly Stored[];
  #current: OwnCertificate | undefined;
  #next: OwnCertificate | undefined;
  #updating: Promise<void> | undefined;

  private constructor(
    names: readonly string[],
    store: CertificateStore | undefined,
    now: () => number,
    stored: readonly Stored[],
  ) {
    this.#names = names;
    this.#store = store;
    this.#now = now;
    this.#stored = stored;
  }

  /**
   * @param names host names and IP addresses; those who trust the hash do not look at them
   * @throws what the store throws, and TypeError for text that is not its own
   */
  static async open(
    names: readonly string[],
    store: CertificateStore | undefined,
    now: () => number = Date.now,
  ): Promise<OwnCertificates> {
    const text = await store?.load();
    const certificates = new OwnCertificates(names, store, now, text === undefined ? [] : parse(text));
    await certificates.update();
    return certificates;
  }

  /** The one to show. */
  get current(): TlsKeyPair {
    return this.#current!;
  }

  /** Of the one to show, and the next one. */
  get hashes(): readonly OwnCertificateHash[] {
    return [this.#current!.hash, this.#next!.hash];
  }

  /** Does what is due, which may be to make certificates; to be called every hour or so. */
  update(): Promise<void> {
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  async #update(): Promise<void> {
    const now = this.#now();
    const before = this.#stored;
    let stored = before.filter((each) => isValid(each, now));
    // Those that are over or still to come may be neither once a clock is right that was wrong, or is.
    const others = before.filter((each) => !isValid(each, now)).slice(-MAX_OTHERS);
    const due = stored.filter(({ shownFromMs }) => shownFromMs <= now);
    // Of those whose turn it is, or was, the newest.
    let current = due.at(-1);
    if (current === undefined) {
      // The next one's turn comes early rather than that one be shown that nobody knows.
      current = stored[0] ?? (await this.#make(now));
      current = { ...current, shownFromMs: now };
    }
    const known = current;
    const waiting = stored.filter(
      ({ certificate, shownFromMs }) => shownFromMs > now && certificate !== known.certificate,
    );
    const next = waiting[0] ?? (await this.#make(Math.max(known.shownFromMs + TURN_MS, now + HOUR_MS)));
    stored = [...others, known, next];
    if (JSON.stringify(stored) !== JSON.stringify(before))
      await this.#store?.save(`${JSON.stringify(stored, null, 1)}\n`);
    this.#stored = stored;
    this.#next = await toOwn(next);
    const shown = this.#current;
    this.#current = await toOwn(known);
    if (shown !== undefined && shown.cert !== this.#current.cert) this.onchange?.(this.#current);
  }

  async #make(shownFromMs: number): Promise<Stored> {
    const now = this.#now();
    const notAfterMs = now + LIFETIME_MS;
    const { certificate, privateKey } = await generateCertificate({
      subject: "sealgram gateway",
      names: this.#names,
      notBeforeMs: now - BACKDATED_MS,
      notAfterMs,
    });
    return {
      certificate: toBase64(certificate),
      privateKey: toBase64(privateKey),
      shownFromMs,
      notAfterMs,
    };
  }
}

/** Whether it can be shown, for an hour at least. */
function isValid({ notAfterMs }: Stored, nowMs: number): boolean {
  return notAfterMs - LIFETIME_MS - BACKDATED_MS <= nowMs && notAfterMs > nowMs + HOUR_MS;
}

async function toOwn(stored: Stored): Promise<OwnCertificate> {
  const { shownFromMs, notAfterMs } = stored;
  const certificate = fromBase64(stored.certificate);
  const { subtle } = await runtimeCrypto();
  const value = new Uint8Array(await subtle.digest("SHA-256", certificate));
  return {
    cert: toPem("CERTIFICATE", certificate),
    key: toPem("PRIVATE KEY", fromBase64(stored.privateKey)),
    shownFromMs,
    hash: { algorithm: "sha-256", value, notAfterMs },
  };
}

/** @throws TypeError for anything else than what was saved */
function parse(text: string): readonly Stored[] {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    stored = undefined;
  }
  const isStored = (each: Partial<Stored>) =>
    typeof each.certificate === "string" &&
    typeof each.privateKey === "string" &&
    Number.isFinite(each.shownFromMs) &&
    Number.isFinite(each.notAfterMs);
  if (!Array.isArray(stored) || !stored.every(isStored)) throw new TypeError("not a gateway's certificates");
  return stored.sort((a, b) => a.shownFromMs - b.shownFromMs);
}
