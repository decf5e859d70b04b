/**
 * The packet number is the number of the record that carries the packet: epoch and sequence number (RFC 9147 §4). An
 * ACK frame carries epoch·2^48 + sequence number, which JavaScript's numbers cannot hold exactly, so that nothing here
 * combines the two: a sender counts its packets through all epochs, and a receiver keeps ranges within an epoch.
 */
import { TransportError } from "../errors.ts";

/** Packets of one epoch, `smallest` to `largest`, both included. */
export interface PacketRange {
  readonly epoch: number;
  readonly smallest: number;
  readonly largest: number;
}

/** Epochs that an ACK may still name. Those before have no packet left that matters. */
const EPOCHS_KEPT = 4;

/** The packets sent in one epoch: positions are sequence numbers plus `offset`. */
interface SentEpoch {
  readonly epoch: number;
  readonly offset: number;
  readonly first: number;
  last: number;
}

/**
 * Places the packets of all epochs, in the order of sending, on one line of positions: a new epoch does not begin a new
 * packet number space, as a new key phase does not in QUIC (RFC 9001 §6). Records that carry no packet, such as those of
 * handshake messages, leave positions unused within an epoch.
 */
export class SentNumbers {
  readonly #epochs: SentEpoch[] = [];
  #end = 0;

  /** One beyond the position of the newest packet. */
  get end(): number {
    return this.#end;
  }

  /**
   * The position of a packet that is sent now.
   * @throws RangeError unless it is newer than all before
   */
  append(epoch: number, sequenceNumber: number): number {
    const current = this.#epochs.at(-1);
    if (current !== undefined && current.epoch === epoch) {
      if (sequenceNumber <= current.last) throw new RangeError("packets are numbered upwards");
      current.last = sequenceNumber;
      this.#end = sequenceNumber + current.offset + 1;
      return this.#end - 1;
    }
    if (current !== undefined && epoch < current.epoch) throw new RangeError("epochs are numbered upwards");
    const offset = this.#end - sequenceNumber;
    this.#epochs.push({ epoch, offset, first: sequenceNumber, last: sequenceNumber });
    if (this.#epochs.length > EPOCHS_KEPT) this.#epochs.shift();
    return this.#end++;
  }

  /**
   * What to add to the sequence numbers of an acknowledged range for their positions, or `undefined` if its epoch is of
   * the past.
   * @throws TransportError protocol_violation for numbers that were never sent (RFC 9000 §13.1)
   */
  offsetOf(epoch: number, smallest: number, largest: number): number | undefined {
    for (let i = this.#epochs.length - 1; i >= 0; i--) {
      const sent = this.#epochs[i]!;
      if (sent.epoch !== epoch) continue;
      if (smallest < sent.first || largest > sent.last) throw neverSent();
      return sent.offset;
    }
    const oldest = this.#epochs[0];
    if (oldest === undefined || this.#epochs.length < EPOCHS_KEPT || epoch > oldest.epoch) throw neverSent();
    return undefined;
  }
}

/** "An endpoint SHOULD treat receipt of an acknowledgment for a packet it did not send as a connection error" (§13.1) */
export function neverSent(): TransportError {
  return new TransportError("protocol_violation", "a packet is acknowledged that was never sent");
}
