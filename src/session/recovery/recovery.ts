/**
 * Loss recovery and congestion control of a session's sender (RFC 9002), over records: sans-IO. Packets, ACKs and time
 * come in; what is acknowledged or lost, when to wake and how much to send come out.
 *
 * To send: `canSend`, then `onPacketSent` with the record's number. For an ACK frame: `onAckBegin`, `onAckRange` for each
 * range, `onAckEnd`. As time goes by: `handleTimeout` at `deadlineMs` and at `nextSendMs`, when sending is to be tried again.
 */
import type { CongestionAlgorithm } from "./congestion.ts";
import { LateArrivals } from "./late-arrivals.ts";
import { LossDetector } from "./loss.ts";
import { LossEvidence } from "./loss-evidence.ts";
import { neverSent, SentNumbers } from "./packet-number.ts";
import { defaultPathMtu, PathMtu, type PathMtuOptions } from "./path-mtu.ts";
import { RttEstimator } from "./rtt.ts";
import { SendBudget } from "./send-budget.ts";
import { PacketKind, PacketState, SentPackets } from "./sent-packets.ts";

/**
 * What becomes of packets, told during {@link Recovery.onAckEnd} and {@link Recovery.handleTimeout}; nothing is to be
 * sent from within.
 */
export interface RecoveryHost<Handle> {
  /** A packet has arrived. */
  acknowledged(handle: Handle): void;
  /** A packet in flight counts as lost: what must arrive is to be sent again. */
  lost(handle: Handle): void;
  /** A packet that counted as lost has arrived: what was not sent again yet need not be (RFC 9000 §13.3). */
  arrivedLate(handle: Handle): void;
  /** The largest datagram has changed to `bytes`. */
  datagramBytesChanged(bytes: number): void;
}

export interface RecoveryOptions {
  readonly algorithm: CongestionAlgorithm;
  /** The peer's max_ack_delay, before its parameters are known. */
  readonly maxAckDelayMs: number;
  readonly mtu: PathMtuOptions;
}

export const defaultRecovery: RecoveryOptions = {
  algorithm: "cubic",
  maxAckDelayMs: 25,
  mtu: defaultPathMtu,
};

/** Counted since the session began. */
export interface RecoveryStatistics {
  packetsSent: number;
  /** Without probes for a larger datagram: that one got lost tells of its size, and not of the path's state (RFC 8899 §3). */
  packetsLost: number;
  bytesLost: number;
  /** Of the lost packets, those that arrived after all. */
  lateArrivals: number;
  congestionEvents: number;
  persistentCongestionEvents: number;
  probeTimeouts: number;
}

/** "one or two probe datagrams" (§6.2.4) */
const PACKETS_PER_PROBE_TIMEOUT = 2;
const MAX_BACKOFF_EXPONENT = 16;
/** Packets that wait for an ACK, at most: the oldest of more counts as lost, so that no peer makes us keep them. */
const MAX_OUTSTANDING = 65_536;

export class Recovery<Handle> {
  readonly rtt: RttEstimator;
  readonly mtu: PathMtu;
  readonly statistics: RecoveryStatistics = {
    packetsSent: 0,
    packetsLost: 0,
    bytesLost: 0,
    lateArrivals: 0,
    congestionEvents: 0,
    persistentCongestionEvents: 0,
    probeTimeouts: 0,
  };
  readonly #host: RecoveryHost<Handle>;
  readonly #numbers = new SentNumbers();
  readonly #sent = new SentPackets<Handle>();
  readonly #late = new LateArrivals<Handle>();
  readonly #evidence = new LossEvidence();
  readonly #loss: LossDetector<Handle>;
  readonly #onLost: (position: number) => void;
  readonly #budget: SendBudget;
  #elicitingInFlight = 0;
  #lastElicitingSentMs = 0;
  /** pto_count */
  #probeTimeouts = 0;
  #probesDue = 0;
  /** Packets from here on went the present path. */
  #pathStart = 0;

  /** The ACK frame that is being processed. */
  #nowMs = 0;
  #newlyAcked: Float64Array = new Float64Array(8);
  #newlyAckedCount = 0;
  #ackLargest = -1;
  #isLargestNew = false;
  #ackHasEliciting = false;
  /** What lost packets that it acknowledges have carried. */
  #arrivedLate: Handle[] = [];
  /** When a packet was last found to be lost. */
  #lostAtMs: number = Number.NEGATIVE_INFINITY;

