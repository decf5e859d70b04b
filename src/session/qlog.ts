/**
 * A session's events as qlog (draft-ietf-quic-qlog-main-schema, draft-ietf-quic-qlog-quic-events): objects for a
 * callback. Only frames' headers are told, never their contents.
 */
import type { Bytes } from "../core/bytes.ts";
import { nameOfTransportError, TransportError } from "./errors.ts";
import { type FrameHandler, FrameType, readFrames } from "./frames.ts";
import type { QlogEvent } from "./json-seq.ts";
import type { PathMetrics, SessionLog } from "./log.ts";
import type { TransportParameters } from "./parameters.ts";
import { PacketReader } from "./varint.ts";

type Frame = Record<string, unknown>;

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
  let ack = { epoch: 0, ack_delay: 0, acked_ranges: [] as number[][] };
  const kind = (unidirectional: boolean) => (unidirectional ? "unidirectional" : "bidirectional");
  return {
    transportParameters: (_start, length) =>
      add("qx_transport_parameters", { raw: { payload_length: length } }),
    ping: () => add("ping"),
    ackBegin: (epoch, _largest, delay) => {
      ack = { epoch, ack_delay: (delay * 2 ** ackDelayExponent) / 1000, acked_ranges: [] };
      add("ack", ack);
    },
    // Numbers begin anew with each epoch: a frame that reaches into an older one is told as one frame for each.
    ackRange: (epoch, smallest, largest) => {
      if (epoch !== ack.epoch) {
        ack = { ...ack, epoch, acked_ranges: [] };
        add("ack", ack);
      }
      ack.acked_ranges.push(smallest === largest ? [smallest] : [smallest, largest]);
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
  const header = (epoch: number, packet_number: number) => ({ packet_type: "1RTT", packet_number, epoch });
  return {
    packetSent: (nowMs, epoch, sequenceNumber, packet) =>
      tell(nowMs, "packet_sent", {
        header: header(epoch, sequenceNumber),
        raw: { payload_length: packet.length },
        frames: describe(packet, ackDelayExponent.local),
      }),
    packetReceived: (nowMs, epoch, sequenceNumber, packet) =>
      tell(nowMs, "packet_received", {
        header: header(epoch, sequenceNumber),
        raw: { payload_length: packet.length },
        frames: describe(packet, ackDelayExponent.remote),
      }),
    packetLost: (nowMs, epoch, sequenceNumber) =>
      tell(nowMs, "packet_lost", { header: header(epoch, sequenceNumber) }),
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
        congestion_window: metrics.congestionWindowBytes,
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
