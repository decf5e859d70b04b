/** A rate with bursts: tokens come evenly, and as many as one second brings are kept. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  /** Whether there are so many. */
  has(count: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSecond, this.#perSecond);
    this.#atMs = nowMs;
    return count <= this.#tokens;
  }

  take(count: number): void {
    this.#tokens -= count;
  }
}
