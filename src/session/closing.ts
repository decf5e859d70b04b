/**
 * The end of a session that this side ends (RFC 9000 §10.2.1): CONNECTION_CLOSE goes out again, for whatever still
 * comes in and at times, until the peer ends DTLS or has had time to.
 */

/** The end, in probe time-outs from its beginning. */
const PROBE_TIMEOUTS = 3;

export class Closing {
  readonly isApplication: boolean;
  readonly errorCode: number;
  readonly frameType: number;
  readonly reason: Uint8Array;
  /** Whether CONNECTION_CLOSE is to be sent. */
  isDue = true;
  readonly #intervalMs: number;
  #nextAtMs: number;
  #rounds = 0;
  /** Packets received since the last one was sent, and how many it takes to send another. */
  #received = 0;
  #threshold = 1;

  constructor(
    close: { isApplication: boolean; errorCode: number; frameType: number; reason: string },
    probeTimeoutMs: number,
    nowMs: number,
  ) {
    this.isApplication = close.isApplication;
    this.errorCode = close.errorCode;
    this.frameType = close.frameType;
    this.reason = new TextEncoder().encode(close.reason);
    this.#intervalMs = probeTimeoutMs;
    this.#nextAtMs = nowMs + probeTimeoutMs;
  }

  get deadlineMs(): number {
    return this.#nextAtMs;
  }

  /** "An endpoint SHOULD limit the rate at which it generates packets in the closing state": ever less often. */
  packetReceived(): void {
    if (++this.#received < this.#threshold) return;
    this.#received = 0;
    this.#threshold *= 2;
    this.isDue = true;
  }

  /** @returns whether the time is up */
  handleTimeout(nowMs: number): boolean {
    if (nowMs < this.#nextAtMs) return false;
    this.#nextAtMs += this.#intervalMs;
    this.isDue = true;
    return ++this.#rounds >= PROBE_TIMEOUTS;
  }
}
