/** CUBIC (RFC 9438), in bytes; its formulas count segments of the maximum datagram size, and seconds. */
import { type CongestionController, initialWindowBytes, minimumWindowBytes } from "./congestion.ts";
import { HyStart } from "./hystart.ts";
import type { RttEstimator } from "./rtt.ts";

/** §5.1 and §4.6 */
const C = 0.4;
const BETA = 0.7;
/** α_cubic (§4.3) */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);
const MS_PER_SECOND = 1000;

/** What congestion changes, and what is restored if it was none (§4.9). */
interface CubicState {
  windowBytes: number;
  slowStartThresholdBytes: number;
  /** W_max */
  maxSegments: number;
  /** cwnd_prior */
  priorSegments: number;
  /** W_est */
  estimateSegments: number;
  /** K, in seconds */
  inflectionSeconds: number;
  /** t_epoch; `undefined` before the first acknowledgement in congestion avoidance */
  epochMs: number | undefined;
}

export class Cubic implements CongestionController {
  readonly #rtt: RttEstimator;
  #maxDatagramBytes: number;
  #state: CubicState;
  #prior: CubicState | undefined;
  #recoveryStartMs: number = Number.NEGATIVE_INFINITY;
  /** Since when the window has not been used; `undefined` while it is. */
  #unusedSinceMs: number | undefined;
  #hyStart = new HyStart();

  constructor(maxDatagramBytes: number, rtt: RttEstimator) {
    this.#rtt = rtt;
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#state = {
      windowBytes: initialWindowBytes(maxDatagramBytes),
      slowStartThresholdBytes: Number.POSITIVE_INFINITY,
      maxSegments: 0,
      priorSegments: 0,
      estimateSegments: 0,
      inflectionSeconds: 0,
      epochMs: undefined,
    };
  }

  get windowBytes(): number {
    return this.#state.windowBytes;
  }

  get slowStartThresholdBytes(): number {
    return this.#state.slowStartThresholdBytes;
  }

  onAcked(bytes: number, sentMs: number, nowMs: number, isWindowUsed: boolean): void {
    const state = this.#state;
    if (!isWindowUsed) {
      this.#unusedSinceMs ??= nowMs;
      return;
    }
    // "The elapsed time t MUST NOT include periods during which cwnd has not been updated" (§4.2)
    if (this.#unusedSinceMs !== undefined && state.epochMs !== undefined) {
      state.epochMs += nowMs - this.#unusedSinceMs;
    }
    this.#unusedSinceMs = undefined;
    if (sentMs <= this.#recoveryStartMs) return;
    if (state.windowBytes < state.slowStartThresholdBytes) {
      state.windowBytes += this.#hyStart.growth(bytes);
    } else {
      this.#avoidCongestion(bytes / this.#maxDatagramBytes, nowMs);
    }
  }

  /** §4.2 to §4.5 */
  #avoidCongestion(segmentsAcked: number, nowMs: number): void {
    const state = this.#state;
    const window = state.windowBytes / this.#maxDatagramBytes;
    state.epochMs ??= this.#startEpoch(window, nowMs);
    const t = (nowMs - state.epochMs) / MS_PER_SECOND;
    const alpha = state.estimateSegments < state.priorSegments ? ALPHA : 1;
    state.estimateSegments += (alpha * segmentsAcked) / window;
    if (this.#cubic(t) < state.estimateSegments) {
      state.windowBytes = Math.max(state.estimateSegments, window) * this.#maxDatagramBytes;
      return;
    }
    const ahead = this.#cubic(t + this.#rtt.smoothedMs / MS_PER_SECOND);
    const target = Math.max(window, Math.min(ahead, 1.5 * window));
    state.windowBytes += ((target - window) / window) * segmentsAcked * this.#maxDatagramBytes;
  }

  /** W_cubic(t) */
  #cubic(t: number): number {
    const fromInflection = t - this.#state.inflectionSeconds;
    return C * fromInflection * fromInflection * fromInflection + this.#state.maxSegments;
  }

  #startEpoch(window: number, nowMs: number): number {
    const state = this.#state;
    state.estimateSegments = window;
    // After a slow start that ended without loss, or a time-out, there is no higher W_max to return to (§4.8, §4.10).
    if (state.maxSegments <= window) {
      state.maxSegments = window;
      state.inflectionSeconds = 0;
    } else {
      state.inflectionSeconds = Math.cbrt((state.maxSegments - window) / C);
    }
    return nowMs;
  }

  onRttSample(rttMs: number, sentMs: number, nowMs: number): void {
    if (this.#state.slowStartThresholdBytes !== Number.POSITIVE_INFINITY) return;
    if (this.#hyStart.onRttSample(rttMs, sentMs, nowMs)) {
      this.#state.slowStartThresholdBytes = this.#state.windowBytes;
    }
  }

  onCongestion(sentMs: number, nowMs: number): boolean {
    if (sentMs <= this.#recoveryStartMs) return false;
    this.#recoveryStartMs = nowMs;
    this.#prior = { ...this.#state };
    const state = this.#state;
    const window = state.windowBytes / this.#maxDatagramBytes;
    // Fast convergence (§4.7)
    state.maxSegments = window < state.maxSegments ? (window * (1 + BETA)) / 2 : window;
    state.priorSegments = window;
    this.#reduce(state.windowBytes * BETA);
    return true;
  }

  #reduce(slowStartThresholdBytes: number): void {
    const state = this.#state;
    state.slowStartThresholdBytes = Math.max(
      slowStartThresholdBytes,
      minimumWindowBytes(this.#maxDatagramBytes),
    );
    state.windowBytes = state.slowStartThresholdBytes;
    state.epochMs = undefined;
  }

  onSpuriousCongestion(): void {
    const prior = this.#prior;
    this.#prior = undefined;
    if (prior !== undefined && this.#state.windowBytes < prior.windowBytes) this.#state = prior;
  }

  /** §4.8: as Reno does after a time-out, with β_cubic; then W_max is where congestion avoidance begins. */
  onPersistentCongestion(): void {
    const state = this.#state;
    // What was lost has already reduced the window, and set the threshold.
    state.windowBytes = minimumWindowBytes(this.#maxDatagramBytes);
    state.maxSegments = 0;
    state.epochMs = undefined;
    this.#prior = undefined;
    this.#recoveryStartMs = Number.NEGATIVE_INFINITY;
  }

  setMaxDatagramBytes(bytes: number): void {
    const state = this.#state;
    const scale = this.#maxDatagramBytes / bytes;
    state.windowBytes = Math.max(state.windowBytes, minimumWindowBytes(bytes));
    state.maxSegments *= scale;
    state.priorSegments *= scale;
    state.estimateSegments *= scale;
    this.#prior = undefined;
    this.#maxDatagramBytes = bytes;
  }
}
