/** Fills packets with what there is to say and sends them, as acknowledgement, recovery and padding policy allow. */
import type { Bytes } from "../core/bytes.ts";
import type { Fate, Fates } from "./callbacks.ts";
import type { PacketCarrier } from "./carrier.ts";
import type { Closing } from "./closing.ts";
import type { OutgoingDatagrams } from "./datagram-queue.ts";
import {
  datagramHeaderLength,
  FrameType,
  writeAck,
  writeConnectionClose,
  writeControl,
  writeDatagramHeader,
  writeTransportParameters,
} from "./frames.ts";
import type { PeerIdleTimeout } from "./idle.ts";
import type { SessionOptions } from "./options.ts";
import { encodeParameters, type TransportParameters } from "./parameters.ts";
import type { ReceivedPackets } from "./recovery/received-packets.ts";
import type { Recovery } from "./recovery/recovery.ts";
import { PacketKind } from "./recovery/sent-packets.ts";
import { DATAGRAM, type Sent, sentDatagram } from "./sent.ts";
import type { SessionCounters } from "./statistics.ts";
import type { Streams } from "./streams.ts";
import { PacketWriter } from "./varint.ts";

export interface OutgoingSources {
  readonly streams: Streams;
  readonly recovery: Recovery<Sent | undefined>;
  readonly received: ReceivedPackets;
  readonly datagrams: OutgoingDatagrams;
  readonly counters: SessionCounters;
  readonly idle: PeerIdleTimeout;
  readonly fates: Fates;
}

/** Packet numbers are left out once among so many packets at first, and ever less often. */
const FIRST_SKIP_PERIOD = 64;
const MAX_SKIP_PERIOD = 65_536;

/** A CONNECTION_CLOSE frame with no reason, or a little of it. */
const LEAST_CLOSE_BYTES = 64;

/** A record's content is at most this long (RFC 9846 §5.1). */
export const MAX_PACKET_BYTES = 16_384;

export class Outgoing {
  /** What the peer allows, once it is known. */
  peer: TransportParameters | undefined;
  /** A packet that has to be acknowledged is to be sent, with whatever in it. */
  isPingDue = false;
  /** Whether the carrier has refused the last packet. */
  isRefused = false;
  readonly #options: SessionOptions;
  readonly #carrier: PacketCarrier;
  readonly #sources: OutgoingSources;
  readonly #writer = new PacketWriter(MAX_PACKET_BYTES);
  /** What this side's ACK Delay counts. */
  readonly #ackDelayUnitMs: number;
  /** This side's parameters, until the peer has acknowledged them. */
  #parameters: Bytes | undefined;
  /** Whether streams come before datagrams in the next packet. */
  #streamsFirst = false;
  #skipPeriod = FIRST_SKIP_PERIOD;
  #skipAtPackets: number;

  // Of the packet that is being filled.
  #frames: Sent | undefined;
  #isAckEliciting = false;
  #hasAck = false;
  /** Whether it has more than parameters and an ACK. */
  #hasContent = false;
  #datagramsWritten = 0;
  #epoch = 0;
  #sequenceNumber = 0;

  constructor(
    own: TransportParameters,
    options: SessionOptions,
    carrier: PacketCarrier,
    sources: OutgoingSources,
  ) {
    this.#parameters = encodeParameters(own);
    this.#ackDelayUnitMs = 2 ** own.ackDelayExponent / 1000;
    this.#options = options;
    this.#carrier = carrier;
    this.#sources = sources;
    this.#skipAtPackets = FIRST_SKIP_PERIOD * options.random();
  }

  /** The largest datagram that fits into a packet, and that the peer takes. */
  get maxDatagramSize(): number {
    const fits = this.#maxPacketBytes - 1;
    if (this.peer === undefined) return fits;
    const { maxDatagramFrameSize: frame } = this.peer;
    return Math.max(0, Math.min(fits, frame - datagramHeaderLength(frame)));
  }

