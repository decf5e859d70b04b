/** How long to wait for an answer before a flight is sent again (RFC 9147 §5.8.2). */

export interface TimerOptions {
  /** First retransmission time-out. */
  readonly initialTimeoutMs: number;
  /** Where doubling it ends. */
  readonly maxTimeoutMs: number;
  /** Sets the time-out to 1.5 times the round trip once that is measured. */
  readonly adaptTimeout: boolean;
}

/** No measured time-out is shorter. */
const MIN_TIMEOUT_MS = 20;
/** "After a long period of idleness, no less than 10 times the current timer value" */
const IDLE_TIMEOUTS = 10;

export class RetransmissionTimer {
  readonly #options: TimerOptions;
  #initialMs: number;
  /** Of a flight that is sent for the first time. */
  #currentMs: number;
  #smoothedRttMs: number | undefined;
  #idleSinceMs = Number.POSITIVE_INFINITY;

  constructor(options: TimerOptions) {
    this.#options = options;
    this.#initialMs = options.initialTimeoutMs;
    this.#currentMs = options.initialTimeoutMs;
  }

  /** Measured without retransmissions, or `undefined` so far. */
  get rttMs(): number | undefined {
    return this.#smoothedRttMs;
  }

  /** The time-out behind the last of so many transmissions. */
  timeoutMs(transmissions: number): number {
    const doublings = Math.min(Math.max(transmissions - 1, 0), 30);
    return Math.min(this.#currentMs * 2 ** doublings, this.#options.maxTimeoutMs);
  }

  /** Changes the first time-out. */
  restart(initialMs: number): void {
    this.#initialMs = initialMs;
    this.#currentMs = initialMs;
  }

  /** What follows goes by another path, of which nothing is known. */
  forget(): void {
    this.#currentMs = this.#initialMs;
    this.#smoothedRttMs = undefined;
  }

  /** A flight begins. After a long rest what it was last made to wait says little. */
  begin(nowMs: number): void {
    if (nowMs - this.#idleSinceMs < IDLE_TIMEOUTS * this.#currentMs) return;
    this.#currentMs =
      this.#smoothedRttMs === undefined ? this.#initialMs : this.#adapted(this.#smoothedRttMs);
  }

  /**
   * A flight is acknowledged. Sent once, it measures the round trip; after retransmissions nobody knows which of them
   * was answered, and "implementations SHOULD retain the current timer value".
   */
  end(transmissions: number, sentAtMs: number, nowMs: number): void {
    this.#idleSinceMs = nowMs;
    if (!this.#options.adaptTimeout) return;
    if (transmissions !== 1) {
      this.#currentMs = this.timeoutMs(transmissions);
      return;
    }
    const rttMs = nowMs - sentAtMs;
    const before = this.#smoothedRttMs;
    this.#smoothedRttMs = before === undefined ? rttMs : before * 0.875 + rttMs * 0.125;
    this.#currentMs = this.#adapted(rttMs);
  }

  #adapted(rttMs: number): number {
    return Math.min(Math.max(1.5 * rttMs, MIN_TIMEOUT_MS), this.#options.maxTimeoutMs);
  }
}
