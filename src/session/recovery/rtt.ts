/** Estimating the round-trip time of a path (RFC 9002 §5). */

/** kInitialRtt (§6.2.2) */
const INITIAL_RTT_MS = 333;
/** kGranularity (§6.1.2) */
export const GRANULARITY_MS = 1;

export class RttEstimator {
  /** max_ack_delay of the peer: assumed, until its parameters tell. */
  maxAckDelayMs: number;
  #latestMs = 0;
  #smoothedMs: number = INITIAL_RTT_MS;
  #variationMs: number = INITIAL_RTT_MS / 2;
  #minMs = 0;
  /** Infinite before the first sample. */
  #firstSampleAtMs: number = Number.POSITIVE_INFINITY;

  constructor(maxAckDelayMs: number) {
    this.maxAckDelayMs = maxAckDelayMs;
  }

  /** The newest sample, 0 before the first. */
  get latestMs(): number {
    return this.#latestMs;
  }

  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  get variationMs(): number {
    return this.#variationMs;
  }

  /** The least sample, 0 before the first. */
  get minMs(): number {
    return this.#minMs;
  }

  get hasSample(): boolean {
    return this.#firstSampleAtMs !== Number.POSITIVE_INFINITY;
  }

  /** When the path's first sample was taken; infinite before. */
  get firstSampleAtMs(): number {
    return this.#firstSampleAtMs;
  }

  /** What a PTO is without back-off (§6.2.1). */
  get probeTimeoutMs(): number {
    return this.#smoothedMs + Math.max(4 * this.#variationMs, GRANULARITY_MS) + this.maxAckDelayMs;
  }

  /** How long after a packet one that was sent later may be acknowledged before it (§6.1.2). */
  get reorderingMs(): number {
    return Math.max((9 / 8) * Math.max(this.#smoothedMs, this.#latestMs), GRANULARITY_MS);
  }

  /**
   * Takes a sample (§5.3).
   * @param ackDelayMs as the peer told it
   */
  sample(rttMs: number, ackDelayMs: number, nowMs: number): void {
    this.#latestMs = Math.max(rttMs, 0);
    if (!this.hasSample) {
      this.#firstSampleAtMs = nowMs;
      this.#minMs = this.#latestMs;
      this.#smoothedMs = this.#latestMs;
      this.#variationMs = this.#latestMs / 2;
      return;
    }
    this.#minMs = Math.min(this.#minMs, this.#latestMs);
    const delayMs = Math.min(ackDelayMs, this.maxAckDelayMs);
    const adjustedMs = this.#latestMs >= this.#minMs + delayMs ? this.#latestMs - delayMs : this.#latestMs;
    this.#variationMs = (3 / 4) * this.#variationMs + (1 / 4) * Math.abs(this.#smoothedMs - adjustedMs);
    this.#smoothedMs = (7 / 8) * this.#smoothedMs + (1 / 8) * adjustedMs;
  }

  /** "Endpoints SHOULD set the min_rtt to the newest RTT sample after persistent congestion is established" (§5.2) */
  refreshMin(): void {
    this.#minMs = this.#latestMs;
  }

  /** A new path has no history (§5.3; RFC 9000 §9.4). */
  reset(): void {
    this.#latestMs = 0;
    this.#smoothedMs = INITIAL_RTT_MS;
    this.#variationMs = INITIAL_RTT_MS / 2;
    this.#minMs = 0;
    this.#firstSampleAtMs = Number.POSITIVE_INFINITY;
  }
}
