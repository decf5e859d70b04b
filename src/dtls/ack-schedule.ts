/** When an ACK is due (RFC 9147 §7.1). */

/** Half of what a peer sends at a time (§5.8.3): an ACK of so many records lets it go on. */
const RECORDS_PER_ACK = 5;

export class AckSchedule {
  #dueAtMs: number | undefined;
  /** When it was decided that one is due. */
  #sinceMs = 0;
  /** Records with something new since the last ACK. */
  #records = 0;
  /** ACKs since anything new came, beyond the first one. */
  #repetitions = 0;

  /** When an ACK is due, on the connection's clock. */
  get dueAtMs(): number | undefined {
    return this.#dueAtMs;
  }

  get repetitions(): number {
    return this.#repetitions;
  }

  /** A record is to be acknowledged, with whatever else comes within this time. */
  schedule(nowMs: number, delayMs: number): void {
    if (this.#dueAtMs !== undefined) return;
    this.#sinceMs = nowMs;
    this.#dueAtMs = nowMs + delayMs;
  }

  /**
   * Something new has come: an ACK of it does not wait as long as one that repeats another.
   * @param isWaitedFor whether the peer may have more to send than it can without an ACK
   */
  hasten(nowMs: number, isWaitedFor: boolean): void {
    if (this.#repetitions > 0) this.#dueAtMs = undefined;
    this.#repetitions = 0;
    if (++this.#records >= RECORDS_PER_ACK && isWaitedFor) this.#dueAtMs = nowMs;
  }

  /** It was sent. */
  sent(): void {
    this.#dueAtMs = undefined;
    this.#records = 0;
  }

  /** It was sent, and is once more after this time, unless something new comes. */
  repeatAt(dueAtMs: number): void {
    this.#repetitions++;
    this.#dueAtMs = dueAtMs;
  }

  /** Changes how long an ACK that is due has to wait. */
  changeDelay(delayMs: number): void {
    if (this.#dueAtMs !== undefined) this.#dueAtMs = this.#sinceMs + delayMs;
  }

  /** What was to be acknowledged is answered. */
  clear(): void {
    this.sent();
    this.#repetitions = 0;
  }
}
