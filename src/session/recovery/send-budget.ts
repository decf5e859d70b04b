/** How many bytes may be sent now: the congestion window, less what is in flight, at the pacer's rate (RFC 9002 §7). */
import type { CongestionAlgorithm, CongestionController } from "./congestion.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new-reno.ts";
import { Pacer } from "./pacer.ts";
import type { PathMtu } from "./path-mtu.ts";
import type { RttEstimator } from "./rtt.ts";

export class SendBudget {
  readonly #algorithm: CongestionAlgorithm;
  readonly #rtt: RttEstimator;
  readonly #mtu: PathMtu;
  #congestion: CongestionController;
  #pacer: Pacer;
  #datagramBytes: number;
  #bytesInFlight = 0;
  /** "a single packet can be sent prior to reduction" (§7.3.2) */
  #mayExceedWindow = false;
  #nextSendMs: number = Number.POSITIVE_INFINITY;
  /** Whether the window or the pacer held something back that the application would send. */
  #isHeldBack = false;
  /** A probe for a larger datagram that found no room. */
  #probeRoomBytes = 0;

  constructor(algorithm: CongestionAlgorithm, rtt: RttEstimator, mtu: PathMtu, nowMs: number) {
    this.#algorithm = algorithm;
    this.#rtt = rtt;
    this.#mtu = mtu;
    this.#datagramBytes = mtu.currentBytes;
    this.#congestion = this.#newController();
    this.#pacer = new Pacer(this.#datagramBytes, nowMs);
  }

  #newController(): CongestionController {
    if (this.#algorithm === "cubic") return new Cubic(this.#datagramBytes, this.#rtt);
    return new NewReno(this.#datagramBytes);
  }

  /** The congestion controller of the present path. */
  get congestion(): CongestionController {
    return this.#congestion;
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** When the pacer that refused {@link allows} will not; infinite if it did not. */
  get nextSendMs(): number {
    return this.#nextSendMs;
  }

  /** Whether the window, or its pacing, limits what is sent, and not the application (§7.8). */
  get isUsed(): boolean {
    return this.#isHeldBack || this.#bytesInFlight + this.#datagramBytes > this.#congestion.windowBytes;
  }

  /** The time of {@link nextSendMs} has come, whether or not there is still something to send. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextSendMs) this.#nextSendMs = Number.POSITIVE_INFINITY;
  }

  /** Whether a packet of `bytes` may be sent now that counts as in flight. */
  allows(bytes: number, nowMs: number): boolean {
    this.#nextSendMs = Number.POSITIVE_INFINITY;
    if (this.#mayExceedWindow) return true;
    const { windowBytes, slowStartThresholdBytes } = this.#congestion;
    if (this.#bytesInFlight + bytes + this.#reservedBytes(bytes) > windowBytes) return this.refuse(bytes);
    this.#pacer.setRate(windowBytes, this.#rtt.smoothedMs, windowBytes < slowStartThresholdBytes, nowMs);
    if (this.#pacer.allows(bytes)) return true;
    this.#nextSendMs = this.#pacer.allowedAtMs(bytes, nowMs);
    return this.refuse(bytes);
  }

  refuse(bytes: number): false {
    this.#isHeldBack = true;
    if (bytes === this.#mtu.waitingBytes) this.#probeRoomBytes = bytes;
    return false;
  }

  /** Packets that fill every gap would never leave room for a probe that is larger. */
  #reservedBytes(bytes: number): number {
    const probeBytes = this.#probeRoomBytes;
    const isWaiting = probeBytes > bytes && probeBytes === this.#mtu.waitingBytes;
    return isWaiting && probeBytes <= this.#congestion.windowBytes ? probeBytes : 0;
  }

  onSent(bytes: number): void {
    this.#isHeldBack = false;
    this.#nextSendMs = Number.POSITIVE_INFINITY;
    this.#bytesInFlight += bytes;
    this.#pacer.onSent(bytes);
  }

  /** The one packet that may exceed the window has been sent. */
  onElicitingSent(): void {
    this.#mayExceedWindow = false;
  }

  /** Bytes are not in flight any more. */
  onSettled(bytes: number): void {
    this.#bytesInFlight -= bytes;
  }

  /** @returns whether a recovery period begins (§B.6) */
  onCongestion(sentMs: number, nowMs: number): boolean {
    if (!this.#congestion.onCongestion(sentMs, nowMs)) return false;
    this.#mayExceedWindow = true;
    return true;
  }

  /** @returns whether the largest datagram has changed */
  followMtu(): boolean {
    const bytes = this.#mtu.currentBytes;
    if (bytes === this.#datagramBytes) return false;
    this.#datagramBytes = bytes;
    this.#congestion.setMaxDatagramBytes(bytes);
    this.#pacer.setMaxDatagramBytes(bytes);
    return true;
  }

  /** Nothing is in flight on the new path, and nothing known of it. */
  resetPath(nowMs: number): void {
    this.#congestion = this.#newController();
    this.#pacer = new Pacer(this.#datagramBytes, nowMs);
    this.#bytesInFlight = 0;
    this.#mayExceedWindow = false;
    this.#nextSendMs = Number.POSITIVE_INFINITY;
    this.#isHeldBack = false;
  }
}
