/** The runner's clock: it moves when it is told to, never by itself. Kept in whole microseconds, as the runner counts. */
export class VirtualClock {
  /** Not zero: nothing may take the beginning of time for a time that is not set. */
  #microseconds = 1_234_000_000;

  get nowMs(): number {
    return this.#microseconds / 1000;
  }

  advance(ms: number): void {
    this.#microseconds += Math.floor(ms * 1000);
  }

  /** Until a time on this clock. */
  microsecondsUntil(atMs: number): number {
    return Math.max(0, Math.round(atMs * 1000) - this.#microseconds);
  }
}
