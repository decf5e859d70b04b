/**
 * The idle time-out (RFC 9000 §10.1): the shorter one of both sides'. When the peer has forgotten the session, so has this
 * side.
 */

/** "at least three times the current Probe Timeout (PTO)" */
const PROBE_TIMEOUTS = 3;

export class IdleTimeout {
  #periodMs: number;
  #restartedAtMs: number;
  /** Whether something that asks for an answer was sent since something came. */
  #hasSent = false;

  /** @param ownMs this side's; none if undefined */
  constructor(ownMs: number | undefined, nowMs: number) {
    this.#periodMs = ownMs ?? Number.POSITIVE_INFINITY;
    this.#restartedAtMs = nowMs;
  }

  /** @param ofPeerMs max_idle_timeout, 0 for none */
  setPeer(ofPeerMs: number): void {
    if (ofPeerMs > 0) this.#periodMs = Math.min(this.#periodMs, ofPeerMs);
  }

  /** Infinite if neither side has one. */
  get periodMs(): number {
    return this.#periodMs;
  }

  /** When it began to run the last time. */
  get restartedAtMs(): number {
    return this.#restartedAtMs;
  }

  received(nowMs: number): void {
    this.#restartedAtMs = nowMs;
    this.#hasSent = false;
  }

  /** "when sending an ack-eliciting packet if no other ack-eliciting packets have been sent since last receiving" */
  sent(nowMs: number): void {
    if (this.#hasSent) return;
    this.#hasSent = true;
    this.#restartedAtMs = nowMs;
  }

  deadlineMs(probeTimeoutMs: number): number {
    return this.#restartedAtMs + Math.max(this.#periodMs, PROBE_TIMEOUTS * probeTimeoutMs);
  }
}
