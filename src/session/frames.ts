/**
 * Frames (RFC 9000 §19, RFC 9221 §4) that records of application data consist of. Reading hands numbers to a handler:
 * nothing is allocated. What QUIC has for its own handshake, connection IDs and path validation is DTLS's here, and
 * those frames are unknown types.
 */
import { TransportError } from "./errors.ts";
import { neverSent, type PacketRange } from "./recovery/packet-number.ts";
import { type PacketReader, type PacketWriter, varintLength } from "./varint.ts";

export const FrameType = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  ack_ecn: 0x03,
  reset_stream: 0x04,
  stop_sending: 0x05,
  stream: 0x08,
  max_data: 0x10,
  max_stream_data: 0x11,
  max_streams_bidi: 0x12,
  max_streams_uni: 0x13,
  data_blocked: 0x14,
  stream_data_blocked: 0x15,
  streams_blocked_bidi: 0x16,
  streams_blocked_uni: 0x17,
  connection_close: 0x1c,
  connection_close_application: 0x1d,
  datagram: 0x30,
  datagram_with_length: 0x31,
} as const;

/** Bits of a STREAM frame's type (§19.8). */
const STREAM_FIN = 0x01;
const STREAM_LENGTH = 0x02;
const STREAM_OFFSET = 0x04;

/** QX_TRANSPORT_PARAMETERS of the QMux draft, 0x3f5153300d0a0d0a, as the pair that a packet number is. */
export const TRANSPORT_PARAMETERS_HIGH = 0x3f51;
export const TRANSPORT_PARAMETERS_LOW = 0x53300d0a0d0a;

/** What a packet's frames do. `start` and `length` are of the reader's buffer, valid during the call only. */
export interface FrameHandler {
  transportParameters(start: number, length: number): void;
  ping(): void;
  /** An ACK frame begins: the highest packet number in it, and the delay as it was encoded. */
  ackBegin(epoch: number, largest: number, encodedDelay: number): void;
  /** Packets of one epoch, in descending order. */
  ackRange(epoch: number, smallest: number, largest: number): void;
  ackEnd(): void;
  resetStream(id: number, errorCode: number, finalSize: number): void;
  stopSending(id: number, errorCode: number): void;
  stream(id: number, offset: number, start: number, length: number, fin: boolean): void;
  maxData(limit: number): void;
  maxStreamData(id: number, limit: number): void;
  maxStreams(unidirectional: boolean, limit: number): void;
  /** DATA_BLOCKED, STREAM_DATA_BLOCKED (with a stream) or STREAMS_BLOCKED. */
  blocked(frameType: number, id: number, limit: number): void;
  datagram(start: number, length: number): void;
  connectionClose(isApplication: boolean, errorCode: number, reasonStart: number, reasonLength: number): void;
}

/**
 * Reads all frames of a packet.
 * @returns whether any of them asks for an acknowledgement (RFC 9002 §2)
 * @throws TransportError with the type of the frame at fault
 */
export function readFrames(reader: PacketReader, handler: FrameHandler): boolean {
  let isAckEliciting = false;
  let type = 0;
  if (reader.at === reader.end) throw new TransportError("protocol_violation", "a packet without frames");
  try {
    while (reader.at < reader.end) {
      const at = reader.at;
      type = reader.buffer[at]!;
      if (type === FrameType.padding) {
        skipPadding(reader);
        continue;
      }
      if (type < 0x40) reader.at = at + 1;
      else type = longType(reader);
      if (readFrame(type, reader, handler)) isAckEliciting = true;
    }
  } catch (error) {
    if (error instanceof TransportError && error.frameType === 0) error.frameType = type;
    throw error;
  }
  return isAckEliciting;
}

function skipPadding(reader: PacketReader): void {
  const { buffer, end } = reader;
  let { at } = reader;
  while (at < end && buffer[at] === 0) at++;
  reader.at = at;
}

/** A type of more than one byte: the transport parameters', or nothing that is known. */
function longType(reader: PacketReader): number {
  reader.recordNumber();
  const { epoch, sequenceNumber } = reader;
  if (epoch === TRANSPORT_PARAMETERS_HIGH && sequenceNumber === TRANSPORT_PARAMETERS_LOW) return -1;
  // "An endpoint MUST use the shortest" encoding of a type, and may answer another so (§12.4).
  if (epoch === 0 && sequenceNumber < 0x40) {
    throw new TransportError("protocol_violation", "a frame type in more bytes than it needs");
  }
  throw unknownFrame();
}

function unknownFrame(): TransportError {
  return new TransportError("frame_encoding_error", "a frame of an unknown type");
}

