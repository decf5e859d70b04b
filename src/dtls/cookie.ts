/** Stateless cookies (RFC 9147 §5.1): what a server would have to remember of a client whose address is not yet proved. */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider, HashName } from "../crypto/provider.ts";
import { constantTimeEqual } from "../tls/constant-time.ts";
import type { RetryRequest } from "../tls/retry.ts";
import { Reader, Writer } from "../tls/wire.ts";

/** The parts of the first exchange that the second ClientHello is checked and answered with. */
export interface CookieContents extends RetryRequest {
  readonly cipherSuite: number;
  /** Of the suite. */
  readonly hash: HashName;
  /** `retryFingerprint` of the first ClientHello, 32 bytes. */
  readonly fingerprint: Bytes;
  readonly clientHello1Hash: Bytes;
}

const KEY_LENGTH = 32;
const MAC_LENGTH = 32;
const NO_GROUP = 0;

/**
 * Makes and checks cookies under a key that changes every `rotateMs`. A cookie is good under the key it was made with
 * and until that key has been replaced twice: once at least `rotateMs` old, at most twice that.
 */
export class CookieJar {
  readonly #crypto: CryptoProvider;
  readonly #rotateMs: number;
  #generation = -1;
  #keys: readonly [current: Bytes, previous: Bytes | undefined] | undefined;

  constructor(crypto: CryptoProvider, rotateMs = 60_000) {
    this.#crypto = crypto;
    this.#rotateMs = rotateMs;
  }

  #rotate(nowMs: number): readonly [current: Bytes, previous: Bytes | undefined] {
    const generation = Math.floor(nowMs / this.#rotateMs);
    if (this.#keys === undefined || generation !== this.#generation) {
      const wasLast = this.#keys !== undefined && generation === this.#generation + 1;
      this.#keys = [this.#crypto.random(KEY_LENGTH), wasLast ? this.#keys![0] : undefined];
      this.#generation = generation;
    }
    return this.#keys;
  }

  /** @param address of the client, in whatever form the carrier has it */
  make(contents: CookieContents, address: Uint8Array, nowMs: number): Bytes {
    const [key] = this.#rotate(nowMs);
    const payload = new Writer(128)
      .u8(this.#generation & 0xff)
      .u16(contents.cipherSuite)
      .u8(contents.hash === "SHA-256" ? 0 : 1)
      .u16(contents.selectedGroup ?? NO_GROUP)
      .opaque(1, contents.fingerprint)
      .opaque(1, contents.clientHello1Hash)
      .opaque(1, contents.pakeParameters?.salt ?? new Uint8Array(0))
      .u32(contents.pakeParameters?.iterations ?? 0)
      .finish();
    return new Writer(payload.length + MAC_LENGTH)
      .bytes(payload)
      .bytes(this.#mac(key, payload, address))
      .finish();
  }

  /** `undefined` unless the cookie was made here, not long ago, for this address. */
  open(cookie: Bytes, address: Uint8Array, nowMs: number): CookieContents | undefined {
    const [current, previous] = this.#rotate(nowMs);
    if (cookie.length <= MAC_LENGTH) return undefined;
    const payload = cookie.subarray(0, cookie.length - MAC_LENGTH);
    const mac = cookie.subarray(payload.length);
    const key = payload[0] === (this.#generation & 0xff) ? current : previous;
    if (key === undefined || !constantTimeEqual(mac, this.#mac(key, payload, address))) return undefined;
    const reader = new Reader(payload);
    reader.u8();
    const cipherSuite = reader.u16();
    const hash = reader.u8() === 0 ? "SHA-256" : "SHA-384";
    const group = reader.u16();
    const fingerprint = reader.opaque(1).slice();
    const clientHello1Hash = reader.opaque(1).slice();
    const salt = reader.opaque(1).slice();
    const iterations = reader.u32();
    const selectedGroup = group === NO_GROUP ? undefined : group;
    const pakeParameters = salt.length === 0 ? undefined : { salt, iterations };
    return { cipherSuite, hash, selectedGroup, pakeParameters, fingerprint, clientHello1Hash };
  }

  #mac(key: Bytes, payload: Uint8Array, address: Uint8Array): Bytes {
    // The payload says its own length, so that no address can be taken for a part of it.
    return this.#crypto.hmac(
      "SHA-256",
      key,
      Uint8Array.of(payload.length >> 8, payload.length),
      payload,
      address,
    );
  }
}
