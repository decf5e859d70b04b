import { type Bytes, ownBytes } from "../core/bytes.ts";
import { concatBytes, copyBytes, equalBytes } from "./bytes.ts";
import type { AeadKey, CryptoProvider, HashSuite } from "./provider.ts";

const secretLength = 32;
const keyNameLength = 16;
const nonceLength = 12;
const tagLength = 16;
const timeLength = 8;
const overhead = keyNameLength + nonceLength + tagLength;
const maxSecrets = 16;

const label = (text: string): Bytes => new TextEncoder().encode(text);

/** HKDF-Expand (RFC 5869 §2.3) of one block: the secrets are uniformly random, so there is nothing to extract. */
const expand = (hashes: HashSuite, secret: Uint8Array, purpose: string): Bytes =>
  hashes.hmac("SHA-256", secret, label(purpose), Uint8Array.of(1));

interface TicketKey {
  readonly name: Bytes;
  readonly aead: Promise<AeadKey>;
}

export interface TicketKeysOptions {
  /** 32 random bytes each, newest first: the first seals, all open. At most 16. */
  readonly secrets: readonly Uint8Array[];
  /** For how long after sealing a ticket opens; at most the seven days of RFC 8446 §4.6.1. */
  readonly lifetimeMs: number;
}

const maxLifetimeMs = 604_800_000;

/**
 * Seals state that a server hands to its clients: session tickets (RFC 5077 §4 has the idea) and the like.
 * Servers that have the same secrets open each other's tickets. Put a new secret in front, from time to time and on
 * every server, and drop the last one once the lifetime is over; forward secrecy of resumed sessions reaches back
 * as far as the oldest secret kept.
 *
 * A ticket is key name (16) || nonce (12) || AES-256-GCM(time sealed (8) || state, additional data: key name ||
 * context). The nonce is random, so let a secret seal no more than 2^32 tickets (SP 800-38D §8.3).
 */
export class TicketKeys {
  readonly #provider: CryptoProvider;
  readonly #lifetimeMs: number;
  #keys: readonly TicketKey[];

  constructor(provider: CryptoProvider, options: TicketKeysOptions) {
    const { lifetimeMs } = options;
    if (!(lifetimeMs > 0 && lifetimeMs <= maxLifetimeMs)) {
      throw new RangeError("lifetimeMs is above 0 and at most seven days");
    }
    this.#provider = provider;
    this.#lifetimeMs = lifetimeMs;
    this.#keys = this.#derive(options.secrets);
  }

  /** Replaces the secrets, newest first. */
  rotate(secrets: readonly Uint8Array[]): void {
    this.#keys = this.#derive(secrets);
  }

  #derive(secrets: readonly Uint8Array[]): readonly TicketKey[] {
    if (secrets.length < 1 || secrets.length > maxSecrets)
      throw new RangeError("from 1 to 16 ticket secrets");
    const own = secrets.map((secret) => ownBytes(secret, "a ticket secret"));
    if (own.some((secret) => secret.length !== secretLength))
      throw new RangeError("a ticket secret has 32 bytes");
    return own.map((secret) => ({
      name: expand(this.#provider, secret, "sealgram ticket name").slice(0, keyNameLength),
      aead: Promise.resolve(this.#provider.importAead(expand(this.#provider, secret, "sealgram ticket key"))),
    }));
  }

  /**
   * @param state what the server wants back
   * @param context what must be the same when it comes back, such as the purpose of the ticket
   */
  async seal(state: Uint8Array, context: Uint8Array, nowMs: number): Promise<Bytes> {
    const { name, aead } = this.#keys[0]!;
    const nonce = this.#provider.random(nonceLength);
    const time = new Uint8Array(timeLength);
    new DataView(time.buffer).setBigUint64(0, BigInt(Math.floor(nowMs)));
    const sealed = await (await aead).seal(nonce, concatBytes(time, state), concatBytes(name, context));
    return concatBytes(name, nonce, sealed);
  }

  /** The state and its age; `null` for what was not sealed under these secrets and context, or not within the lifetime. */
  async open(
    ticket: Uint8Array,
    context: Uint8Array,
    nowMs: number,
  ): Promise<{ readonly state: Bytes; readonly ageMs: number } | null> {
    if (ticket.length < overhead + timeLength) return null;
    const name = ticket.subarray(0, keyNameLength);
    const key = this.#keys.find((candidate) => equalBytes(candidate.name, name));
    if (key === undefined) return null;
    const nonce = ticket.subarray(keyNameLength, keyNameLength + nonceLength);
    const sealed = ticket.subarray(keyNameLength + nonceLength);
    const opened = await (await key.aead).open(nonce, sealed, concatBytes(key.name, context));
    if (opened === null) return null;
    const sealedAtMs = Number(new DataView(opened.buffer).getBigUint64(0));
    const ageMs = nowMs - sealedAtMs;
    // Another server's clock may be a little ahead; a minute is more than clocks differ that do their work.
    if (ageMs < -60_000 || ageMs > this.#lifetimeMs) return null;
    return { state: copyBytes(opened.subarray(timeLength)), ageMs: Math.max(0, ageMs) };
  }
}
