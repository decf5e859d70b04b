/** Sends packets, as acknowledgement, recovery and padding policy allow. */
import type { Fate } from "./callbacks.ts";
import type { PacketCarrier } from "./carrier.ts";
import type { Closing } from "./closing.ts";
import { FrameType, writeConnectionClose, writeControl } from "./frames.ts";
import type { IdleTimeout } from "./idle.ts";
import type { SessionOptions } from "./options.ts";
import { type FrameSources, OutgoingFrames } from "./outgoing-frames.ts";
import { givePacket, MAX_PACKET_BYTES, type Packet, takePacket } from "./packet.ts";
import type { TransportParameters } from "./parameters.ts";
import { PacketKind } from "./recovery/sent-packets.ts";
import type { Sent, SentNumber } from "./sent.ts";
import type { SessionCounters } from "./statistics.ts";

export interface OutgoingSources extends FrameSources {
  readonly counters: SessionCounters;
  readonly idle: IdleTimeout;
}

/** Packet numbers are left out once among so many packets at first, and ever less often. */
const FIRST_SKIP_PERIOD = 64;
const MAX_SKIP_PERIOD = 65_536;

/** A CONNECTION_CLOSE frame with no reason, or a little of it. */
const LEAST_CLOSE_BYTES = 64;

export class Outgoing {
  readonly frames: OutgoingFrames;
  /** Whether the carrier has refused the last packet. */
  isRefused = false;
  readonly #options: SessionOptions;
  readonly #carrier: PacketCarrier;
  readonly #sources: OutgoingSources;
  #skipPeriod = FIRST_SKIP_PERIOD;
  #skipAtPackets: number;

  constructor(
    own: TransportParameters,
    options: SessionOptions,
    carrier: PacketCarrier,
    sources: OutgoingSources,
  ) {
    this.frames = new OutgoingFrames(own, options.log, sources);
    this.#options = options;
    this.#carrier = carrier;
    this.#sources = sources;
    this.#skipAtPackets = FIRST_SKIP_PERIOD * options.random();
  }

