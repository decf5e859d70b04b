/** The text of a JSON-SEQ file of qlog events (draft-ietf-quic-qlog-main-schema §5). */
export interface QlogEvent {
  /** Milliseconds on the session's clock. */
  readonly time: number;
  /** The event's name and what it tells, as draft-ietf-quic-qlog-quic-events has them. */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** RFC 7464's record separator. */
const RECORD_SEPARATOR = "\u001e";

/** The first record of a JSON-SEQ file of qlog events. */
export function qlogHeader(vantagePoint: "client" | "server", title = "sealgram session"): string {
  return qlogRecord({
    file_schema: "urn:ietf:params:qlog:file:sequential",
    serialization_format: "application/qlog+json-seq",
    title,
    trace: {
      common_fields: {
        time_format: "relative_to_epoch",
        reference_time: { clock_type: "monotonic", epoch: "unknown" },
      },
      vantage_point: { type: vantagePoint },
      event_schemas: ["urn:ietf:params:qlog:events:quic-13"],
    },
  });
}

/** A record of a JSON-SEQ file: an event, or the header. */
export function qlogRecord(value: QlogEvent | Readonly<Record<string, unknown>>): string {
  return `${RECORD_SEPARATOR}${JSON.stringify(value)}\n`;
}
