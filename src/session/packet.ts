/**
 * A packet that is being filled. Filling and sending one is done without a pause, so that sessions have none of their own:
 * they take turns with one, and take another only where sending one packet makes another session send.
 */
import type { Sent } from "./sent.ts";
import { PacketWriter } from "./varint.ts";

/** A record's content is at most this long (RFC 9846 §5.1). */
export const MAX_PACKET_BYTES = 16_384;

export class Packet {
  readonly writer: PacketWriter = new PacketWriter(MAX_PACKET_BYTES);
  /** The most that it may have. */
  maxBytes = 0;
  /** What is in it that its sender wants to hear of. */
  frames: Sent | undefined;
  isAckEliciting = false;
  hasAck = false;
  /** Whether it has more than parameters and an ACK. */
  hasContent = false;
  datagrams = 0;

  /** Begins anew, with room for so many bytes. */
  begin(maxBytes: number): this {
    this.maxBytes = maxBytes;
    this.writer.at = 0;
    this.writer.end = maxBytes;
    this.frames = undefined;
    this.isAckEliciting = false;
    this.hasAck = false;
    this.hasContent = false;
    this.datagrams = 0;
    return this;
  }
}

const free: Packet[] = [];

/** An empty packet, for no longer than the call that fills and sends it. */
export function takePacket(maxBytes: number): Packet {
  return (free.pop() ?? new Packet()).begin(maxBytes);
}

/** Gives it back. */
export function givePacket(packet: Packet): void {
  packet.frames = undefined;
  free.push(packet);
}
