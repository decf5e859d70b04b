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
/**
 * Of what losses have doubled the time-out by, a next flight inherits no more than this: 1.6 seconds are kept for a path that
 * is slow (§5.8.2: "implementations SHOULD retain the current timer value"), and none for one that has only lost much.
 */
const KEPT_DOUBLINGS = 2;

export class RetransmissionTimer {
  readonly #options: TimerOptions;
  #initialMs: number;
  #baseMs: number;
  /** How often the base was doubled since it was measured. */
  #doublings = 0;
  #smoothedRttMs: number | undefined;
  #idleSinceMs = Number.POSITIVE_INFINITY;

  constructor(options: TimerOptions) {
    this.#options = options;
    this.#initialMs = options.initialTimeoutMs;
    this.#baseMs = options.initialTimeoutMs;
  }

  /** Measured, or `undefined` so far. */
  get rttMs(): number | undefined {
    return this.#smoothedRttMs;
  }

  /** How long to wait for an answer to what is sent now. */
  get timeoutMs(): number {
    return this.timeoutAfterMs(this.#doublings);
  }

  /** The time-out of a path that answers, after so many doublings. */
  timeoutAfterMs(doublings: number): number {
    return Math.min(this.#baseMs * 2 ** Math.min(doublings, 30), this.#options.maxTimeoutMs);
  }

  /**
   * How long an ACK may wait for more to acknowledge (§7.1). A time-out that losses have doubled says nothing of how long
   * the peer's records take.
   */
  get ackDelayMs(): number {
    return (this.#options.adaptTimeout ? this.timeoutAfterMs(0) : this.timeoutMs) / 4;
  }

  /** "double the value at each retransmission" */
  backOff(): void {
    this.#doublings++;
  }

  /** The path does answer. */
  recover(): void {
    this.#doublings = 0;
  }

  /** Changes the first time-out. */
  restart(initialMs: number): void {
    this.#initialMs = initialMs;
    this.#baseMs = initialMs;
  }

  /** What follows goes by another path, of which nothing is known. */
  forget(): void {
    this.#baseMs = this.#initialMs;
    this.#smoothedRttMs = undefined;
    this.#doublings = 0;
  }

  /** A flight begins. After a long rest what it was last made to wait says little. */
  begin(nowMs: number): void {
    const hasRested = nowMs - this.#idleSinceMs >= IDLE_TIMEOUTS * this.timeoutMs;
    if (this.#options.adaptTimeout && !hasRested) {
      this.#doublings = Math.min(this.#doublings, KEPT_DOUBLINGS);
      return;
    }
    this.#doublings = 0;
    this.#baseMs = this.#smoothedRttMs === undefined ? this.#initialMs : adapted(this.#smoothedRttMs);
  }

  /**
   * A flight is acknowledged. If it was not without retransmissions, and no round trip was measured on the way,
   * "implementations SHOULD retain the current timer value".
   */
  end(nowMs: number): void {
    this.#idleSinceMs = nowMs;
  }

  /** A record was acknowledged by its number, or a flight that was sent once: there is no doubt which was answered. */
  measured(rttMs: number): void {
    if (!this.#options.adaptTimeout) return;
    const before = this.#smoothedRttMs;
    this.#smoothedRttMs = before === undefined ? rttMs : before * 0.875 + rttMs * 0.125;
    this.#baseMs = adapted(Math.max(rttMs, this.#smoothedRttMs));
    this.#doublings = 0;
  }
}

function adapted(rttMs: number): number {
  return Math.max(1.5 * rttMs, MIN_TIMEOUT_MS);
}
