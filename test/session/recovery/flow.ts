/** One sender and one receiver of dummy packets, driven by recovery as the session's engine drives it. */

import { Ranges } from "../../../src/dtls/ranges.ts";
import type { PacketRange } from "../../../src/session/recovery/packet-number.ts";
import { defaultAcknowledgement, ReceivedPackets } from "../../../src/session/recovery/received-packets.ts";
import { defaultRecovery, Recovery, type RecoveryOptions } from "../../../src/session/recovery/recovery.ts";
import { PacketKind } from "../../../src/session/recovery/sent-packets.ts";
import { type Clock, type Link, Timer } from "../link.ts";

const ACK_BYTES = 60;

export interface FlowOptions {
  readonly recovery: RecoveryOptions;
  /** What the application writes; infinite for a bulk transfer. */
  readonly totalBytes: number;
  readonly timerGranularityMs: number;
  readonly packetsPerAck: number;
  /** After how many packets the epoch changes, as at a KeyUpdate. */
  readonly packetsPerEpoch: number;
  /** The sequence number that each epoch's first packet has. */
  readonly firstSequenceNumber: number;
}

export const bulk: FlowOptions = {
  recovery: defaultRecovery,
  totalBytes: Number.POSITIVE_INFINITY,
  timerGranularityMs: 1,
  packetsPerAck: defaultAcknowledgement.packetsPerAck,
  packetsPerEpoch: Number.POSITIVE_INFINITY,
  firstSequenceNumber: 0,
};

/** The piece of the application's bytes that a packet carries; `undefined` for a PING. */
interface Piece {
  readonly start: number;
  readonly length: number;
}

export class Flow {
  readonly recovery: Recovery<Piece | undefined>;
  readonly received: ReceivedPackets;
  /** Distinct bytes that the receiver got, and when the last of them came. */
  deliveredBytes = 0;
  finishedAtMs: number = Number.POSITIVE_INFINITY;
  mostInFlightBytes = 0;
  /** The largest congestion window, and how often something was sent. */
  mostWindowBytes = 0;
  readonly #options: FlowOptions;
  readonly #clock: Clock;
  #forward: Link;
  #backward: Link;
  readonly #sendTimer: Timer;
  readonly #lossTimer: Timer;
  readonly #ackTimer: Timer;
  readonly #delivered = new Ranges();
  readonly #lost: Piece[] = [];
  #written = 0;
  #epoch = 3;
  #sequenceNumber: number;

