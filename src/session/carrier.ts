/**
 * What a session stands on: something that sends packets as numbered records, DTLS or a test's.
 *
 * Nothing here has to do with ECN (RFC 9000 §13.4): no UDP socket of Node, Deno or Bun sets the ECN field of what it
 * sends or tells that of what it has received, and no browser does. So packets go out as Not-ECT, ACK frames have no
 * ECN counts, and congestion is what loss and delay show.
 */
import type { Bytes } from "../core/bytes.ts";
import type { SealgramError } from "../errors.ts";

/** What an engine sends packets with: DTLS records, whose numbers are the packets' numbers. */
export interface PacketCarrier {
  /** The epoch that the next packet is sent in, and its number there. */
  readonly epoch: number;
  readonly nextSequenceNumber: number;
  /** The largest packet that the path is known to take, in bytes. */
  readonly maxPacketBytes: number;
  /** What a record adds to a packet, in bytes. */
  readonly overheadBytes: number;
  /** Whether there is room for another packet now; if not, `flush` is called when there is. */
  readonly hasRoom: boolean;
  /**
   * Sends a packet, which may change as soon as this returns.
   * @param padding bytes of zeros that are added to it
   * @returns false if it was not sent, and its number not used
   */
  send(packet: Bytes, padding: number): boolean;
  /** As {@link send}, for a datagram that may be larger than what the path is known to take. */
  probe(packet: Bytes, padding: number): boolean;
  /** Leaves a packet number out. */
  skip(): void;
  /** Datagrams of this size, records included, are known to arrive. */
  setMtu(mtuBytes: number): void;
  /** Ends it, and tells the peer. */
  close(): void;
  /** Ends it without a word to the peer. */
  abandon(reason: SealgramError): void;
}