  constructor(host: RecoveryHost<Handle>, nowMs: number, options: RecoveryOptions = defaultRecovery) {
    this.#host = host;
    this.rtt = new RttEstimator(options.maxAckDelayMs);
    this.mtu = new PathMtu(options.mtu);
    this.#budget = new SendBudget(options.algorithm, this.rtt, this.mtu, nowMs);
    this.#loss = new LossDetector(this.#sent, this.rtt);
    this.#onLost = (position) => this.#lose(position);
  }

  get bytesInFlight(): number {
    return this.#budget.bytesInFlight;
  }

  get windowBytes(): number {
    return this.#budget.congestion.windowBytes;
  }

  /** Infinite before the first congestion. */
  get slowStartThresholdBytes(): number {
    return this.#budget.congestion.slowStartThresholdBytes;
  }

  /** Probe time-outs since something was last acknowledged. */
  get consecutiveProbeTimeouts(): number {
    return this.#probeTimeouts;
  }

  /**
   * Packets to be sent now whatever the window says, after a probe time-out: ack-eliciting ones, with new data, old data
   * or at least a PING (§6.2.4).
   */
  get probesDue(): number {
    return this.#probesDue;
  }

  /** When {@link handleTimeout} is due; infinite if it is not (§A.8). */
  get deadlineMs(): number {
    if (this.#loss.deadlineMs !== Number.POSITIVE_INFINITY) return this.#loss.deadlineMs;
    if (this.#elicitingInFlight === 0) return Number.POSITIVE_INFINITY;
    const backoff = 2 ** Math.min(this.#probeTimeouts, MAX_BACKOFF_EXPONENT);
    return this.#lastElicitingSentMs + this.rtt.probeTimeoutMs * backoff;
  }

  /** When the pacer that refused {@link canSend} will not; infinite if it did not. */
  get nextSendMs(): number {
    return this.#budget.nextSendMs;
  }

  /**
   * Whether a packet of `bytes` may be sent now that counts as in flight. To be asked only with such a packet at hand: a
   * refusal shows that the window is used to the full. A probe of {@link mtu} goes before everything else.
   */
  canSend(bytes: number, nowMs: number): boolean {
    if (this.#probesDue > 0) return true;
    if (this.#sent.end - this.#sent.start >= MAX_OUTSTANDING / 2) return this.#budget.refuse(bytes);
    return this.#budget.allows(bytes, nowMs);
  }

  /**
   * A packet was sent (§A.5), in the record of this number; numbers ascend.
   * @param bytes of its datagram
   * @param handle what the host gets back; of packets with ACKs alone only if they are acknowledged
   */
  onPacketSent(
    epoch: number,
    sequenceNumber: number,
    kind: PacketKind,
    bytes: number,
    handle: Handle,
    nowMs: number,
  ): void {
    const position = this.#numbers.append(epoch, sequenceNumber);
    if (position - this.#sent.start >= MAX_OUTSTANDING) this.#loseOldest(position, nowMs);
    this.#sent.add(position, kind, bytes, nowMs, handle);
    this.statistics.packetsSent++;
    if (kind === PacketKind.ackOnly) return;
    this.#budget.onSent(bytes);
    this.#elicitingInFlight++;
    this.#lastElicitingSentMs = nowMs;
    if (kind === PacketKind.mtuProbe) this.mtu.onProbeSent();
    if (this.#probesDue > 0) this.#probesDue--;
    else this.#budget.onElicitingSent();
  }

  /** An ACK frame begins; its ranges follow, then {@link onAckEnd}. */
  onAckBegin(): void {
    this.#newlyAckedCount = 0;
    this.#ackLargest = -1;
    this.#isLargestNew = false;
    this.#ackHasEliciting = false;
    this.#late.begin();
  }

  /**
   * A range of an ACK frame, in descending order.
   * @throws TransportError protocol_violation for a packet that was never sent (RFC 9000 §13.1, §21.4)
   */
  onAckRange(epoch: number, smallest: number, largest: number): void {
    const offset = this.#numbers.offsetOf(epoch, smallest, largest);
    if (offset === undefined) return;
    const sent = this.#sent;
    const last = largest + offset;
    const first = smallest + offset;
    if (this.#ackLargest < 0) this.#ackLargest = last;
    for (let position = Math.max(first, sent.start); position <= last; position++) {
      const state = sent.state(position);
      if (state === PacketState.outstanding) this.#acknowledge(position);
      else if (state === PacketState.unused) throw neverSent();
    }
    this.#noteLateArrivals(first, last);
  }

  /** A packet that was lost, and is acknowledged: reordering, and no loss. If that is all there was, it was no congestion. */
  #noteLateArrivals(smallest: number, largest: number): void {
    for (;;) {
      const position = this.#late.next(smallest, largest);
      if (position < 0) return;
      this.statistics.lateArrivals++;
      if (this.#late.handle !== undefined) this.#arrivedLate.push(this.#late.handle);
      if (position < this.#pathStart) continue;
      this.#loss.arrivedLate(this.#late.ordinal);
      if (this.#evidence.refute(position)) this.#budget.congestion.onSpuriousCongestion();
    }
  }

  #acknowledge(position: number): void {
    this.#sent.settle(position, PacketState.acknowledged);
    this.#loss.acknowledged(position);
    if (this.#newlyAckedCount === this.#newlyAcked.length) {
      const longer = new Float64Array(2 * this.#newlyAcked.length);
      longer.set(this.#newlyAcked);
      this.#newlyAcked = longer;
    }
    this.#newlyAcked[this.#newlyAckedCount++] = position;
    if (position === this.#ackLargest) this.#isLargestNew = true;
    if (this.#sent.kind(position) !== PacketKind.ackOnly) this.#ackHasEliciting = true;
  }

  /**
   * The ACK frame is complete (§A.7).
   * @param ackDelayMs decoded
   */
  onAckEnd(ackDelayMs: number, nowMs: number): void {
    if (this.#arrivedLate.length > 0) {
      for (const handle of this.#arrivedLate.splice(0)) this.#host.arrivedLate(handle);
    }
    if (this.#newlyAckedCount === 0) return;
    const isWindowUsed = this.#budget.isUsed;
    this.#sampleRtt(ackDelayMs, nowMs);
    this.#release(nowMs);
    this.#detectLoss(nowMs);
    this.#growWindow(nowMs, isWindowUsed);
    // "after a period of time elapses that adequately allows for reordering, such as a PTO"
    if (nowMs > this.#lostAtMs + this.rtt.probeTimeoutMs) this.#late.release();
    this.#probeTimeouts = 0;
    this.#probesDue = 0;
    this.mtu.endAck();
    this.#followMtu();
  }

  /** §5.1: from the largest acknowledged, if it is new, and something new was ack-eliciting. */
  #sampleRtt(ackDelayMs: number, nowMs: number): void {
    if (!this.#isLargestNew || !this.#ackHasEliciting || this.#ackLargest < this.#pathStart) return;
    const sentMs = this.#sent.sentMs(this.#ackLargest);
    this.rtt.sample(nowMs - sentMs, ackDelayMs, nowMs);
    this.#budget.congestion.onRttSample(this.rtt.latestMs, sentMs, nowMs);
  }

  #release(nowMs: number): void {
    for (let i = 0; i < this.#newlyAckedCount; i++) {
      const position = this.#newlyAcked[i]!;
      const kind = this.#sent.kind(position);
      this.#leaveFlight(position, kind);
      if (position >= this.#pathStart) {
        const isProbe = kind === PacketKind.mtuProbe;
        this.mtu.onAcknowledged(this.#sent.bytes(position), position, isProbe, nowMs);
      }
      this.#host.acknowledged(this.#sent.release(position));
    }
  }

  #leaveFlight(position: number, kind: PacketKind): void {
    if (kind === PacketKind.ackOnly) return;
    this.#elicitingInFlight--;
    if (position >= this.#pathStart) this.#budget.onSettled(this.#sent.bytes(position));
  }

  /** §B.5 */
  #growWindow(nowMs: number, isWindowUsed: boolean): void {
    for (let i = 0; i < this.#newlyAckedCount; i++) {
      const position = this.#newlyAcked[i]!;
      if (position < this.#pathStart || this.#sent.kind(position) === PacketKind.ackOnly) continue;
      this.#budget.congestion.onAcked(
        this.#sent.bytes(position),
        this.#sent.sentMs(position),
        nowMs,
        isWindowUsed,
      );
    }
  }

  /** §A.10 and §B.8 */
  #detectLoss(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#evidence.begin();
    this.#loss.detect(nowMs, this.#onLost);
    this.#respondToLoss(nowMs);
  }

  #lose(position: number): void {
    const sent = this.#sent;
    const kind = sent.kind(position);
    const bytes = sent.bytes(position);
    sent.settle(position, PacketState.lost);
    this.#leaveFlight(position, kind);
    const handle = sent.release(position);
    const isProbe = kind === PacketKind.mtuProbe;
    if (!isProbe) {
      this.statistics.packetsLost++;
      this.statistics.bytesLost += bytes;
    }
    if (position >= this.#pathStart) {
      this.mtu.onLost(bytes, position, isProbe, this.#nowMs);
      if (!isProbe) {
        this.#late.note(position, sent.ordinal(position), handle);
        this.#lostAtMs = this.#nowMs;
        this.#evidence.found(position, sent.sentMs(position));
      }
    }
    this.#host.lost(handle);
  }

  #respondToLoss(nowMs: number): void {
    const evidence = this.#evidence;
    if (evidence.isEmpty) return;
    const isNew = this.#budget.onCongestion(evidence.newestSentMs, nowMs);
    if (isNew) this.statistics.congestionEvents++;
    evidence.conclude(isNew);
    if (!this.#loss.isPersistent) return;
    this.statistics.persistentCongestionEvents++;
    this.#budget.congestion.onPersistentCongestion();
    this.rtt.refreshMin();
  }

  #followMtu(): void {
    if (this.#budget.followMtu()) this.#host.datagramBytesChanged(this.mtu.currentBytes);
  }

  /** The timer of {@link deadlineMs} has expired (§A.9), or that of {@link nextSendMs}. */
  handleTimeout(nowMs: number): void {
    this.#budget.handleTimeout(nowMs);
    if (nowMs < this.deadlineMs) return;
    if (this.#loss.deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#detectLoss(nowMs);
      this.mtu.endAck();
    } else {
      this.statistics.probeTimeouts++;
      this.#probeTimeouts++;
      this.#probesDue = PACKETS_PER_PROBE_TIMEOUT;
      this.mtu.onProbeTimeout(this.#probeTimeouts);
    }
    this.#followMtu();
  }

  /** The oldest ack-eliciting packets that are not settled, at most `limit`: what a probe may repeat (§6.2.4). */
  outstanding(limit: number): Handle[] {
    const handles: Handle[] = [];
    for (let position = this.#sent.start; position < this.#sent.end && handles.length < limit; position++) {
      if (this.#sent.state(position) !== PacketState.outstanding) continue;
      if (this.#sent.kind(position) === PacketKind.ackEliciting) handles.push(this.#sent.handle(position));
    }
    return handles;
  }

  /** Too many packets are unsettled: gives up the oldest. */
  #loseOldest(nextPosition: number, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#evidence.begin();
    const sent = this.#sent;
    let position = sent.start;
    for (; position < sent.end; position++) {
      if (sent.state(position) !== PacketState.outstanding) continue;
      if (sent.kind(position) === PacketKind.ackOnly) sent.forget(position);
      else if (nextPosition - position >= MAX_OUTSTANDING) this.#lose(position);
      else break;
    }
    sent.advance(position);
    this.#respondToLoss(nowMs);
  }

  /** The session is over: what packets have carried is let go. Their numbers stay, as this may come from within an ACK. */
  end(): void {
    this.#sent.releaseAll();
    this.#late.release();
  }

  /**
   * What the peer has said of itself.
   * @param maxDatagramBytes the largest datagram that it takes
   */
  setPeer(maxAckDelayMs: number, maxDatagramBytes: number): void {
    this.rtt.maxAckDelayMs = maxAckDelayMs;
    this.mtu.limit(maxDatagramBytes);
    this.#followMtu();
  }

  /**
   * The path is another one: the peer's address has changed, and not only its port (RFC 9000 §9.4). Packets that are on
   * their way still are acknowledged or lost, but say nothing about the new path.
   */
  resetPath(nowMs: number): void {
    this.#pathStart = this.#sent.end;
    this.rtt.reset();
    this.mtu.reset();
    this.#loss.resetPath();
    this.#followMtu();
    this.#budget.resetPath(nowMs);
    this.#probeTimeouts = 0;
    this.#evidence.resetPath();
  }
}
