/** Datagrams that wait to be sent: so many may, and those that wait for too long are dropped. */

import type { Fate, Fates } from "./callbacks.ts";

/**
 * What became of a datagram that was to be sent: it was sent, or waits; there is no room for it at present; or it can not
 * be sent, as it is larger than what the path carries or the peer takes, or the session is over.
 */
export type DatagramOutcome = "taken" | "full" | "refused";

/** Datagrams of this side that were taken and did not arrive, by reason. */
export interface DatagramDrops {
  /** They waited for longer than `outgoingMaxAge`. */
  expired: number;
  /** They are larger than what the path carries now. */
  tooLarge: number;
  /** They waited still when the session ended. */
  unsent: number;
  /** The packet was lost. */
  lost: number;
}

export interface Waiting {
  readonly bytes: Uint8Array;
  readonly atMs: number;
  readonly fate: Fate | undefined;
}

export class OutgoingDatagrams {
  readonly drops: DatagramDrops = { expired: 0, tooLarge: 0, unsent: 0, lost: 0 };
  /** How long a datagram may wait, in milliseconds. */
  maxAgeMs: number = Number.POSITIVE_INFINITY;
  #waiters: (() => void)[] = [];
  readonly #fates: Fates;
  #limit: number;
  #waiting: Waiting[] = [];
  /** Those before it are gone. */
  #head = 0;

  constructor(limit: number, fates: Fates) {
    this.#limit = limit;
    this.#fates = fates;
  }

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** How many may wait. Those that wait already go on waiting. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    if (this.#hasRoom) this.#tell();
  }

  get #hasRoom(): boolean {
    return this.length < this.#limit;
  }

  /**
   * Takes a copy.
   * @returns false if there is no room for it
   */
  push(bytes: Uint8Array, nowMs: number, fate?: Fate): boolean {
    if (!this.#hasRoom) return false;
    this.#waiting.push({ bytes: bytes.slice(), atMs: nowMs, fate });
    return true;
  }

  /** The next that may still be sent, in at most `maxBytes`. */
  first(nowMs: number, maxBytes: number): Waiting | undefined {
    for (let next = this.#waiting[this.#head]; next !== undefined; next = this.#waiting[this.#head]) {
      if (nowMs - next.atMs > this.maxAgeMs) this.drops.expired++;
      else if (next.bytes.length > maxBytes) this.drops.tooLarge++;
      else return next;
      this.#drop();
    }
    return undefined;
  }

  #drop(): void {
    const { fate } = this.#waiting[this.#head]!;
    this.shift();
    if (fate !== undefined) this.#fates.add(fate, false);
  }

  /** Takes the first out. */
  shift(): void {
    this.#head++;
    if (this.#head === this.#waiting.length) this.#forget(this.#waiting.length);
    else if (this.#head >= 64) this.#forget(this.#head);
    if (this.#hasRoom) this.#tell();
  }

  #forget(count: number): void {
    this.#waiting.splice(0, count);
    this.#head = 0;
  }

  /** Settles when there is room again, or the session is over. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #tell(): void {
    if (this.#waiters.length === 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** The session is over. */
  end(): void {
    while (this.length > 0) {
      this.drops.unsent++;
      this.#drop();
    }
    this.#tell();
  }
}
