/** Packets of frames that a test has made, and what is in those that an engine has made. */
import {
  type FrameHandler,
  readFrames,
  writeAck,
  writeControl,
  writeStreamHeader,
  writeTransportParameters,
} from "../../src/session/frames.ts";
import { encodeParameters, type TransportParameters } from "../../src/session/parameters.ts";
import { PacketReader, PacketWriter } from "../../src/session/varint.ts";

export function packet(write: (writer: PacketWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new PacketWriter(16_384);
  write(writer);
  return writer.buffer.slice(0, writer.at);
}

/** @param bytes what it carries, or how many zeros */
export function stream(
  id: number,
  offset: number,
  bytes: readonly number[] | number,
  fin = false,
): Uint8Array<ArrayBuffer> {
  const content = typeof bytes === "number" ? new Uint8Array(bytes) : Uint8Array.from(bytes);
  return packet((writer) => {
    writeStreamHeader(writer, id, offset, content.length, fin);
    writer.bytes(content);
  });
}

/** A frame of integers. */
export function control(type: number, a?: number, b?: number, c?: number): Uint8Array<ArrayBuffer> {
  return packet((writer) => writeControl(writer, type, a, b, c));
}

export function ack(epoch: number, smallest: number, largest: number): Uint8Array<ArrayBuffer> {
  return packet((writer) => writeAck(writer, [{ epoch, smallest, largest }], 0));
}

const usual: TransportParameters = {
  maxIdleTimeoutMs: 0,
  maxUdpPayloadSize: 65_527,
  initialMaxData: 100_000,
  initialMaxStreamDataBidiLocal: 10_000,
  initialMaxStreamDataBidiRemote: 10_000,
  initialMaxStreamDataUni: 10_000,
  initialMaxStreamsBidi: 10,
  initialMaxStreamsUni: 10,
  ackDelayExponent: 3,
  maxAckDelayMs: 25,
  maxDatagramFrameSize: 65_535,
};

export function parameters(of: Partial<TransportParameters>): Uint8Array<ArrayBuffer> {
  return packet((writer) => writeTransportParameters(writer, encodeParameters({ ...usual, ...of })));
}

/** The name of a method of {@link FrameHandler}, and what it was called with. */
export type FrameCall = readonly [name: keyof FrameHandler, ...values: unknown[]];

/** Calls for all frames of a packet, and whether it asks for an acknowledgement. */
export function read(bytes: Iterable<number>): { log: FrameCall[]; isAckEliciting: boolean } {
  const buffer = Uint8Array.from(bytes);
  const reader = new PacketReader();
  reader.begin(buffer, 0, buffer.length);
  const log: FrameCall[] = [];
  const recorder = new Proxy({} as FrameHandler, {
    get:
      (_, name) =>
      (...values: unknown[]) =>
        log.push([name as keyof FrameHandler, ...values]),
  });
  return { isAckEliciting: readFrames(reader, recorder), log };
}

/** The frames of one kind in a packet. */
export function framesOf(bytes: Iterable<number>, name: keyof FrameHandler): FrameCall[] {
  return read(bytes).log.filter(([each]) => each === name);
}
