/**
 * What draft-ietf-quic-qlog-quic-events-13 says in CDDL of the events and frames that a session logs: names of fields, and
 * their types. `?` marks what may be missing; nothing else may be there.
 */
type Check = (value: unknown) => boolean;
interface Shape {
  readonly [field: string]: Check;
}

const uint =
  (bits: bigint): Check =>
  (value) => {
    // Beyond what JSON's numbers hold exactly, a string (main schema, "JSON Interoperability").
    const isExact = typeof value === "number" && Number.isSafeInteger(value);
    const isLong = typeof value === "string" && /^[1-9]\d{15,19}$/.test(value);
    if (!isExact && !isLong) return false;
    const integer = BigInt(value as number | string);
    return integer >= 0n && integer < 1n << bits;
  };
const uint64 = uint(64n);
const uint32 = uint(32n);
const float: Check = (value) => typeof value === "number" && Number.isFinite(value);
const bool: Check = (value) => typeof value === "boolean";
const text: Check = (value) => typeof value === "string";
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string);
const listOf =
  (check: Check, least = 0, most = Number.POSITIVE_INFINITY): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(check);

function shaped(shape: Shape): Check {
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    const fields = Object.keys(value);
    const isKnown = (field: string) => field in shape || `${field}?` in shape;
    if (!fields.every(isKnown)) return false;
    return Object.entries(shape).every(([key, check]) => {
      const field = key.replace("?", "");
      return field in value ? check((value as Record<string, unknown>)[field]) : key.endsWith("?");
    });
  };
}

const transportErrors = [
  "no_error",
  "internal_error",
  "connection_refused",
  "flow_control_error",
  "stream_limit_error",
  "stream_state_error",
  "final_size_error",
  "frame_encoding_error",
  "transport_parameter_error",
  "connection_id_limit_error",
  "protocol_violation",
  "invalid_token",
  "application_error",
  "crypto_buffer_exceeded",
  "key_update_error",
  "aead_limit_reached",
  "no_viable_path",
];
const initiator = oneOf("local", "remote");
const transportError = oneOf(...transportErrors, "unknown");
const applicationError = oneOf("unknown");
const streamType = oneOf("unidirectional", "bidirectional");
const raw = shaped({ "length?": uint64, "payload_length?": uint64 });
const header = shaped({ packet_type: oneOf("1RTT"), packet_number: uint64 });

const frames: Readonly<Record<string, Shape>> = {
  ping: {},
  ack: { "ack_delay?": float, "acked_ranges?": listOf(listOf(uint64, 1, 2), 1) },
  reset_stream: { stream_id: uint64, error: applicationError, "error_code?": uint64, final_size: uint64 },
  stop_sending: { stream_id: uint64, error: applicationError, "error_code?": uint64 },
  stream: { stream_id: uint64, "offset?": uint64, "fin?": bool },
  max_data: { maximum: uint64 },
  max_stream_data: { stream_id: uint64, maximum: uint64 },
  max_streams: { stream_type: streamType, maximum: uint64 },
  data_blocked: { limit: uint64 },
  stream_data_blocked: { stream_id: uint64, limit: uint64 },
  streams_blocked: { stream_type: streamType, limit: uint64 },
  connection_close: {
    "error_space?": oneOf("transport", "application"),
    "error?": transportError,
    "error_code?": uint64,
  },
  datagram: {},
  unknown: { frame_type_bytes: uint64 },
};

const frame: Check = (value) => {
  const type = String((value as { frame_type?: unknown }).frame_type);
  const shape = frames[type];
  return shape !== undefined && shaped({ ...shape, frame_type: text, "raw?": raw })(value);
};

const packet: Shape = { header, "frames?": listOf(frame), "raw?": raw };
const integers = (...names: readonly string[]): Shape =>
  Object.fromEntries(names.map((name) => [`${name}?`, uint64]));

export const events: Readonly<Record<string, Check>> = {
  "quic:packet_sent": shaped({ ...packet, "is_mtu_probe_packet?": bool }),
  "quic:packet_received": shaped(packet),
  "quic:packet_lost": shaped({
    "header?": header,
    "frames?": listOf(frame),
    "is_mtu_probe_packet?": bool,
    "trigger?": oneOf("reordering_threshold", "time_threshold", "pto_expired"),
  }),
  "quic:parameters_set": shaped({
    "initiator?": initiator,
    ...integers(
      "max_idle_timeout",
      "max_udp_payload_size",
      "ack_delay_exponent",
      "max_ack_delay",
      "initial_max_data",
      "initial_max_stream_data_bidi_local",
      "initial_max_stream_data_bidi_remote",
      "initial_max_stream_data_uni",
      "initial_max_streams_bidi",
      "initial_max_streams_uni",
      "max_datagram_frame_size",
    ),
  }),
  "quic:recovery_metrics_updated": shaped({
    "min_rtt?": float,
    "smoothed_rtt?": float,
    "latest_rtt?": float,
    "rtt_variance?": float,
    ...integers("congestion_window", "bytes_in_flight"),
  }),
  "quic:mtu_updated": shaped({ "old?": uint32, new: uint32, "done?": bool }),
  "quic:connection_closed": shaped({
    "initiator?": initiator,
    "connection_error?": transportError,
    "application_error?": applicationError,
    "error_code?": uint64,
    "reason?": text,
    "trigger?": oneOf("idle_timeout", "application", "error", "unspecified"),
  }),
};

/** All kinds of frames that the schema has. */
export const frameTypes: readonly string[] = Object.keys(frames);