function readFrame(type: number, reader: PacketReader, handler: FrameHandler): boolean {
  if (type >= FrameType.stream && type < FrameType.stream + 8) {
    readStream(type, reader, handler);
    return true;
  }
  switch (type) {
    case FrameType.ack:
    case FrameType.ack_ecn:
      readAck(type, reader, handler);
      return false;
    case FrameType.datagram:
      handler.datagram(reader.at, reader.end - reader.at);
      reader.at = reader.end;
      return true;
    case FrameType.datagram_with_length: {
      const length = reader.varint();
      handler.datagram(reader.skip(length), length);
      return true;
    }
    case FrameType.connection_close:
    case FrameType.connection_close_application: {
      const isApplication = type === FrameType.connection_close_application;
      const errorCode = reader.varint();
      if (!isApplication) reader.varint();
      const length = reader.varint();
      handler.connectionClose(isApplication, errorCode, reader.skip(length), length);
      return false;
    }
    default:
      readControl(type, reader, handler);
      return true;
  }
}

function readControl(type: number, reader: PacketReader, handler: FrameHandler): void {
  switch (type) {
    case -1: {
      const length = reader.varint();
      handler.transportParameters(reader.skip(length), length);
      return;
    }
    case FrameType.ping:
      handler.ping();
      return;
    case FrameType.reset_stream: {
      const id = reader.varint();
      const errorCode = reader.varint();
      handler.resetStream(id, errorCode, reader.varint());
      return;
    }
    case FrameType.stop_sending: {
      const id = reader.varint();
      handler.stopSending(id, reader.varint());
      return;
    }
    case FrameType.max_data:
      handler.maxData(reader.varint());
      return;
    case FrameType.max_stream_data: {
      const id = reader.varint();
      handler.maxStreamData(id, reader.varint());
      return;
    }
    case FrameType.max_streams_bidi:
    case FrameType.max_streams_uni:
      handler.maxStreams(type === FrameType.max_streams_uni, streamCount(reader));
      return;
    case FrameType.stream_data_blocked: {
      const id = reader.varint();
      handler.blocked(type, id, reader.varint());
      return;
    }
    case FrameType.data_blocked:
      handler.blocked(type, 0, reader.varint());
      return;
    case FrameType.streams_blocked_bidi:
    case FrameType.streams_blocked_uni:
      handler.blocked(type, 0, streamCount(reader));
      return;
    default:
      throw unknownFrame();
  }
}

/** "This value cannot exceed 2^60, as it is not possible to encode stream IDs larger than 2^62-1" (§19.11). */
export function streamCount(reader: PacketReader): number {
  const { at } = reader;
  reader.recordNumber();
  const { epoch: upper14, sequenceNumber: lower48 } = reader;
  if (upper14 > 2 ** 12 || (upper14 === 2 ** 12 && lower48 > 0)) {
    throw new TransportError("frame_encoding_error", "more streams than stream IDs can name");
  }
  reader.at = at;
  return reader.varint();
}

function readStream(type: number, reader: PacketReader, handler: FrameHandler): void {
  const id = reader.varint();
  const offset = (type & STREAM_OFFSET) === 0 ? 0 : reader.varint();
  const length = (type & STREAM_LENGTH) === 0 ? reader.end - reader.at : reader.varint();
  const start = reader.skip(length);
  handler.stream(id, offset, start, length, (type & STREAM_FIN) !== 0);
}

/** §19.3: ranges downwards from the largest, as lengths and gaps, in numbers of 62 bits. */
function readAck(type: number, reader: PacketReader, handler: FrameHandler): void {
  reader.recordNumber();
  let { epoch, sequenceNumber: largest } = reader;
  const delay = reader.varint();
  const count = reader.varint();
  handler.ackBegin(epoch, largest, delay);
  for (let i = 0; ; i++) {
    const length = reader.varint();
    // Numbers below an epoch's first belong to the epoch before it, whose numbers end long before 2^48.
    if (length > largest) throw epoch === 0 ? belowZero() : neverSent();
    const smallest = largest - length;
    handler.ackRange(epoch, smallest, largest);
    if (i === count) break;
    // The next range's largest is smallest - gap - 2.
    reader.recordNumber();
    let next = smallest - reader.sequenceNumber - 2;
    epoch -= reader.epoch;
    if (next < 0) {
      next += 2 ** 48;
      epoch--;
    }
    if (epoch < 0) throw belowZero();
    largest = next;
  }
  // Counts of marks, where none was set: there is nothing to validate, and no sender of marks to stop (§13.4.2).
  if (type === FrameType.ack_ecn) for (let i = 0; i < 3; i++) reader.varint();
  handler.ackEnd();
}

