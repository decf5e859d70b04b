/** The NewReno controller of RFC 9002 §7.3 and appendix B, with the slow start of RFC 9406. */
import { type CongestionController, initialWindowBytes, minimumWindowBytes } from "./congestion.ts";
import { HyStart } from "./hystart.ts";

/** kLossReductionFactor (§B.1) */
const LOSS_REDUCTION_FACTOR = 0.5;

export class NewReno implements CongestionController {
  #maxDatagramBytes: number;
  #windowBytes: number;
  #slowStartThresholdBytes: number = Number.POSITIVE_INFINITY;
  /** congestion_recovery_start_time */
  #recoveryStartMs: number = Number.NEGATIVE_INFINITY;
  #hyStart = new HyStart();

  constructor(maxDatagramBytes: number) {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#windowBytes = initialWindowBytes(maxDatagramBytes);
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get slowStartThresholdBytes(): number {
    return this.#slowStartThresholdBytes;
  }

  onAcked(bytes: number, sentMs: number, _nowMs: number, isWindowUsed: boolean): void {
    if (!isWindowUsed || sentMs <= this.#recoveryStartMs) return;
    if (this.#windowBytes < this.#slowStartThresholdBytes) this.#windowBytes += this.#hyStart.growth(bytes);
    else this.#windowBytes += (this.#maxDatagramBytes * bytes) / this.#windowBytes;
  }

  onRttSample(rttMs: number, sentMs: number, nowMs: number): void {
    // HyStart++ is for the first slow start (RFC 9406 §4.3): after congestion the threshold is known.
    if (this.#slowStartThresholdBytes !== Number.POSITIVE_INFINITY) return;
    if (this.#hyStart.onRttSample(rttMs, sentMs, nowMs)) this.#slowStartThresholdBytes = this.#windowBytes;
  }

  onCongestion(sentMs: number, nowMs: number): boolean {
    if (sentMs <= this.#recoveryStartMs) return false;
    this.#recoveryStartMs = nowMs;
    this.#slowStartThresholdBytes = this.#windowBytes * LOSS_REDUCTION_FACTOR;
    this.#windowBytes = Math.max(this.#slowStartThresholdBytes, minimumWindowBytes(this.#maxDatagramBytes));
    return true;
  }

  /** RFC 9002 reduces the window once, and for good. */
  onSpuriousCongestion(): void {}

  onPersistentCongestion(): void {
    this.#windowBytes = minimumWindowBytes(this.#maxDatagramBytes);
    this.#recoveryStartMs = Number.NEGATIVE_INFINITY;
  }

  setMaxDatagramBytes(bytes: number): void {
    this.#maxDatagramBytes = bytes;
    this.#windowBytes = Math.max(this.#windowBytes, minimumWindowBytes(bytes));
  }
}
