/**
 * The peer's idle time-out (RFC 9000 §10.1): when the peer has forgotten the session, so has this side. This side's own is
 * a matter of what carries the session.
 */

/** "at least three times the current Probe Timeout (PTO)" */
const PROBE_TIMEOUTS = 3;

export class PeerIdleTimeout {
  /** Infinite if the peer has none, or none below this side's. */
  #periodMs: number = Number.POSITIVE_INFINITY;
  #restartedAtMs: number;
  /** Whether something that asks for an answer was sent since something came. */
  #hasSent = false;

  constructor(nowMs: number) {
    this.#restartedAtMs = nowMs;
  }

  /** @param ofPeerMs max_idle_timeout, 0 for none */
  set(ofPeerMs: number, ownMs: number | undefined): void {
    const isShorter = ofPeerMs > 0 && ofPeerMs < (ownMs ?? Number.POSITIVE_INFINITY);
    this.#periodMs = isShorter ? ofPeerMs : Number.POSITIVE_INFINITY;
  }

  /** Infinite if nothing of the kind is needed. */
  get periodMs(): number {
    return this.#periodMs;
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
