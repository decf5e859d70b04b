/** What a session has to say, into packets as far as there is room; and what becomes of it there. */
import type { Bytes } from "../core/bytes.ts";
import type { Fate, Fates } from "./callbacks.ts";
import type { OutgoingDatagrams } from "./datagram-queue.ts";
import {
  datagramHeaderLength,
  FrameType,
  writeAck,
  writeControl,
  writeDatagramHeader,
  writeTransportParameters,
} from "./frames.ts";
import type { SessionLog } from "./log.ts";
import type { Packet } from "./packet.ts";
import { encodeParameters, type TransportParameters } from "./parameters.ts";
import type { ReceivedPackets } from "./recovery/received-packets.ts";
import type { Recovery } from "./recovery/recovery.ts";
import { DATAGRAM, type Sent, sentDatagram } from "./sent.ts";
import type { Streams } from "./streams.ts";
import type { PacketWriter } from "./varint.ts";

export interface FrameSources {
  readonly streams: Streams;
  readonly recovery: Recovery<Sent | undefined>;
  readonly received: ReceivedPackets;
  readonly datagrams: OutgoingDatagrams;
  readonly fates: Fates;
}

/** Packets that a probe looks into for something worth to be repeated: streams that were reset leave many that have nothing. */
const MAX_REPEATED = 64;

export class OutgoingFrames {
  /** What the peer allows, once it is known. */
  peer: TransportParameters | undefined;
  /** A packet that has to be acknowledged is to be sent, with whatever in it. */
  isPingDue = false;
  readonly #sources: FrameSources;
  readonly #log: SessionLog | undefined;
  /** What this side's ACK Delay counts. */
  readonly #ackDelayUnitMs: number;
  /** This side's parameters, until the peer has acknowledged them. */
  #parameters: Bytes | undefined;
  /** Whether streams come before datagrams in the next packet. */
  #streamsFirst = false;

  constructor(own: TransportParameters, log: SessionLog | undefined, sources: FrameSources) {
    this.#parameters = encodeParameters(own);
    this.#ackDelayUnitMs = 2 ** own.ackDelayExponent / 1000;
    this.#log = log;
    this.#sources = sources;
  }

  /** Whether the peer may not know this side's parameters: then they come first in each packet. */
  get needsParameters(): boolean {
    return this.#parameters !== undefined;
  }

  /** The largest datagram that fits into a packet of so many bytes, and that the peer takes; below 0 if it takes none. */
  maxDatagramSize(packetBytes: number): number {
    const fits = packetBytes - 1;
    if (this.peer === undefined) return fits;
    const { maxDatagramFrameSize: frame } = this.peer;
    return Math.min(fits, frame - datagramHeaderLength(frame));
  }

