/**
 * A session's events as qlog (draft-ietf-quic-qlog-main-schema-14, draft-ietf-quic-qlog-quic-events-13): objects for a
 * callback. Only frames' headers are told, never their contents.
 *
 * Packet numbers are those that ACK frames carry: the epoch times 2^48, and the sequence number. What is not exact as a
 * number of JSON is a string (main schema, "JSON Interoperability").
 */
import type { Bytes } from "../core/bytes.ts";
import { nameOfTransportError, TransportError } from "./errors.ts";
import {
  type FrameHandler,
  FrameType,
  readFrames,
  TRANSPORT_PARAMETERS_HIGH,
  TRANSPORT_PARAMETERS_LOW,
} from "./frames.ts";
import type { QlogEvent } from "./json-seq.ts";
import type { PathMetrics, SessionLog } from "./log.ts";
import type { TransportParameters } from "./parameters.ts";
import { PacketReader } from "./varint.ts";

type Frame = Record<string, unknown>;

/** An integer that may be beyond what numbers hold exactly. */
function uint64(high: number, low48: number): number | string {
  const value = high * 2 ** 48 + low48;
  return Number.isSafeInteger(value) ? value : String((BigInt(high) << 48n) + BigInt(low48));
}

/** The draft has no name for the frame, and no room for one that is made up. */
const transportParametersFrame = {
  frame_type: "unknown",
  frame_type_bytes: uint64(TRANSPORT_PARAMETERS_HIGH, TRANSPORT_PARAMETERS_LOW),
};

/** Names of transport errors; others, and those of applications, are numbers. */
function errorOf(isApplication: boolean, error_code: number): Frame {
  const name = isApplication ? undefined : nameOfTransportError(error_code);
  return name === undefined ? { error: "unknown", error_code } : { error: name };
}

/**
 * The frames of a packet, as far as they can be read.
 * @param ackDelayExponent of whoever sent it
 */
function describe(packet: Bytes, ackDelayExponent: number): Frame[] {
  const frames: Frame[] = [];
  const reader = new PacketReader();
  reader.begin(packet, 0, packet.length);
  try {
    readFrames(reader, describer(frames, ackDelayExponent));
  } catch (error) {
    const frame_type_bytes = error instanceof TransportError ? Math.max(error.frameType, 0) : 0;
    frames.push({ frame_type: "unknown", frame_type_bytes });
  }
  return frames;
}

function describer(frames: Frame[], ackDelayExponent: number): FrameHandler {
  const add = (frame_type: string, rest: Frame = {}) => {
    frames.push({ frame_type, ...rest });
  };
  let acked_ranges: (number | string)[][] = [];
  const kind = (unidirectional: boolean) => (unidirectional ? "unidirectional" : "bidirectional");
  return {
    transportParameters: (_start, length) =>
      frames.push({ ...transportParametersFrame, raw: { payload_length: length } }),
    ping: () => add("ping"),
    ackBegin: (_epoch, _largest, delay) => {
      acked_ranges = [];
      add("ack", { ack_delay: (delay * 2 ** ackDelayExponent) / 1000, acked_ranges });
    },
    ackRange: (epoch, smallest, largest) => {
      const from = uint64(epoch, smallest);
      acked_ranges.push(smallest === largest ? [from] : [from, uint64(epoch, largest)]);
    },
    ackEnd: () => {},
    resetStream: (stream_id, error_code, final_size) =>
      add("reset_stream", { stream_id, ...errorOf(true, error_code), final_size }),
    stopSending: (stream_id, error_code) => add("stop_sending", { stream_id, ...errorOf(true, error_code) }),
    stream: (stream_id, offset, _start, length, fin) =>
      add("stream", { stream_id, offset, fin, raw: { payload_length: length } }),
    maxData: (maximum) => add("max_data", { maximum }),
    maxStreamData: (stream_id, maximum) => add("max_stream_data", { stream_id, maximum }),
    maxStreams: (unidirectional, maximum) =>
      add("max_streams", { stream_type: kind(unidirectional), maximum }),
    blocked: (frameType, stream_id, limit) => {
      if (frameType === FrameType.data_blocked) add("data_blocked", { limit });
      else if (frameType === FrameType.stream_data_blocked) add("stream_data_blocked", { stream_id, limit });
      else {
        const stream_type = kind(frameType === FrameType.streams_blocked_uni);
        add("streams_blocked", { stream_type, limit });
      }
    },
    datagram: (_start, length) => add("datagram", { raw: { payload_length: length } }),
    connectionClose: (isApplication, error_code) =>
      add("connection_close", {
        error_space: isApplication ? "application" : "transport",
        ...errorOf(isApplication, error_code),
      }),
  };
}

