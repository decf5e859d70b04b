/** HyStart++: leaving slow start when round trips grow, before packets are lost (RFC 9406). */

const MIN_RTT_THRESH_MS = 4;
const MAX_RTT_THRESH_MS = 16;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

export class HyStart {
  /** A round ends when a packet is acknowledged that was sent in it (§4.2: windowEnd). */
  #roundStartMs: number = Number.NEGATIVE_INFINITY;
  #lastRoundMinMs: number = Number.POSITIVE_INFINITY;
  #roundMinMs: number = Number.POSITIVE_INFINITY;
  #samples = 0;
  /** Conservative slow start: the least round trip when it began; infinite outside of it. */
  #baselineMinMs: number = Number.POSITIVE_INFINITY;
  #conservativeRounds = 0;

  /** What the window grows by, of the bytes acknowledged. Senders pace, so that L is infinite (§4.3). */
  growth(bytes: number): number {
    return this.#isConservative ? bytes / CSS_GROWTH_DIVISOR : bytes;
  }

  get #isConservative(): boolean {
    return this.#baselineMinMs !== Number.POSITIVE_INFINITY;
  }

  /**
   * A round trip was measured in slow start, with a packet sent at `sentMs`.
   * @returns whether slow start ends here, with the window as it is
   */
  onRttSample(rttMs: number, sentMs: number, nowMs: number): boolean {
    const isOver = sentMs > this.#roundStartMs && this.#endRound(nowMs);
    this.#roundMinMs = Math.min(this.#roundMinMs, rttMs);
    if (++this.#samples < N_RTT_SAMPLE) return isOver;
    if (this.#isConservative) {
      // "spurious": the delay has gone, and slow start resumes.
      if (this.#roundMinMs < this.#baselineMinMs) this.#baselineMinMs = Number.POSITIVE_INFINITY;
    } else if (this.#roundMinMs >= this.#lastRoundMinMs + this.#thresholdMs) {
      this.#baselineMinMs = this.#roundMinMs;
      this.#conservativeRounds = 0;
    }
    return isOver;
  }

  get #thresholdMs(): number {
    return Math.max(MIN_RTT_THRESH_MS, Math.min(this.#lastRoundMinMs / MIN_RTT_DIVISOR, MAX_RTT_THRESH_MS));
  }

  #endRound(nowMs: number): boolean {
    this.#roundStartMs = nowMs;
    this.#lastRoundMinMs = this.#roundMinMs;
    this.#roundMinMs = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    return this.#isConservative && ++this.#conservativeRounds >= CSS_ROUNDS;
  }
}
