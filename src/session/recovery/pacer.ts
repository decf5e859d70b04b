/** Spreads what the congestion window allows over the round trip (RFC 9002 §7.7): a leaky bucket of bytes. */
import { GRANULARITY_MS } from "./rtt.ts";

/** "Using a value for N that is small, but at least 1": in slow start the window doubles within a round trip. */
const GAIN = 1.25;
const SLOW_START_GAIN = 2;
/** Timers of JavaScript come a few milliseconds late. What would have been sent meanwhile may be sent at once. */
const BURST_MS = 4;
const BURST_DATAGRAMS = 10;

export class Pacer {
  #maxDatagramBytes: number;
  #bytes: number;
  #filledAtMs: number;
  #bytesPerMs = 0;

  constructor(maxDatagramBytes: number, nowMs: number) {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#bytes = BURST_DATAGRAMS * maxDatagramBytes;
    this.#filledAtMs = nowMs;
  }

  get #burstBytes(): number {
    return Math.max(BURST_DATAGRAMS * this.#maxDatagramBytes, BURST_MS * this.#bytesPerMs);
  }

  /** Pays in what the rate gave since the last time, and sets it. */
  setRate(windowBytes: number, smoothedRttMs: number, isSlowStart: boolean, nowMs: number): void {
    const gain = isSlowStart ? SLOW_START_GAIN : GAIN;
    // Timers cannot spread a window over less than their granularity.
    this.#bytesPerMs = (gain * windowBytes) / Math.max(smoothedRttMs, GRANULARITY_MS);
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#bytes = Math.min(this.#bytes + elapsedMs * this.#bytesPerMs, this.#burstBytes);
    this.#filledAtMs = nowMs;
  }

  /** Whether a datagram may be sent now. One larger than a burst, as a probe may be, needs all that there can be. */
  allows(bytes: number): boolean {
    return this.#bytes >= Math.min(bytes, this.#burstBytes);
  }

  /** When one may be, if not now: no sooner than a timer can wake. */
  allowedAtMs(bytes: number, nowMs: number): number {
    const missing = Math.min(bytes, this.#burstBytes) - this.#bytes;
    return nowMs + Math.max(missing / this.#bytesPerMs, GRANULARITY_MS);
  }

  onSent(bytes: number): void {
    // A probe that no pacing holds back is not paid for later than the next burst.
    this.#bytes = Math.max(this.#bytes - bytes, -this.#burstBytes);
  }

  setMaxDatagramBytes(bytes: number): void {
    this.#maxDatagramBytes = bytes;
  }
}
