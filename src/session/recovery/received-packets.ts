/** Which packets came, and when to acknowledge them (RFC 9000 §13.2). */
import type { PacketRange } from "./packet-number.ts";

export interface AcknowledgementOptions {
  /** How long an ack-eliciting packet waits for its ACK: less than max_ack_delay by as much as timers may be late. */
  readonly delayMs: number;
  /** Ack-eliciting packets that make an ACK due at once: "after receiving at least two" (§13.2.2). */
  readonly packetsPerAck: number;
  /** Ranges that are kept. Of more, the lowest are dropped: the peer may send again what they hold (§13.2.3). */
  readonly maxRanges: number;
}

export const defaultAcknowledgement: AcknowledgementOptions = {
  delayMs: 20,
  packetsPerAck: 2,
  maxRanges: 32,
};

interface MutableRange {
  epoch: number;
  smallest: number;
  largest: number;
}

export class ReceivedPackets {
  readonly #options: AcknowledgementOptions;
  readonly #ranges: MutableRange[] = [];
  /** When the packet with the largest number came (§13.2.5). */
  #largestAtMs = 0;
  /** The largest that was ack-eliciting. */
  #elicitingEpoch = -1;
  #elicitingNumber = -1;
  /** Ack-eliciting packets since the last ACK. */
  #unacknowledged = 0;
  #deadlineMs: number = Number.POSITIVE_INFINITY;

  constructor(options: AcknowledgementOptions = defaultAcknowledgement) {
    this.#options = options;
  }

  /** For an ACK frame: disjoint, not adjacent, and descending. Valid until the next call. */
  get ranges(): readonly PacketRange[] {
    return this.#ranges;
  }

  /** When an ACK is due; infinite while nothing asks for one. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Whether something waits for an ACK: any packet that is sent may as well carry it (§13.2.1). */
  get hasUnacknowledged(): boolean {
    return this.#unacknowledged > 0;
  }

  /** The ACK Delay of an ACK that is sent now (§13.2.5). */
  ackDelayMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#largestAtMs);
  }

  /**
   * A packet came, and its frames were processed.
   * @returns false if its number has come before
   */
  onReceived(epoch: number, sequenceNumber: number, isAckEliciting: boolean, nowMs: number): boolean {
    const newest = this.#ranges[0];
    if (newest !== undefined && newest.epoch === epoch && newest.largest + 1 === sequenceNumber) {
      newest.largest = sequenceNumber;
      this.#largestAtMs = nowMs;
    } else {
      const index = this.#indexOf(epoch, sequenceNumber);
      if (index < 0) return false;
      if (index === 0) this.#largestAtMs = nowMs;
      this.#insert(index, epoch, sequenceNumber);
    }
    if (isAckEliciting) this.#elicit(epoch, sequenceNumber, nowMs);
    return true;
  }

  /** The first range that does not lie above the packet, or -1 if it holds the packet. */
  #indexOf(epoch: number, sequenceNumber: number): number {
    const ranges = this.#ranges;
    let index = 0;
    while (index < ranges.length && isBelow(epoch, sequenceNumber, ranges[index]!)) index++;
    const range = ranges[index];
    const holds = range !== undefined && range.epoch === epoch && sequenceNumber <= range.largest;
    return holds ? -1 : index;
  }

  /** @param index of the first range below the packet */
  #insert(index: number, epoch: number, sequenceNumber: number): void {
    const ranges = this.#ranges;
    const below = ranges[index];
    const above = ranges[index - 1];
    const joinsBelow = below !== undefined && below.epoch === epoch && below.largest + 1 === sequenceNumber;
    const joinsAbove = above !== undefined && above.epoch === epoch && above.smallest - 1 === sequenceNumber;
    if (joinsBelow && joinsAbove) {
      above.smallest = below.smallest;
      ranges.splice(index, 1);
    } else if (joinsBelow) below.largest = sequenceNumber;
    else if (joinsAbove) above.smallest = sequenceNumber;
    else {
      ranges.splice(index, 0, { epoch, smallest: sequenceNumber, largest: sequenceNumber });
      if (ranges.length > this.#options.maxRanges) ranges.pop();
    }
  }

  /** §13.2.1: an ack-eliciting packet out of order asks for an ACK at once. */
  #elicit(epoch: number, sequenceNumber: number, nowMs: number): void {
    this.#unacknowledged++;
    const isNewest =
      epoch !== this.#elicitingEpoch ? epoch > this.#elicitingEpoch : sequenceNumber > this.#elicitingNumber;
    const isInOrder = isNewest && this.#isContiguous(epoch, sequenceNumber);
    if (isNewest) {
      this.#elicitingEpoch = epoch;
      this.#elicitingNumber = sequenceNumber;
    }
    const isDue = !isInOrder || this.#unacknowledged >= this.#options.packetsPerAck;
    this.#deadlineMs = Math.min(this.#deadlineMs, isDue ? nowMs : nowMs + this.#options.delayMs);
  }

  /** Whether no packet is missing between the largest ack-eliciting one so far and this one. */
  #isContiguous(epoch: number, sequenceNumber: number): boolean {
    // How many records an epoch had is not known: its end and the next one's beginning count as adjacent.
    if (epoch !== this.#elicitingEpoch) return true;
    const newest = this.#ranges[0];
    return (
      newest !== undefined &&
      newest.epoch === epoch &&
      newest.smallest <= this.#elicitingNumber + 1 &&
      newest.largest >= sequenceNumber
    );
  }

  /** An ACK of all {@link ranges} was sent. */
  onAckSent(): void {
    this.#unacknowledged = 0;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The peer has an ACK of all up to this number: it need not be told again (§13.2.4). The newest range stays.
   */
  onAckAcknowledged(epoch: number, largest: number): void {
    const ranges = this.#ranges;
    while (ranges.length > 1) {
      const lowest = ranges[ranges.length - 1]!;
      if (lowest.epoch > epoch || (lowest.epoch === epoch && lowest.largest > largest)) return;
      ranges.pop();
    }
  }
}

function isBelow(epoch: number, sequenceNumber: number, range: PacketRange): boolean {
  return epoch !== range.epoch ? epoch < range.epoch : sequenceNumber < range.smallest;
}
