/** Datagrams that wait to be sent: those that wait for too long, or are too many, are dropped, the oldest first. */

import type { Fate, Fates } from "./callbacks.ts";

/** Datagrams of this side that did not arrive, by reason. */
export interface DatagramDrops {
  /** They waited for longer than `outgoingMaxAge`. */
  expired: number;
  /** Newer ones took their place. */
  overflow: number;
  /** They are larger than what the path carries now. */
  tooLarge: number;
  /** The packet was lost. */
  lost: number;
}

export interface Waiting {
  readonly bytes: Uint8Array;
  readonly atMs: number;
  readonly fate: Fate | undefined;
}

export class OutgoingDatagrams {
  readonly drops: DatagramDrops = { expired: 0, overflow: 0, tooLarge: 0, lost: 0 };
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

  get isFull(): boolean {
    return this.length >= this.#limit;
  }

  /** How many may wait. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#trim();
  }

  /** Takes a copy. */
  push(bytes: Uint8Array, nowMs: number, fate?: Fate): void {
    this.#waiting.push({ bytes: bytes.slice(), atMs: nowMs, fate });
    this.#trim();
  }

  #trim(): void {
    while (this.length > this.#limit) {
      this.drops.overflow++;
      this.#drop();
    }
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
    if (this.#head === this.#waiting.length) this.#waiting.length = 0;
    else if (this.#head < 64) return;
    else this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
    if (this.#waiters.length > 0 && !this.isFull) this.#tell();
  }

  /** Settles when there is room again. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #tell(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  clear(): void {
    this.#waiting = [];
    this.#head = 0;
    this.#tell();
  }
}
