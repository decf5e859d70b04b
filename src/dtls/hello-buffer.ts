/**
 * ClientHellos that come in several datagrams before their address is proved. RFC 9147 wants nothing kept of such
 * clients, yet a large hello, or a narrow path, leaves no choice: so a fixed number of them is kept for a short time,
 * and newcomers push the oldest out. Whole hellos never need a place here.
 */
import type { Bytes } from "../core/bytes.ts";
import type { Fragment } from "./fragment.ts";
import { Reassembler } from "./reassembly.ts";

const LIFETIME_MS = 2_000;
/** Of one ClientHello, in bytes. */
const MAX_HELLO = 8_192;

interface Entry {
  readonly reassembler: Reassembler;
  readonly sinceMs: number;
}

export class HelloBuffer {
  readonly #places: number;
  /** By message_seq and the client's address, oldest first. */
  readonly #entries = new Map<string, Entry>();

  /** @param places how many hellos are kept, of up to 8 kB each; 0 for none */
  constructor(places: number) {
    this.#places = places;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Adds a fragment of the first or second ClientHello; answers the whole message, type and length in front, once it is complete.
   * @throws SealgramError for fragments that contradict each other
   */
  add(fragment: Fragment, address: Uint8Array, nowMs: number): Bytes | undefined {
    if (this.#places === 0 || fragment.length > MAX_HELLO) return undefined;
    const key = String.fromCharCode(fragment.messageSeq, ...address);
    this.#expire(nowMs);
    const { reassembler } = this.#entries.get(key) ?? this.#open(key, fragment.messageSeq, nowMs);
    try {
      reassembler.add(fragment, 0);
    } catch (error) {
      this.#entries.delete(key);
      throw error;
    }
    const message = reassembler.next();
    if (message !== undefined) this.#entries.delete(key);
    return message?.bytes;
  }

  #expire(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#entries) {
      if (nowMs - sinceMs < LIFETIME_MS) return;
      this.#entries.delete(key);
    }
  }

  #open(key: string, messageSeq: number, nowMs: number): Entry {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#places && oldest !== undefined) this.#entries.delete(oldest);
    const limits = { messageBytes: MAX_HELLO, plaintextBytes: MAX_HELLO, messagesAhead: 0, aheadBytes: 0 };
    const entry = {
      reassembler: new Reassembler(limits, messageSeq),
      sinceMs: nowMs,
    };
    this.#entries.set(key, entry);
    return entry;
  }
}