  /** The largest datagram that fits into a packet, and that the peer takes; below 0 if it takes none. */
  get maxDatagramSize(): number {
    return this.frames.maxDatagramSize(this.#maxPacketBytes);
  }

  /**
   * Sends one packet, if there is something to send.
   * @returns whether there may be more
   */
  send(nowMs: number): boolean {
    const { recovery, received } = this.#sources;
    const maxBytes = this.#maxPacketBytes;
    const isAckDue = received.deadlineMs <= nowMs;
    const mayFill = this.frames.hasAny && recovery.canSend(maxBytes + this.#carrier.overheadBytes, nowMs);
    if (!mayFill && !isAckDue) return false;
    const packet = takePacket(maxBytes);
    try {
      this.frames.fill(packet, nowMs, mayFill, isAckDue);
      // Parameters that are under way need not go again on their own.
      if (!packet.hasAck && !packet.hasContent && recovery.bytesInFlight > 0) return false;
      if (packet.writer.at === 0) return false;
      // Without the ACK there may be room for what did not fit beside it.
      return this.#transmit(packet, nowMs) && mayFill && (packet.hasContent || packet.hasAck);
    } finally {
      givePacket(packet);
    }
  }

  /**
   * Sends a datagram now, past the queue, if nothing else waits and nothing stands in its way: without copies but the
   * packet itself.
   * @returns false if it has to wait
   */
  sendDatagram(datagram: Uint8Array, fate: Fate | undefined, nowMs: number): boolean {
    const { frames } = this;
    const { recovery, received, datagrams } = this.#sources;
    if (frames.needsParameters || frames.peer === undefined) return false;
    if (datagrams.length > 0 || recovery.mtu.waitingBytes > 0 || frames.hasAny) return false;
    const maxBytes = this.#maxPacketBytes;
    if (!recovery.canSend(maxBytes + this.#carrier.overheadBytes, nowMs)) return false;
    const packet = takePacket(maxBytes);
    try {
      if (received.hasUnacknowledged) frames.writeAck(packet, nowMs);
      if (!frames.writeDatagram(packet, datagram, fate)) {
        packet.begin(maxBytes);
        if (!frames.writeDatagram(packet, datagram, fate)) return false;
      }
      return this.#put(packet, this.#padding(packet.writer.at), nowMs);
    } finally {
      givePacket(packet);
    }
  }

  /** Whether there is nothing to send now, nor anything that only waits for its time. */
  get isIdle(): boolean {
    const { recovery, received } = this.#sources;
    if (received.deadlineMs !== Number.POSITIVE_INFINITY || this.frames.hasAny) return false;
    return recovery.mtu.waitingBytes === 0 && recovery.mtu.deadlineMs === Number.POSITIVE_INFINITY;
  }

  /** The most that a packet may have. */
  get #maxPacketBytes(): number {
    const { padding } = this.#options;
    const most = Math.min(this.#carrier.maxPacketBytes, MAX_PACKET_BYTES);
    return padding.kind === "constant" ? Math.min(most, padding.packetBytes) : most;
  }

  /** @returns whether the carrier has taken it; what is in one that it has not is lost */
  #transmit(packet: Packet, nowMs: number): boolean {
    if (this.#put(packet, this.#padding(packet.writer.at), nowMs)) return true;
    this.frames.lost(packet.frames, nowMs);
    return false;
  }

  /** Gives the packet to the carrier. Answers whether that has taken it. */
  #put(packet: Packet, padding: number, nowMs: number): boolean {
    const carrier = this.#carrier;
    if (this.#sources.counters.packetsSent >= this.#skipAtPackets) this.#skip();
    const { epoch, nextSequenceNumber } = carrier;
    this.isRefused = !carrier.send(packet.writer.written, padding);
    if (this.isRefused) return false;
    this.#account(packet, padding, epoch, nextSequenceNumber, nowMs);
    return true;
  }

  /** The packet has gone. */
  #account(packet: Packet, padding: number, epoch: number, sequenceNumber: number, nowMs: number): void {
    const { counters, received, recovery, idle } = this.#sources;
    const { log } = this.#options;
    const bytes = packet.writer.at + padding + this.#carrier.overheadBytes;
    if (log !== undefined) {
      log.packetSent(nowMs, epoch, sequenceNumber, packet.writer.written, false);
      packet.frames = numbered(epoch, sequenceNumber, false, packet.frames);
    }
    const kind = packet.isAckEliciting ? PacketKind.ackEliciting : PacketKind.ackOnly;
    recovery.onPacketSent(epoch, sequenceNumber, kind, bytes, packet.frames, nowMs);
    if (packet.isAckEliciting) idle.sent(nowMs);
    if (packet.hasAck) received.onAckSent();
    counters.packetsSent++;
    counters.bytesSent += bytes;
    counters.datagramsSent += packet.datagrams;
  }

  /** Whoever acknowledges what did not come, to be sent more, will acknowledge this number too (RFC 9000 §21.4). */
  #skip(): void {
    this.#carrier.skip();
    this.#skipAtPackets += this.#skipPeriod * (1 + this.#options.random());
    this.#skipPeriod = Math.min(2 * this.#skipPeriod, MAX_SKIP_PERIOD);
  }

  #padding(length: number): number {
    const { padding } = this.#options;
    if (padding.kind === "none") return 0;
    const wanted =
      padding.kind === "constant"
        ? padding.packetBytes
        : Math.ceil(length / padding.blockBytes) * padding.blockBytes;
    return Math.max(0, Math.min(wanted, this.#maxPacketBytes) - length);
  }

  /** Probes for a larger datagram, if it is time to (RFC 8899). It goes before what would leave no room for it. */
  sendProbe(nowMs: number): void {
    const { recovery, counters } = this.#sources;
    const carrier = this.#carrier;
    if (this.frames.needsParameters || this.frames.peer === undefined) return;
    const bytes = recovery.mtu.probeBytes(nowMs);
    if (bytes === 0 || !recovery.canSend(bytes, nowMs)) return;
    const { epoch, nextSequenceNumber } = carrier;
    const packet = takePacket(1);
    try {
      writeControl(packet.writer, FrameType.ping);
      if (!carrier.probe(packet.writer.written, bytes - carrier.overheadBytes - 1)) return;
      const { log } = this.#options;
      if (log !== undefined) packet.frames = numbered(epoch, nextSequenceNumber, true, undefined);
      recovery.onPacketSent(epoch, nextSequenceNumber, PacketKind.mtuProbe, bytes, packet.frames, nowMs);
      counters.packetsSent++;
      counters.bytesSent += bytes;
      log?.packetSent(nowMs, epoch, nextSequenceNumber, packet.writer.written, true);
    } finally {
      givePacket(packet);
    }
  }

  /** Sends CONNECTION_CLOSE, whatever the window says. */
  sendClose(close: Closing, nowMs: number): void {
    const packet = takePacket(this.#maxPacketBytes);
    const { writer } = packet;
    try {
      // Whoever has sent everything shall know that it has arrived, before the end.
      if (!this.frames.needsParameters) this.frames.writeAck(packet, nowMs);
      if (writer.room < LEAST_CLOSE_BYTES) writer.at = 0;
      writeConnectionClose(writer, close.isApplication, close.errorCode, close.frameType, close.reason);
      const { epoch, nextSequenceNumber } = this.#carrier;
      if (!this.#carrier.send(writer.written, this.#padding(writer.at))) {
        close.isDue = true;
        return;
      }
      this.#sources.counters.packetsSent++;
      this.#options.log?.packetSent(nowMs, epoch, nextSequenceNumber, writer.written, false);
    } finally {
      givePacket(packet);
    }
  }
}

/** For the log: that a packet got lost is told by its number. */
function numbered(
  epoch: number,
  sequenceNumber: number,
  isMtuProbe: boolean,
  next: Sent | undefined,
): SentNumber {
  return { type: "number", epoch, sequenceNumber, isMtuProbe, next };
}
