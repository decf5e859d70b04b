/**
 * Transport parameters (RFC 9000 §18, RFC 9221 §3): what each side allows the other. They travel in one frame, the
 * first of each packet until the peer has acknowledged it, so that nothing ever comes before them.
 */
import type { Bytes } from "../core/bytes.ts";
import { TransportError } from "./errors.ts";
import { streamCount } from "./frames.ts";
import { PacketReader, PacketWriter } from "./varint.ts";

/** One side's parameters. Those called `initial` are the limits to begin with, in bytes or streams. */
export interface TransportParameters {
  /** What this side ends an idle session after, in milliseconds; 0 for none. */
  readonly maxIdleTimeoutMs: number;
  /** The largest datagram that this side receives, in bytes. */
  readonly maxUdpPayloadSize: number;
  /** For all streams together. */
  readonly initialMaxData: number;
  /** For streams that this side opens. */
  readonly initialMaxStreamDataBidiLocal: number;
  /** For streams that the peer opens. */
  readonly initialMaxStreamDataBidiRemote: number;
  /** As before, for unidirectional streams. */
  readonly initialMaxStreamDataUni: number;
  /** How many streams the peer may open. */
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** Power of two that ACK Delay fields are multiplied with. */
  readonly ackDelayExponent: number;
  /** How long this side keeps an acknowledgement back, at most. */
  readonly maxAckDelayMs: number;
  /** The largest DATAGRAM frame that this side takes, with type and length; 0 for none at all. */
  readonly maxDatagramFrameSize: number;
}

type Name = keyof TransportParameters;

/** What holds without them (§18.2). */
const absent: TransportParameters = {
  maxIdleTimeoutMs: 0,
  maxUdpPayloadSize: 65_527,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  ackDelayExponent: 3,
  maxAckDelayMs: 25,
  maxDatagramFrameSize: 0,
};

const identifiers: readonly (readonly [id: number, name: Name])[] = [
  [0x01, "maxIdleTimeoutMs"],
  [0x03, "maxUdpPayloadSize"],
  [0x04, "initialMaxData"],
  [0x05, "initialMaxStreamDataBidiLocal"],
  [0x06, "initialMaxStreamDataBidiRemote"],
  [0x07, "initialMaxStreamDataUni"],
  [0x08, "initialMaxStreamsBidi"],
  [0x09, "initialMaxStreamsUni"],
  [0x0a, "ackDelayExponent"],
  [0x0b, "maxAckDelayMs"],
  [0x20, "maxDatagramFrameSize"],
];

/** What belongs to QUIC's own handshake, connection IDs and migration. */
const foreign: readonly number[] = [0x00, 0x02, 0x0c, 0x0d, 0x0e, 0x0f, 0x10];

export function encodeParameters(parameters: TransportParameters): Bytes {
  const writer = new PacketWriter(256);
  const value = new PacketWriter(8);
  for (const [id, name] of identifiers) {
    if (parameters[name] === absent[name]) continue;
    value.at = 0;
    value.varint(parameters[name]);
    writer.varint(id);
    writer.varint(value.at);
    writer.bytes(value.buffer.subarray(0, value.at));
  }
  return writer.buffer.slice(0, writer.at);
}

/** @throws TransportError (transport_parameter_error) */
export function decodeParameters(bytes: Bytes): TransportParameters {
  const values: Record<Name, number> = { ...absent };
  const seen = new Set<number>();
  const reader = new PacketReader();
  reader.begin(bytes, 0, bytes.length);
  try {
    while (reader.at < reader.end) {
      const id = reader.varint();
      const length = reader.varint();
      const end = reader.skip(length) + length;
      if (seen.has(id)) throw parameterFault(`transport parameter ${id} twice`);
      seen.add(id);
      if (foreign.includes(id)) throw parameterFault(`transport parameter ${id} has no meaning here`);
      const name = identifiers.find(([known]) => known === id)?.[1];
      // "An endpoint MUST ignore transport parameters that it does not support" (§7.4.2).
      if (name === undefined) continue;
      reader.at = end - length;
      values[name] = name.startsWith("initialMaxStreams") ? streamCount(reader) : reader.varint();
      if (reader.at !== end) throw parameterFault(`transport parameter ${id} of the wrong length`);
    }
  } catch (error) {
    if (!(error instanceof TransportError) || error.code === "transport_parameter_error") throw error;
    throw parameterFault(error.message);
  }
  if (values.ackDelayExponent > 20) throw parameterFault("ack_delay_exponent above 20");
  if (values.maxAckDelayMs >= 2 ** 14) throw parameterFault("max_ack_delay of 2^14 or more");
  if (values.maxUdpPayloadSize < 1200) throw parameterFault("max_udp_payload_size below 1200");
  return values;
}

function parameterFault(message: string): TransportError {
  return new TransportError("transport_parameter_error", message);
}