function belowZero(): TransportError {
  return new TransportError("frame_encoding_error", "an ACK of a negative packet number");
}

/** The most bytes that {@link writeAck} needs for one range after the first. */
const ACK_RANGE_BYTES = 16;
const ACK_HEADER_BYTES = 8 + 8 + 8 + 8;

/**
 * Writes an ACK frame of as many ranges as there is room for.
 * @param ranges at least one
 * @returns false if there is no room for any
 */
export function writeAck(
  writer: PacketWriter,
  ranges: readonly PacketRange[],
  encodedDelay: number,
): boolean {
  const room = writer.room - ACK_HEADER_BYTES - 1;
  if (room < 0) return false;
  const count = Math.min(ranges.length - 1, Math.floor(room / ACK_RANGE_BYTES), 63 * 256);
  let { epoch, smallest, largest } = ranges[0]!;
  writer.byte(FrameType.ack);
  writer.recordNumber(epoch, largest);
  writer.varint(encodedDelay);
  writer.varint(count);
  writer.varint(largest - smallest);
  for (let i = 1; i <= count; i++) {
    const next = ranges[i]!;
    let gap = smallest - next.largest - 2;
    let epochs = epoch - next.epoch;
    if (gap < 0) {
      gap += 2 ** 48;
      epochs--;
    }
    writer.recordNumber(epochs, gap);
    writer.varint(next.largest - next.smallest);
    ({ epoch, smallest, largest } = next);
  }
  return true;
}

/** Bytes of a STREAM frame's header, with a length in two bytes. */
export function streamHeaderLength(id: number, offset: number): number {
  return 1 + varintLength(id) + (offset === 0 ? 0 : varintLength(offset)) + 2;
}

/** Writes a STREAM frame's header for `length` bytes, below 2^14, that follow. */
export function writeStreamHeader(
  writer: PacketWriter,
  id: number,
  offset: number,
  length: number,
  fin: boolean,
): void {
  const offsetBit = offset === 0 ? 0 : STREAM_OFFSET;
  writer.byte(FrameType.stream | STREAM_LENGTH | offsetBit | (fin ? STREAM_FIN : 0));
  writer.varint(id);
  if (offset !== 0) writer.varint(offset);
  writer.varint2At(writer.at, length);
  writer.at += 2;
}

/** Bytes that a DATAGRAM frame with a length adds to its content. */
export function datagramHeaderLength(length: number): number {
  return 1 + varintLength(length);
}

export function writeDatagramHeader(writer: PacketWriter, length: number): void {
  writer.byte(FrameType.datagram_with_length);
  writer.varint(length);
}

/** Writes a frame of a type below 64 and integers, if there is room. */
export function writeControl(writer: PacketWriter, type: number, a = -1, b = -1, c = -1): boolean {
  const length =
    1 + (a < 0 ? 0 : varintLength(a)) + (b < 0 ? 0 : varintLength(b)) + (c < 0 ? 0 : varintLength(c));
  if (length > writer.room) return false;
  writer.byte(type);
  if (a >= 0) writer.varint(a);
  if (b >= 0) writer.varint(b);
  if (c >= 0) writer.varint(c);
  return true;
}

/** Bytes that a transport parameters frame adds to its content. */
const TRANSPORT_PARAMETERS_HEADER = 8 + 2;

export function writeTransportParameters(writer: PacketWriter, parameters: Uint8Array): boolean {
  if (writer.room < TRANSPORT_PARAMETERS_HEADER + parameters.length) return false;
  writer.recordNumber(TRANSPORT_PARAMETERS_HIGH, TRANSPORT_PARAMETERS_LOW);
  writer.varint(parameters.length);
  writer.bytes(parameters);
  return true;
}

/** Writes CONNECTION_CLOSE; a reason that does not fit is cut between characters. */
export function writeConnectionClose(
  writer: PacketWriter,
  isApplication: boolean,
  errorCode: number,
  frameType: number,
  reason: Uint8Array,
): void {
  const type = frameType < 0 ? 0 : frameType;
  writer.byte(isApplication ? FrameType.connection_close_application : FrameType.connection_close);
  writer.varint(errorCode);
  if (!isApplication) writer.varint(type);
  let length = Math.min(reason.length, writer.room - 2);
  // 0b10xxxxxx continues a character of UTF-8.
  if (length < reason.length) while (length > 0 && (reason[length]! & 0xc0) === 0x80) length--;
  writer.varint(length);
  writer.bytes(reason.subarray(0, length));
}
