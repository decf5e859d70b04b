import { pause } from "../../../pause.ts";

/** How much somebody may do in a time, and how much at once. */
export interface Rate {
  /** How much in a second, and how much may come at once after a pause. */
  readonly perSecond: number;
  readonly burst: number;
}

/** Timers take no more. */
const MAX_TIMER_MS = 2_147_483_647;

export class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /**
   * Takes so many, if there are as many; a larger number than fit in at all, if it is full.
   * @returns 0, or after how many milliseconds to try again
   */
  take(count: number, nowMs: number): number {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(this.#tokens + (Math.max(nowMs - this.#atMs, 0) / 1000) * perSecond, burst);
    this.#atMs = nowMs;
    const missing = Math.min(count, burst) - this.#tokens;
    if (missing > 0) return Math.ceil((missing / perSecond) * 1000);
    this.#tokens -= count;
    return 0;
  }

  /** Takes so many, whether they are there or not: what is missing is waited for by the next one. */
  charge(count: number, nowMs: number): void {
    this.take(0, nowMs);
    this.#tokens -= count;
  }

  /** Takes so many, and settles once there were as many. @throws the signal's reason, if it is aborted before */
  async wait(count: number, signal?: AbortSignal): Promise<void> {
    for (
      let waitMs = this.take(count, performance.now());
      waitMs > 0;
      waitMs = this.take(count, performance.now())
    ) {
      await pause(Math.min(waitMs, MAX_TIMER_MS), signal);
      signal?.throwIfAborted();
    }
  }
}