/** Turns a session's log into qlog events. */
export function qlog(callback: (event: QlogEvent) => void): SessionLog {
  const tell = (time: number, name: string, data: Record<string, unknown>) =>
    callback({ time, name: `quic:${name}`, data });
  const ackDelayExponent = { local: 3, remote: 3 };
  const probe = (isMtuProbe: boolean) => (isMtuProbe ? { is_mtu_probe_packet: true } : {});
  const header = (epoch: number, sequenceNumber: number) => ({
    packet_type: "1RTT",
    packet_number: uint64(epoch, sequenceNumber),
  });
  return {
    packetSent: (nowMs, epoch, sequenceNumber, packet, isMtuProbe) =>
      tell(nowMs, "packet_sent", {
        header: header(epoch, sequenceNumber),
        raw: { payload_length: packet.length },
        frames: describe(packet, ackDelayExponent.local),
        ...probe(isMtuProbe),
      }),
    packetReceived: (nowMs, epoch, sequenceNumber, packet) =>
      tell(nowMs, "packet_received", {
        header: header(epoch, sequenceNumber),
        raw: { payload_length: packet.length },
        frames: describe(packet, ackDelayExponent.remote),
      }),
    packetLost: (nowMs, epoch, sequenceNumber, isMtuProbe) =>
      tell(nowMs, "packet_lost", { header: header(epoch, sequenceNumber), ...probe(isMtuProbe) }),
    parametersSet: (nowMs, initiator, parameters: TransportParameters) => {
      ackDelayExponent[initiator] = parameters.ackDelayExponent;
      tell(nowMs, "parameters_set", {
        initiator,
        max_idle_timeout: parameters.maxIdleTimeoutMs,
        max_udp_payload_size: parameters.maxUdpPayloadSize,
        ack_delay_exponent: parameters.ackDelayExponent,
        max_ack_delay: parameters.maxAckDelayMs,
        initial_max_data: parameters.initialMaxData,
        initial_max_stream_data_bidi_local: parameters.initialMaxStreamDataBidiLocal,
        initial_max_stream_data_bidi_remote: parameters.initialMaxStreamDataBidiRemote,
        initial_max_stream_data_uni: parameters.initialMaxStreamDataUni,
        initial_max_streams_bidi: parameters.initialMaxStreamsBidi,
        initial_max_streams_uni: parameters.initialMaxStreamsUni,
        max_datagram_frame_size: parameters.maxDatagramFrameSize,
      });
    },
    metricsUpdated: (nowMs, metrics: PathMetrics) =>
      tell(nowMs, "recovery_metrics_updated", {
        smoothed_rtt: metrics.smoothedRttMs,
        min_rtt: metrics.minRttMs,
        latest_rtt: metrics.latestRttMs,
        rtt_variance: metrics.rttVariationMs,
        congestion_window: Math.floor(metrics.congestionWindowBytes),
        bytes_in_flight: metrics.bytesInFlight,
      }),
    mtuUpdated: (nowMs, mtuBytes) => tell(nowMs, "mtu_updated", { new: mtuBytes }),
    closed: (nowMs, initiator, code, isApplication, reason) => {
      const { error, ...rest } = errorOf(isApplication, code);
      tell(nowMs, "connection_closed", {
        initiator,
        [isApplication ? "application_error" : "connection_error"]: error,
        ...rest,
        reason,
        trigger: isApplication ? "application" : "error",
      });
    },
  };
}
