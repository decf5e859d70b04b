/**
 * What seals the tickets by which clients come back (RFC 9846 §4.7.1). "The keys should be changed regularly" (RFC 5077
 * §5.5), as whoever has one can make tickets: each seals for as long as a ticket lives, opens for as long again, and then
 * is gone. They are kept, so that all clients come back after a restart without much work.
 */
import { concatBytes } from "../../../crypto/bytes.ts";
import type { Database } from "./database.ts";
import type { Settings } from "./settings.ts";

/** How long a ticket is good for. */
export const TICKET_MS = 7_200_000;

interface Secret {
  /** Since when it seals, since 1970. */
  readonly sinceMs: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NAME = "ticket secrets";
const SECRET_BYTES = 32;
const ROW_BYTES = 8 + SECRET_BYTES;

/** What could not be kept, as with a full disk, is tried again after so long. */
const RETRY_MS = 60_000;

export class TicketSecrets {
  readonly #keep: (value: Uint8Array) => Promise<void>;
  readonly #now: () => number;
  /** Newest first. */
  #secrets: readonly Secret[];
  #bytes: readonly Uint8Array[] = [];
  #retryAtMs = Number.POSITIVE_INFINITY;

  /** @param report told of what could not be kept: clients log in all the same */
  constructor(
    database: Database,
    settings: Settings,
    report: (error: unknown) => void,
    now: () => number = Date.now,
  ) {
    this.#keep = async (value) => {
      try {
        await database.change(() => settings.set(NAME, value));
      } catch (error) {
        this.#retryAtMs = this.#now() + RETRY_MS;
        report(error);
      }
    };
    this.#now = now;
    this.#secrets = decode(settings.get(NAME));
    this.#adopt(this.#secrets);
  }

  /** Those of now, newest first: the same array until they change. To be called from time to time, to forget old ones. */
  current(): readonly Uint8Array[] {
    const nowMs = this.#now();
    const newest = this.#secrets[0];
    // A clock that was ahead, and is right again, is not waited for.
    const isDue = newest === undefined || newest.sinceMs > nowMs || nowMs >= newest.sinceMs + TICKET_MS;
    const fresh = isDue
      ? [{ sinceMs: nowMs, bytes: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)) }]
      : [];
    const all = [...fresh, ...this.#secrets];
    // Since the one after it, a secret seals nothing; and a clock that jumps to and fro makes no more of them.
    const needed = all.slice(0, nowMs < all[0]!.sinceMs + TICKET_MS ? 2 : 1);
    const hasChanged = isDue || needed.length < all.length;
    if (hasChanged) this.#adopt(needed);
    if (hasChanged || nowMs >= this.#retryAtMs) {
      this.#retryAtMs = Number.POSITIVE_INFINITY;
      void this.#keep(encode(needed));
    }
    return this.#bytes;
  }

  #adopt(secrets: readonly Secret[]): void {
    this.#secrets = secrets;
    this.#bytes = secrets.map(({ bytes }) => bytes);
  }
}

function encode(secrets: readonly Secret[]): Uint8Array {
  return concatBytes(
    ...secrets.flatMap(({ sinceMs, bytes }) => {
      const head = new Uint8Array(8);
      new DataView(head.buffer).setFloat64(0, sinceMs);
      return [head, bytes];
    }),
  );
}

function decode(stored: Uint8Array<ArrayBuffer> = new Uint8Array(0)): Secret[] {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
  return Array.from({ length: Math.floor(stored.length / ROW_BYTES) }, (_, i) => {
    const at = i * ROW_BYTES;
    return { sinceMs: view.getFloat64(at), bytes: stored.slice(at + 8, at + ROW_BYTES) };
  });
}
