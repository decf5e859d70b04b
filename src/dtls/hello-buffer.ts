/**
 * ClientHellos that come in several datagrams before their address is proved. RFC 9147 wants nothing kept of such
 * clients, yet a large hello, or a narrow path, leaves no choice: so a fixed number of them is kept for a short time,
 * and newcomers push the oldest out. Whole hellos never need a place here.
 */
import type { Bytes } from "../core/bytes.ts";
import { fault } from "../tls/wire.ts";
import type { Fragment } from "./fragment.ts";
import { Reassembler } from "./reassembly.ts";
import { defaultReliability } from "./reliability-options.ts";

const LIFETIME_MS = 2_000;

interface Entry {
  readonly reassembler: Reassembler;
  readonly sinceMs: number;
  /** Whether its address is proved, by a cookie in front of what is still missing. */
  isProved: boolean;
}

export class HelloBuffer {
  readonly #places: number;
  readonly #maxBytes: number;
  /** By message_seq and the client's address, oldest first. */
  readonly #entries = new Map<string, Entry>();

  /** @param places how many hellos are kept, 0 for none, @param maxBytes of each */
  constructor(places: number, maxBytes: number = defaultReliability.maxHelloBytes) {
    this.#places = places;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Adds a fragment of the first or second ClientHello; answers the whole message, type and length in front, once it is
   * complete. One that contradicts what has come before begins anew: either may be forged, and clients repeat theirs.
   * @throws SealgramError for a message that is too long
   */
  add(fragment: Fragment, address: Uint8Array, nowMs: number): Bytes | undefined {
    if (this.#places === 0) return undefined;
    if (fragment.length > this.#maxBytes) {
      throw fault("illegal_parameter", "message_too_long", `a ClientHello of ${fragment.length} bytes`);
    }
    const key = keyOf(fragment.messageSeq, address);
    this.#expire(nowMs);
    const { reassembler } = this.#entries.get(key) ?? this.#open(key, fragment.messageSeq, nowMs);
    reassembler.add(fragment, 0);
    const message = reassembler.next();
    if (message !== undefined) this.#entries.delete(key);
    return message?.bytes;
  }

  /** A hello keeps its place before those of addresses that are not proved. */
  prove(messageSeq: number, address: Uint8Array): void {
    const entry = this.#entries.get(keyOf(messageSeq, address));
    if (entry !== undefined) entry.isProved = true;
  }

  #expire(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#entries) {
      if (nowMs - sinceMs < LIFETIME_MS) return;
      this.#entries.delete(key);
    }
  }

  #open(key: string, messageSeq: number, nowMs: number): Entry {
    if (this.#entries.size >= this.#places) this.#entries.delete(this.#leastWorthy());
    const limits = {
      messageBytes: this.#maxBytes,
      plaintextBytes: this.#maxBytes,
      messagesAhead: 0,
      aheadBytes: 0,
      doubtsPlaintext: true,
    };
    const entry = { reassembler: new Reassembler(limits, messageSeq), sinceMs: nowMs, isProved: false };
    this.#entries.set(key, entry);
    return entry;
  }

  #leastWorthy(): string {
    const entries = [...this.#entries];
    return (entries.find(([, { isProved }]) => !isProved) ?? entries[0]!)[0];
  }
}

function keyOf(messageSeq: number, address: Uint8Array): string {
  return String.fromCharCode(messageSeq, ...address);
}