  /**
   * Sends one packet, if there is something to send.
   * @returns whether there may be more
   */
  send(nowMs: number): boolean {
    const { recovery, received } = this.#sources;
    const maxBytes = this.#begin();
    const isAckDue = received.deadlineMs <= nowMs;
    const mayFill = this.#hasFrames() && recovery.canSend(maxBytes + this.#carrier.overheadBytes, nowMs);
    if (!mayFill && !isAckDue) return false;
    this.#fill(nowMs, mayFill, isAckDue);
    // Parameters that are under way need not go again on their own.
    if (!this.#hasAck && !this.#hasContent && recovery.bytesInFlight > 0) return false;
    if (this.#writer.at === 0) return false;
    // Without the ACK there may be room for what did not fit beside it.
    return this.#transmit(nowMs) && mayFill && (this.#hasContent || this.#hasAck);
  }

  /**
   * Sends a datagram now, past the queue, if nothing else waits and nothing stands in its way: without copies but the
   * packet itself.
   * @returns false if it has to wait
   */
  sendDatagram(datagram: Uint8Array, fate: Fate | undefined, nowMs: number): boolean {
    const { recovery, received, datagrams } = this.#sources;
    if (this.#parameters !== undefined || this.peer === undefined) return false;
    if (datagrams.length > 0 || recovery.mtu.waitingBytes > 0 || this.#hasFrames()) return false;
    const maxBytes = this.#begin();
    if (!recovery.canSend(maxBytes + this.#carrier.overheadBytes, nowMs)) return false;
    if (received.hasUnacknowledged) this.#writeAck(nowMs);
    if (!this.#writeDatagram(datagram)) {
      this.#begin();
      if (!this.#writeDatagram(datagram)) return false;
    }
    this.#frames = sentDatagram(fate, this.#frames);
    this.#isAckEliciting = true;
    this.#datagramsWritten = 1;
    const padding = this.#padding(this.#writer.at);
    if (!this.#put(padding)) return false;
    this.#account(padding, nowMs);
    return true;
  }

  /** Whether there is nothing to send now, nor anything that only waits for its time. */
  get isIdle(): boolean {
    const { recovery, received } = this.#sources;
    if (received.deadlineMs !== Number.POSITIVE_INFINITY || this.#hasFrames()) return false;
    return recovery.mtu.waitingBytes === 0 && recovery.mtu.deadlineMs === Number.POSITIVE_INFINITY;
  }

  /** The most that a packet may have. */
  get #maxPacketBytes(): number {
    const { padding } = this.#options;
    const most = Math.min(this.#carrier.maxPacketBytes, MAX_PACKET_BYTES);
    return padding.kind === "constant" ? Math.min(most, padding.packetBytes) : most;
  }

  #begin(): number {
    const writer = this.#writer;
    writer.at = 0;
    writer.end = this.#maxPacketBytes;
    this.#frames = undefined;
    this.#isAckEliciting = false;
    this.#hasAck = false;
    this.#hasContent = false;
    this.#datagramsWritten = 0;
    return writer.end;
  }

  /** Whether there is anything to send that counts as in flight. */
  #hasFrames(): boolean {
    const { streams, recovery, datagrams } = this.#sources;
    if (this.isPingDue || recovery.probesDue > 0 || streams.hasFrames) return true;
    if (this.#parameters !== undefined && recovery.bytesInFlight === 0) return true;
    return datagrams.length > 0 && this.peer !== undefined;
  }

  #fill(nowMs: number, mayFill: boolean, isAckDue: boolean): void {
    const { recovery, received } = this.#sources;
    const writer = this.#writer;
    // Nothing may come before the parameters, so that they go first until they are known to have come.
    if (this.#parameters !== undefined) {
      if (!writeTransportParameters(writer, this.#parameters)) return;
      this.#isAckEliciting = true;
      this.#frames = { type: "parameters", next: this.#frames };
    }
    if (isAckDue || received.hasUnacknowledged) this.#writeAck(nowMs);
    if (!mayFill) return;
    const before = writer.at;
    this.#fillFrames(nowMs);
    // "When there is no data to send, the sender SHOULD send a PING" or repeat what is in flight (RFC 9002 §6.2.4).
    if (writer.at === before && recovery.probesDue > 0) {
      for (const handle of recovery.outstanding(1)) this.#again(handle);
      this.#fillFrames(nowMs);
    }
    if (writer.at === before && (this.isPingDue || recovery.probesDue > 0)) {
      writeControl(writer, FrameType.ping);
    }
    this.#hasContent = writer.at > before;
    if (this.#hasContent) this.#isAckEliciting = true;
    this.isPingDue = false;
  }

  #fillFrames(nowMs: number): void {
    const { streams } = this.#sources;
    if (this.#streamsFirst) this.#frames = streams.fill(this.#writer, this.#frames);
    this.#writeDatagrams(nowMs);
    if (!this.#streamsFirst) this.#frames = streams.fill(this.#writer, this.#frames);
    this.#streamsFirst = !this.#streamsFirst;
  }

  #writeAck(nowMs: number): void {
    const { received } = this.#sources;
    const delay = Math.floor(received.ackDelayMs(nowMs) / this.#ackDelayUnitMs);
    const { ranges } = received;
    if (ranges.length === 0 || !writeAck(this.#writer, ranges, delay)) return;
    this.#hasAck = true;
    // The newest range is always told again: that the peer has heard of it changes nothing.
    if (ranges.length === 1) return;
    const { epoch, largest } = ranges[0]!;
    this.#frames = { type: FrameType.ack, epoch, largest, next: this.#frames };
  }

  #writeDatagrams(nowMs: number): void {
    const { datagrams } = this.#sources;
    if (this.peer === undefined) return;
    for (;;) {
      const next = datagrams.first(nowMs, this.maxDatagramSize);
      if (next === undefined) return;
      if (!this.#writeDatagram(next.bytes)) return;
      datagrams.shift();
      this.#datagramsWritten++;
      this.#frames = sentDatagram(next.fate, this.#frames);
    }
  }

  /** @returns false if there is no room for it */
  #writeDatagram(bytes: Uint8Array): boolean {
    const writer = this.#writer;
    if (datagramHeaderLength(bytes.length) + bytes.length <= writer.room) {
      writeDatagramHeader(writer, bytes.length);
    } else if (1 + bytes.length <= writer.room) {
      // Without a length it is the packet's last frame.
      writer.byte(FrameType.datagram);
      writer.end = writer.at + bytes.length;
    } else return false;
    writer.bytes(bytes);
    return true;
  }

  /** @returns whether the carrier has taken it */
  #transmit(nowMs: number): boolean {
    const padding = this.#padding(this.#writer.at);
    if (this.#put(padding)) {
      this.#account(padding, nowMs);
      return true;
    }
    for (let sent = this.#frames; sent !== undefined; sent = sent.next) this.lost(sent, nowMs);
    return false;
  }

  /** Gives the packet to the carrier. Answers whether that has taken it. */
  #put(padding: number): boolean {
    const carrier = this.#carrier;
    if (this.#sources.counters.packetsSent >= this.#skipAtPackets) this.#skip();
    this.#epoch = carrier.epoch;
    this.#sequenceNumber = carrier.nextSequenceNumber;
    this.isRefused = !carrier.send(this.#writer.written, padding);
    return !this.isRefused;
  }

  /** The packet has gone. */
  #account(padding: number, nowMs: number): void {
    const { counters, received, recovery } = this.#sources;
    const epoch = this.#epoch;
    const sequenceNumber = this.#sequenceNumber;
    const { log } = this.#options;
    if (log !== undefined) {
      log.packetSent(nowMs, epoch, sequenceNumber, this.#writer.written);
      this.#frames = { type: "number", epoch, sequenceNumber, next: this.#frames };
    }
    const kind = this.#isAckEliciting ? PacketKind.ackEliciting : PacketKind.ackOnly;
    const bytes = this.#writer.at + padding + this.#carrier.overheadBytes;
    recovery.onPacketSent(epoch, sequenceNumber, kind, bytes, this.#frames, nowMs);
    if (this.#isAckEliciting) this.#sources.idle.sent(nowMs);
    if (this.#hasAck) received.onAckSent();
    counters.packetsSent++;
    counters.bytesSent += bytes;
    counters.datagramsSent += this.#datagramsWritten;
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
    if (this.#parameters !== undefined || this.peer === undefined) return;
    const bytes = recovery.mtu.probeBytes(nowMs);
    if (bytes === 0 || !recovery.canSend(bytes, nowMs)) return;
    const { epoch, nextSequenceNumber } = carrier;
    const packet = this.#writer.buffer.subarray(0, 1);
    packet[0] = FrameType.ping;
    if (!carrier.probe(packet, bytes - carrier.overheadBytes - 1)) return;
    recovery.onPacketSent(epoch, nextSequenceNumber, PacketKind.mtuProbe, bytes, undefined, nowMs);
    counters.packetsSent++;
    counters.bytesSent += bytes;
    this.#options.log?.packetSent(nowMs, epoch, nextSequenceNumber, packet);
  }

  /** Sends CONNECTION_CLOSE, whatever the window says. */
  sendClose(close: Closing, nowMs: number): void {
    const writer = this.#writer;
    this.#begin();
    const { isApplication, errorCode, frameType, reason } = close;
    // Whoever has sent everything shall know that it has arrived, before the end.
    if (this.#parameters === undefined) this.#writeAck(nowMs);
    if (writer.room < LEAST_CLOSE_BYTES) writer.at = 0;
    writeConnectionClose(writer, isApplication, errorCode, frameType, reason);
    const { epoch, nextSequenceNumber } = this.#carrier;
    const packet = writer.buffer.subarray(0, writer.at);
    if (!this.#carrier.send(packet, this.#padding(packet.length))) {
      close.isDue = true;
      return;
    }
    this.#sources.counters.packetsSent++;
    this.#options.log?.packetSent(nowMs, epoch, nextSequenceNumber, packet);
  }

  // What became of frames

  acknowledged(sent: Sent): void {
    if (sent === DATAGRAM) return;
    if ("stream" in sent) this.#sources.streams.acknowledged(sent);
    else if ("largest" in sent) this.#sources.received.onAckAcknowledged(sent.epoch, sent.largest);
    else if ("fate" in sent) this.#tell(sent.fate, true);
    else if (sent.type === "parameters") this.#parameters = undefined;
  }

  lost(sent: Sent, nowMs: number): void {
    if ("stream" in sent) this.#sources.streams.lost(sent);
    else if ("fate" in sent) {
      this.#sources.datagrams.drops.lost++;
      this.#tell(sent.fate, false);
    } else if (sent.type === "number") {
      this.#options.log?.packetLost(nowMs, sent.epoch, sent.sequenceNumber);
    }
  }

  #tell(fate: Fate | undefined, hasArrived: boolean): void {
    if (fate !== undefined) this.#sources.fates.add(fate, hasArrived);
  }

  /** What a packet says of streams is to be sent again, in case it got lost. */
  #again(frames: Sent | undefined): void {
    for (let sent = frames; sent !== undefined; sent = sent.next) {
      if ("stream" in sent) this.#sources.streams.lost(sent);
    }
  }
}
