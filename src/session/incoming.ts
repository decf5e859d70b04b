/** What the peer's frames do, and how many of them that do nothing it may send. */
import type { Bytes } from "../core/bytes.ts";
import { TransportError } from "./errors.ts";
import { type FrameHandler, readFrames } from "./frames.ts";
import { decodeParameters, type TransportParameters } from "./parameters.ts";
import type { Recovery } from "./recovery/recovery.ts";
import type { Sent } from "./sent.ts";
import type { Streams } from "./streams.ts";
import { PacketReader } from "./varint.ts";

export interface IncomingHost {
  readonly streams: Streams;
  readonly recovery: Recovery<Sent | undefined>;
  /** The peer's parameters have come, once. */
  parameters(parameters: TransportParameters): void;
  /** @param isLast whether the packet has nothing more to say, so that it may be acknowledged from now on */
  datagram(buffer: Bytes, start: number, length: number, isLast: boolean): void;
  closedByPeer(isApplication: boolean, errorCode: number, reason: string): void;
}

/**
 * Frames without effect: so many in each packet are as good as the packet; of others so many may come at once, one more
 * for each frame with an effect, and so many more each second. No honest peer comes near.
 */
const IDLE_FRAMES_PER_PACKET = 8;
const IDLE_FRAMES = 10_000;
const IDLE_FRAMES_PER_SECOND = 200;
/** What a second ACK frame in one packet counts as: it makes more work than others. */
const SECOND_ACK = 64;

export class Incoming implements FrameHandler {
  /** Of the peer; nothing before they have come. */
  peer: TransportParameters | undefined;
  readonly #host: IncomingHost;
  readonly #reader = new PacketReader();
  /** The peer's parameters as they came: they may come again, but not others. */
  #parameters: Bytes | undefined;
  /** How many more may come, in this packet and in all. */
  #idleFramesOfPacket = 0;
  #idleFrames = IDLE_FRAMES;
  #idleFramesAtMs: number;
  #acks = 0;
  #ackDelayMs = 0;
  /** What the peer's ACK Delay counts. */
  #ackDelayUnitMs = 0;
  #nowMs: number;

  constructor(host: IncomingHost, nowMs: number) {
    this.#host = host;
    this.#idleFramesAtMs = nowMs;
    this.#nowMs = nowMs;
  }

  /**
   * Acts upon a packet.
   * @returns whether it asks for an acknowledgement
   * @throws TransportError
   */
  receive(buffer: Bytes, start: number, length: number, nowMs: number): boolean {
    this.#nowMs = nowMs;
    this.#acks = 0;
    this.#idleFramesOfPacket = IDLE_FRAMES_PER_PACKET;
    this.#reader.begin(buffer, start, length);
    return readFrames(this.#reader, this);
  }

  /** Leaves the rest of the packet: the session is over. */
  stop(): void {
    this.#reader.at = this.#reader.end;
  }

  #idle(cost = 1): void {
    if (cost === 1 && --this.#idleFramesOfPacket >= 0) return;
    this.#idleFrames -= cost;
    if (this.#idleFrames >= 0) return;
    const earned = ((this.#nowMs - this.#idleFramesAtMs) / 1000) * IDLE_FRAMES_PER_SECOND;
    this.#idleFrames = Math.min(IDLE_FRAMES, this.#idleFrames + earned);
    this.#idleFramesAtMs = this.#nowMs;
    if (this.#idleFrames < 0)
      throw new TransportError("protocol_violation", "too many frames without effect");
  }

  #count(hasEffect: boolean): void {
    if (!hasEffect) this.#idle();
    else if (this.#idleFrames < IDLE_FRAMES) this.#idleFrames++;
  }

  /** "MUST be the first frame": nothing of a peer that has not sent them is acted upon. */
  #expectParameters(): void {
    if (this.peer === undefined) {
      throw new TransportError("transport_parameter_error", "a frame before the transport parameters");
    }
  }

  // FrameHandler

  transportParameters(start: number, length: number): void {
    const bytes = this.#reader.buffer.slice(start, start + length);
    if (this.#parameters === undefined) {
      this.#parameters = bytes;
      this.peer = decodeParameters(bytes);
      this.#ackDelayUnitMs = 2 ** this.peer.ackDelayExponent / 1000;
      this.#host.parameters(this.peer);
    } else if (!equal(bytes, this.#parameters)) {
      throw new TransportError("transport_parameter_error", "transport parameters change");
    }
  }

  ping(): void {
    this.#expectParameters();
    this.#idle();
  }

  ackBegin(_epoch: number, _largest: number, encodedDelay: number): void {
    this.#expectParameters();
    if (this.#acks++ > 0) this.#idle(SECOND_ACK);
    this.#ackDelayMs = encodedDelay * this.#ackDelayUnitMs;
    this.#host.recovery.onAckBegin();
  }

  ackRange(epoch: number, smallest: number, largest: number): void {
    this.#host.recovery.onAckRange(epoch, smallest, largest);
  }

  ackEnd(): void {
    this.#host.recovery.onAckEnd(this.#ackDelayMs, this.#nowMs);
  }

  resetStream(id: number, errorCode: number, finalSize: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.resetStream(id, errorCode, finalSize));
  }

  stopSending(id: number, errorCode: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.stopSending(id, errorCode));
  }

  stream(id: number, offset: number, start: number, length: number, fin: boolean): void {
    this.#expectParameters();
    this.#count(this.#host.streams.data(id, offset, this.#reader.buffer, start, length, fin) || length > 64);
  }

  maxData(limit: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.maxData(limit));
  }

  maxStreamData(id: number, limit: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.maxStreamData(id, limit));
  }

  maxStreams(unidirectional: boolean, limit: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.maxStreams(unidirectional, limit));
  }

  blocked(frameType: number, id: number, limit: number): void {
    this.#expectParameters();
    this.#count(this.#host.streams.blocked(frameType, id, limit));
  }

  datagram(start: number, length: number): void {
    this.#expectParameters();
    const { buffer, end } = this.#reader;
    this.#host.datagram(buffer, start, length, start + length === end);
  }

  connectionClose(
    isApplication: boolean,
    errorCode: number,
    reasonStart: number,
    reasonLength: number,
  ): void {
    const reason = this.#reader.buffer.subarray(reasonStart, reasonStart + reasonLength);
    this.stop();
    this.#host.closedByPeer(isApplication, errorCode, new TextDecoder().decode(reason.slice()));
  }
}

function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