  /** Whether there is anything to send that counts as in flight. */
  get hasAny(): boolean {
    const { streams, recovery, datagrams } = this.#sources;
    if (this.isPingDue || recovery.probesDue > 0 || streams.hasFrames) return true;
    if (this.#parameters !== undefined && recovery.bytesInFlight === 0) return true;
    return datagrams.length > 0 && this.peer !== undefined;
  }

  /**
   * Fills a packet.
   * @param mayFill whether it may have what counts as in flight
   */
  fill(packet: Packet, nowMs: number, mayFill: boolean, isAckDue: boolean): void {
    const { recovery, received } = this.#sources;
    const { writer } = packet;
    // Nothing may come before the parameters, so that they go first until they are known to have come.
    if (this.#parameters !== undefined) {
      if (!writeTransportParameters(writer, this.#parameters)) return;
      packet.isAckEliciting = true;
      packet.frames = { type: "parameters", next: packet.frames };
    }
    if (isAckDue || received.hasUnacknowledged) this.writeAck(packet, nowMs);
    if (!mayFill) return;
    const before = writer.at;
    this.#fillFrames(packet, nowMs);
    // "When there is no data to send, the sender SHOULD send a PING" or repeat what is in flight (RFC 9002 §6.2.4).
    if (writer.at === before && recovery.probesDue > 0) {
      this.#repeatOldest();
      this.#fillFrames(packet, nowMs);
    }
    if (writer.at === before && (this.isPingDue || recovery.probesDue > 0)) {
      writeControl(writer, FrameType.ping);
    }
    packet.hasContent = writer.at > before;
    if (packet.hasContent) packet.isAckEliciting = true;
    this.isPingDue = false;
  }

  #fillFrames(packet: Packet, nowMs: number): void {
    const { streams } = this.#sources;
    if (this.#streamsFirst) packet.frames = streams.fill(packet.writer, packet.frames);
    this.#writeDatagrams(packet, nowMs);
    if (!this.#streamsFirst) packet.frames = streams.fill(packet.writer, packet.frames);
    this.#streamsFirst = !this.#streamsFirst;
  }

  writeAck(packet: Packet, nowMs: number): void {
    const { received } = this.#sources;
    const delay = Math.floor(received.ackDelayMs(nowMs) / this.#ackDelayUnitMs);
    const { ranges } = received;
    if (ranges.length === 0 || !writeAck(packet.writer, ranges, delay)) return;
    packet.hasAck = true;
    // The newest range is always told again: that the peer has heard of it changes nothing.
    if (ranges.length === 1) return;
    const { epoch, largest } = ranges[0]!;
    packet.frames = { type: FrameType.ack, epoch, largest, next: packet.frames };
  }

  #writeDatagrams(packet: Packet, nowMs: number): void {
    const { datagrams } = this.#sources;
    if (this.peer === undefined) return;
    for (;;) {
      const next = datagrams.first(nowMs, this.maxDatagramSize(packet.maxBytes));
      if (next === undefined || !this.writeDatagram(packet, next.bytes, next.fate)) return;
      datagrams.shift();
    }
  }

  /** @returns false if there is no room for it */
  writeDatagram(packet: Packet, bytes: Uint8Array, fate: Fate | undefined): boolean {
    if (!writeDatagramFrame(packet.writer, bytes)) return false;
    packet.frames = sentDatagram(fate, packet.frames);
    packet.isAckEliciting = true;
    packet.datagrams++;
    return true;
  }

  // What became of the frames of a packet

  acknowledged(frames: Sent | undefined): void {
    if (frames === DATAGRAM) return;
    for (let sent = frames; sent !== undefined; sent = sent.next) {
      if ("fate" in sent) this.#tell(sent.fate, true);
      else this.#arrived(sent);
    }
  }

  /** Whoever was told that a datagram was lost hears nothing else of it. */
  arrivedLate(frames: Sent | undefined): void {
    for (let sent = frames; sent !== undefined; sent = sent.next) this.#arrived(sent);
  }

  #arrived(sent: Sent): void {
    if ("stream" in sent) this.#sources.streams.acknowledged(sent);
    else if ("largest" in sent) this.#sources.received.onAckAcknowledged(sent.epoch, sent.largest);
    else if (sent.type === "parameters") this.#parameters = undefined;
  }

  lost(frames: Sent | undefined, nowMs: number): void {
    for (let sent = frames; sent !== undefined; sent = sent.next) {
      if ("stream" in sent) this.#sources.streams.lost(sent);
      else if ("fate" in sent) {
        this.#sources.datagrams.drops.lost++;
        this.#tell(sent.fate, false);
      } else if (sent.type === "number") {
        this.#log?.packetLost(nowMs, sent.epoch, sent.sequenceNumber, sent.isMtuProbe);
      }
    }
  }

  /** The session is over: what became of the datagrams that are on their way will not be known. */
  end(): void {
    for (const handle of this.#sources.recovery.outstanding(Number.POSITIVE_INFINITY)) {
      for (let sent = handle; sent !== undefined; sent = sent.next)
        if ("fate" in sent) this.#tell(sent.fate, false);
    }
  }

  #tell(fate: Fate | undefined, hasArrived: boolean): void {
    if (fate !== undefined) this.#sources.fates.add(fate, hasArrived);
  }

  /** The oldest packet that still has something to say does so again. */
  #repeatOldest(): void {
    const { recovery, streams } = this.#sources;
    for (const handle of recovery.outstanding(MAX_REPEATED)) {
      this.#again(handle);
      if (streams.hasFrames) return;
    }
  }

  /** What a packet says of streams is to be sent again, in case it got lost. */
  #again(frames: Sent | undefined): void {
    for (let sent = frames; sent !== undefined; sent = sent.next) {
      if ("stream" in sent) this.#sources.streams.lost(sent);
    }
  }
}

/** @returns false if there is no room for it */
function writeDatagramFrame(writer: PacketWriter, bytes: Uint8Array): boolean {
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
