/**
 * One timer for the deadlines of any number of connections: a binary heap. A deadline that moves back, as an idle
 * time-out does with every datagram, costs nothing until its old time comes.
 */

/** Something with a deadline; the fields that start with "queued" belong to {@link Deadlines}. */
export interface Scheduled {
  /** Milliseconds on the clock of the {@link Deadlines}; `undefined` while nothing is due. */
  readonly deadlineMs: number | undefined;
  handleTimeout(): void;
  /** Position in the heap, or -1. */
  queuedAt: number;
  /** The time that it is in the heap for: its deadline, or earlier. */
  queuedForMs: number;
}

/** The longest that a timer can wait for. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/** A timer that is later than this was held back, by a busy machine or a hidden page; what has come meanwhile waits as well. */
const LATE_MS = 250;

/** A name of this module's own: the global one is looked up anew for every datagram. */
const clock = performance;

export class Deadlines {
  readonly #heap: Scheduled[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerForMs = Number.POSITIVE_INFINITY;
  /** Whether what has come while the timer was held back was given its turn. */
  #hasYielded = false;

  now(): number {
    return clock.now();
  }

  get size(): number {
    return this.#heap.length;
  }

  /** To be called when a deadline may have become earlier. */
  update(entry: Scheduled): void {
    const { deadlineMs } = entry;
    if (deadlineMs === undefined) return;
    if (entry.queuedAt === -1) {
      entry.queuedAt = this.#heap.length;
      this.#heap.push(entry);
    } else if (deadlineMs >= entry.queuedForMs) return;
    entry.queuedForMs = deadlineMs;
    this.#rise(entry);
    if (entry.queuedAt === 0) this.#setTimer();
  }

  remove(entry: Scheduled): void {
    const at = entry.queuedAt;
    if (at === -1) return;
    entry.queuedAt = -1;
    const last = this.#heap.pop()!;
    if (last !== entry) this.#place(last, at);
    if (this.#heap.length === 0) {
      clearTimeout(this.#timer);
      this.#timerForMs = Number.POSITIVE_INFINITY;
    }
  }

  #place(entry: Scheduled, at: number): void {
    this.#heap[at] = entry;
    entry.queuedAt = at;
    this.#rise(entry);
    if (entry.queuedAt === at) this.#sink(entry);
  }

  #rise(entry: Scheduled): void {
    const heap = this.#heap;
    let at = entry.queuedAt;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above]!;
      if (parent.queuedForMs <= entry.queuedForMs) break;
      heap[at] = parent;
      parent.queuedAt = at;
      at = above;
    }
    heap[at] = entry;
    entry.queuedAt = at;
  }

  #sink(entry: Scheduled): void {
    const heap = this.#heap;
    let at = entry.queuedAt;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.queuedForMs < heap[below]!.queuedForMs) below++;
      const child = heap[below]!;
      if (child.queuedForMs >= entry.queuedForMs) break;
      heap[at] = child;
      child.queuedAt = at;
      at = below;
    }
    heap[at] = entry;
    entry.queuedAt = at;
  }

  #setTimer(): void {
    const first = this.#heap[0];
    if (first === undefined || first.queuedForMs >= this.#timerForMs) return;
    clearTimeout(this.#timer);
    this.#timerForMs = first.queuedForMs;
    // Rounded up: a timer that fires early would only be set again.
    const delayMs = Math.min(Math.max(Math.ceil(first.queuedForMs - this.now()), 0), MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.#fire(), delayMs);
  }

  #fire(): void {
    this.#timerForMs = Number.POSITIVE_INFINITY;
    const now = this.now();
    if (this.#mustYield(now)) {
      this.#setTimer();
      return;
    }
    try {
      for (
        let first = this.#heap[0];
        first !== undefined && first.queuedForMs <= now;
        first = this.#heap[0]
      ) {
        this.remove(first);
        const { deadlineMs } = first;
        if (deadlineMs !== undefined && deadlineMs <= now) first.handleTimeout();
        // What is due again at once waits for the next turn, so that this loop ends.
        this.#again(first, now);
      }
    } finally {
      this.#setTimer();
    }
  }

  /** A deadline that has passed while nothing could be read says nothing of the peer: what it has sent is read first. */
  #mustYield(now: number): boolean {
    const first = this.#heap[0];
    const isLate = first !== undefined && now - first.queuedForMs > LATE_MS;
    this.#hasYielded = isLate && !this.#hasYielded;
    return this.#hasYielded;
  }

  #again(entry: Scheduled, now: number): void {
    const { deadlineMs } = entry;
    if (deadlineMs === undefined || entry.queuedAt !== -1) return;
    entry.queuedForMs = deadlineMs <= now ? now + 1 : deadlineMs;
    entry.queuedAt = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry);
  }
}
