/** What congestion controllers have in common (RFC 9002 §7). */

/** Decides how many bytes may be in flight. Time comes in with each call. */
export interface CongestionController {
  /** The congestion window. */
  readonly windowBytes: number;
  /** Below it the window doubles each round trip; infinite before the first congestion. */
  readonly slowStartThresholdBytes: number;
  /**
   * A packet in flight was acknowledged.
   * @param sentMs when it was sent
   * @param isWindowUsed whether the window, or its pacing, and not the application limits what is sent (§7.8)
   */
  onAcked(bytes: number, sentMs: number, nowMs: number, isWindowUsed: boolean): void;
  /** The round-trip time of the path was sampled, with a packet sent at `sentMs`. */
  onRttSample(rttMs: number, sentMs: number, nowMs: number): void;
  /**
   * Packets were lost.
   * @param sentMs when the newest of them was sent
   * @returns whether a recovery period begins
   */
  onCongestion(sentMs: number, nowMs: number): boolean;
  /** All that the last congestion was concluded from has arrived after all. */
  onSpuriousCongestion(): void;
  /** "the sender's congestion window MUST be reduced to the minimum congestion window" (§7.6.2) */
  onPersistentCongestion(): void;
  /**
   * The path's maximum datagram size has changed, which "MUST NOT increase the congestion window measured in bytes"
   * (RFC 8899 §3), beyond the minimum that lets two be sent.
   */
  setMaxDatagramBytes(bytes: number): void;
}

/** Congestion control: NewReno (RFC 9002 §7), or CUBIC (RFC 9438). */
export const CongestionAlgorithm = { newReno: "new-reno", cubic: "cubic" } as const;
export type CongestionAlgorithm = (typeof CongestionAlgorithm)[keyof typeof CongestionAlgorithm];

/** kInitialWindow (§7.2) */
export function initialWindowBytes(maxDatagramBytes: number): number {
  return Math.min(10 * maxDatagramBytes, Math.max(14_720, 2 * maxDatagramBytes));
}

/** kMinimumWindow (§7.2) */
export function minimumWindowBytes(maxDatagramBytes: number): number {
  return 2 * maxDatagramBytes;
}