  constructor(clock: Clock, forward: Link, backward: Link, options: Partial<FlowOptions> = {}) {
    this.#options = { ...bulk, ...options };
    this.#clock = clock;
    this.#forward = forward;
    this.#backward = backward;
    this.#sequenceNumber = this.#options.firstSequenceNumber;
    const { timerGranularityMs, packetsPerAck, recovery } = this.#options;
    this.received = new ReceivedPackets({ ...defaultAcknowledgement, packetsPerAck });
    this.recovery = new Recovery<Piece | undefined>(
      {
        acknowledged: () => {},
        lost: (piece) => {
          if (piece !== undefined) this.#lost.push(piece);
        },
        arrivedLate: () => {},
        datagramBytesChanged: () => {},
      },
      clock.nowMs,
      recovery,
    );
    this.#sendTimer = new Timer(clock, timerGranularityMs, () => this.#send());
    this.#ackTimer = new Timer(clock, timerGranularityMs, () => this.#acknowledge());
    this.#lossTimer = new Timer(clock, timerGranularityMs, () => {
      this.recovery.handleTimeout(clock.nowMs);
      this.#send();
    });
  }

  start(): void {
    this.#send();
  }

  /** The peer's address changes: both directions take other links from now on. */
  move(forward: Link, backward: Link): void {
    this.#forward = forward;
    this.#backward = backward;
    this.recovery.resetPath(this.#clock.nowMs);
    this.#send();
  }

  #send(): void {
    const { recovery } = this;
    const { nowMs } = this.#clock;
    this.#probeMtu(nowMs);
    while (recovery.probesDue > 0 || this.#hasData) {
      const bytes = recovery.mtu.currentBytes;
      if (!recovery.canSend(bytes, nowMs)) break;
      const piece = this.#nextPiece(bytes);
      this.#transmit(PacketKind.ackEliciting, piece?.length ?? ACK_BYTES, piece);
      this.mostInFlightBytes = Math.max(this.mostInFlightBytes, recovery.bytesInFlight);
      this.mostWindowBytes = Math.max(this.mostWindowBytes, recovery.windowBytes);
    }
    this.#sendTimer.set(Math.min(recovery.nextSendMs, recovery.mtu.deadlineMs));
    this.#lossTimer.set(recovery.deadlineMs);
  }

  #probeMtu(nowMs: number): void {
    const bytes = this.recovery.mtu.probeBytes(nowMs);
    if (bytes > 0 && this.recovery.canSend(bytes, nowMs))
      this.#transmit(PacketKind.mtuProbe, bytes, undefined);
  }

  get #hasData(): boolean {
    return this.#lost.length > 0 || this.#written < this.#options.totalBytes;
  }

  /** Lost bytes first. A piece that is too large for the path now goes in two. */
  #nextPiece(maxBytes: number): Piece | undefined {
    const lost = this.#lost.shift();
    if (lost !== undefined) {
      const rest = lost.length - maxBytes;
      if (rest <= 0) return lost;
      this.#lost.unshift({ start: lost.start + maxBytes, length: rest });
      return { start: lost.start, length: maxBytes };
    }
    const length = Math.min(maxBytes, this.#options.totalBytes - this.#written);
    if (length <= 0) return undefined;
    const piece = { start: this.#written, length };
    this.#written += length;
    return piece;
  }

  #transmit(kind: PacketKind, bytes: number, piece: Piece | undefined): void {
    if (this.#sequenceNumber >= this.#options.packetsPerEpoch) {
      this.#epoch++;
      this.#sequenceNumber = this.#options.firstSequenceNumber;
    }
    const epoch = this.#epoch;
    const sequenceNumber = this.#sequenceNumber++;
    this.recovery.onPacketSent(epoch, sequenceNumber, kind, bytes, piece, this.#clock.nowMs);
    this.#forward.send(bytes, () => this.#arrive(epoch, sequenceNumber, piece));
  }

  #arrive(epoch: number, sequenceNumber: number, piece: Piece | undefined): void {
    const { nowMs } = this.#clock;
    if (!this.received.onReceived(epoch, sequenceNumber, true, nowMs)) return;
    if (piece !== undefined) this.#deliver(piece);
    if (this.received.deadlineMs <= nowMs) this.#acknowledge();
    else this.#ackTimer.set(this.received.deadlineMs);
  }

  /** Pieces may have been cut differently each time. */
  #deliver({ start, length }: Piece): void {
    const end = start + length;
    let fresh = length;
    for (const [from, to] of this.#delivered.within(start, end)) fresh -= to - from;
    this.#delivered.add(start, end);
    this.deliveredBytes += fresh;
    if (fresh > 0 && this.deliveredBytes === this.#options.totalBytes) this.finishedAtMs = this.#clock.nowMs;
  }

  #acknowledge(): void {
    if (!this.received.hasUnacknowledged) return;
    const ranges: PacketRange[] = this.received.ranges.map((range) => ({ ...range }));
    const delayMs = this.received.ackDelayMs(this.#clock.nowMs);
    this.received.onAckSent();
    const { epoch, largest } = ranges[0]!;
    this.#backward.send(ACK_BYTES, () => {
      this.recovery.onAckBegin();
      for (const range of ranges) this.recovery.onAckRange(range.epoch, range.smallest, range.largest);
      this.recovery.onAckEnd(delayMs, this.#clock.nowMs);
      // As if the sender acknowledged ACKs in its next packet.
      this.received.onAckAcknowledged(epoch, largest - 64);
      this.#send();
    });
  }
}
