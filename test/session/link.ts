/**
 * A clock that stands still between events, and links with a bandwidth, a delay, a queue and faults from a seed: the same
 * seed, the same run. Times are in milliseconds, and as fine as numbers are.
 */
import type { Random } from "../sim/random.ts";

interface Event {
  readonly atMs: number;
  /** Events of one time happen in the order in which they were planned. */
  readonly order: number;
  readonly action: () => void;
}

export class Clock {
  #nowMs = 0;
  #planned = 0;
  /** A binary heap. */
  readonly #events: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that are still to happen. */
  get pending(): number {
    return this.#events.length;
  }

  /** Plans an event, now at the earliest. */
  at(atMs: number, action: () => void): void {
    const events = this.#events;
    const event = { atMs: Math.max(atMs, this.#nowMs), order: this.#planned++, action };
    let index = events.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, events[parent]!)) break;
      events[index] = events[parent]!;
      index = parent;
    }
    events[index] = event;
  }

  /** Lets everything happen that is planned until then, and what comes of it. */
  run(untilMs: number): void {
    while (this.#events.length > 0 && this.#events[0]!.atMs <= untilMs) {
      const { atMs, action } = this.#next();
      this.#nowMs = atMs;
      action();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #next(): Event {
    const events = this.#events;
    const first = events[0]!;
    const last = events.pop()!;
    if (events.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child++;
      if (child >= events.length || !isBefore(events[child]!, last)) break;
      events[index] = events[child]!;
      index = child;
    }
    events[index] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

/** One timer, set anew at will: it wakes late by as much as timers of this granularity do. */
export class Timer {
  readonly #clock: Clock;
  readonly #granularityMs: number;
  readonly #action: () => void;
  #deadlineMs: number = Number.POSITIVE_INFINITY;
  /** When the next planned event looks whether it is time. */
  #plannedMs: number = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, granularityMs: number, action: () => void) {
    this.#clock = clock;
    this.#granularityMs = granularityMs;
    this.#action = action;
  }

  /** @param deadlineMs infinite for none */
  set(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.#plan();
  }

  #plan(): void {
    const { nowMs } = this.#clock;
    const waitMs = Math.max(0, this.#deadlineMs - nowMs);
    const atMs = nowMs + Math.ceil(waitMs / this.#granularityMs) * this.#granularityMs;
    if (atMs >= this.#plannedMs) return;
    this.#plannedMs = atMs;
    this.#clock.at(atMs, () => this.#look(atMs));
  }

  #look(atMs: number): void {
    if (atMs !== this.#plannedMs) return;
    this.#plannedMs = Number.POSITIVE_INFINITY;
    if (this.#deadlineMs === Number.POSITIVE_INFINITY) return;
    if (this.#deadlineMs > atMs) {
      this.#plan();
      return;
    }
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#action();
  }
}

/** What a link does. Probabilities are between 0 and 1. */
export interface LinkOptions {
  /** Bytes per millisecond: 100 Mbit/s are 12,500. */
  readonly bytesPerMs: number;
  /** One way, after the queue. */
  readonly delayMs: number;
  /** What waits for its turn, at most: what comes to a full queue is lost. */
  readonly queueBytes: number;
  readonly loss: number;
  /** Up to this much is added to the delay, which reorders. */
  readonly jitterMs: number;
  readonly duplication: number;
  /** Larger datagrams vanish. */
  readonly mtuBytes: number;
}

export const perfect: LinkOptions = {
  bytesPerMs: Number.POSITIVE_INFINITY,
  delayMs: 0,
  queueBytes: Number.POSITIVE_INFINITY,
  loss: 0,
  jitterMs: 0,
  duplication: 0,
  mtuBytes: 65_535,
};

/** One direction of a path. Several senders may share it. */
export class Link {
  options: LinkOptions;
  /** Nothing gets through. */
  isDown = false;
  readonly #clock: Clock;
  readonly #random: Random;
  /** When the queue will have run empty. */
  #busyUntilMs = 0;
  /** Bytes that went through the queue. */
  carriedBytes = 0;
  dropped = { queue: 0, loss: 0, mtu: 0 };
  mostQueuedBytes = 0;

  constructor(clock: Clock, random: Random, options: Partial<LinkOptions>) {
    this.#clock = clock;
    this.#random = random;
    this.options = { ...perfect, ...options };
  }

  get queuedBytes(): number {
    const waitMs = Math.max(0, this.#busyUntilMs - this.#clock.nowMs);
    return waitMs === 0 ? 0 : waitMs * this.options.bytesPerMs;
  }

  /** Sends a datagram: `arrive` happens once, twice or never. */
  send(bytes: number, arrive: () => void): void {
    const { bytesPerMs, queueBytes, loss, duplication, mtuBytes } = this.options;
    const queued = this.queuedBytes;
    if (bytes > mtuBytes) this.dropped.mtu++;
    else if (queued + bytes > queueBytes) this.dropped.queue++;
    else {
      this.mostQueuedBytes = Math.max(this.mostQueuedBytes, queued + bytes);
      this.carriedBytes += bytes;
      this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.nowMs) + bytes / bytesPerMs;
      if (this.isDown || (loss > 0 && this.#random.chance(loss))) {
        this.dropped.loss++;
        return;
      }
      this.#deliver(arrive);
      if (duplication > 0 && this.#random.chance(duplication)) this.#deliver(arrive);
    }
  }

  #deliver(arrive: () => void): void {
    const { delayMs, jitterMs } = this.options;
    const jitter = jitterMs > 0 ? this.#random.next() * jitterMs : 0;
    this.#clock.at(this.#busyUntilMs + delayMs + jitter, arrive);
  }
}
