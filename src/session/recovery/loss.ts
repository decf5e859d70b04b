/** Which packets are lost (RFC 9002 §6.1), and whether their loss shows persistent congestion (§7.6). */
import type { RttEstimator } from "./rtt.ts";
import { PacketKind, PacketState, type SentPackets } from "./sent-packets.ts";

/** kPacketThreshold (§6.1.1), and how far reordering that was seen may raise it. */
const PACKET_THRESHOLD = 3;
const MAX_PACKET_THRESHOLD = 300;
/** kPersistentCongestionThreshold (§7.6.1) */
const PERSISTENT_CONGESTION_THRESHOLD = 3;

export class LossDetector<Handle> {
  readonly #sent: SentPackets<Handle>;
  readonly #rtt: RttEstimator;
  #largestAcked = -1;
  #largestAckedOrdinal = 0;
  #packetThreshold: number = PACKET_THRESHOLD;
  #deadlineMs: number = Number.POSITIVE_INFINITY;
  /** When the first of the packets was sent that were lost without one between them that arrived. */
  #runStartMs: number = Number.NaN;
  #isPersistent = false;

  constructor(sent: SentPackets<Handle>, rtt: RttEstimator) {
    this.#sent = sent;
    this.#rtt = rtt;
  }

  /** When the next packet counts as lost by its age; infinite if none will. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Whether the last {@link detect} established persistent congestion. */
  get isPersistent(): boolean {
    return this.#isPersistent;
  }

  /** A packet was acknowledged. */
  acknowledged(position: number): void {
    if (position <= this.#largestAcked) return;
    this.#largestAcked = position;
    this.#largestAckedOrdinal = this.#sent.ordinal(position);
  }

  /**
   * A packet arrived that had been declared lost: "Algorithms that increase the reordering threshold after spuriously
   * detecting losses […] have proven to be useful" (§6.1.1). So far behind, one is not lost yet.
   */
  arrivedLate(ordinal: number): void {
    const distance = this.#packetsAhead(ordinal);
    this.#packetThreshold = Math.min(Math.max(this.#packetThreshold, distance + 1), MAX_PACKET_THRESHOLD);
  }

  /** How many packets before the largest acknowledged one it was sent. */
  #packetsAhead(ordinal: number): number {
    return (this.#largestAckedOrdinal - ordinal) >>> 0;
  }

  /** Tells `lost` each packet in flight that is lost now. It is to settle it. */
  detect(nowMs: number, lost: (position: number) => void): void {
    const sent = this.#sent;
    const reorderingMs = this.#rtt.reorderingMs;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#isPersistent = false;
    let position = sent.start;
    // Packets are numbered as they are sent: behind the first that is not lost yet, none is.
    for (; position <= this.#largestAcked; position++) {
      const state = sent.state(position);
      if (state === PacketState.acknowledged) this.#runStartMs = Number.NaN;
      if (state !== PacketState.outstanding) continue;
      // Only packets in flight are lost (§6.1), and wait for a timer.
      if (sent.kind(position) === PacketKind.ackOnly) {
        sent.forget(position);
        continue;
      }
      const overdueMs = sent.sentMs(position) + reorderingMs;
      if (overdueMs > nowMs && this.#packetsAhead(sent.ordinal(position)) < this.#packetThreshold) {
        this.#deadlineMs = overdueMs;
        break;
      }
      this.#extendRun(position);
      lost(position);
    }
    if (position > sent.start) sent.advance(position);
  }

  /** §7.6.2: two ack-eliciting packets, none acknowledged between them, both sent after the first RTT sample. */
  #extendRun(position: number): void {
    if (this.#sent.kind(position) !== PacketKind.ackEliciting) return;
    const sentMs = this.#sent.sentMs(position);
    if (sentMs <= this.#rtt.firstSampleAtMs) return;
    if (Number.isNaN(this.#runStartMs)) this.#runStartMs = sentMs;
    const durationMs = this.#rtt.probeTimeoutMs * PERSISTENT_CONGESTION_THRESHOLD;
    if (sentMs - this.#runStartMs > durationMs) this.#isPersistent = true;
  }

  /** What was lost or reordered on another path says nothing about this one. */
  resetPath(): void {
    this.#packetThreshold = PACKET_THRESHOLD;
    this.#runStartMs = Number.NaN;
  }
}
