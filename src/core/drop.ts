/** Why a record, or the rest of a datagram, was dropped. The codes are the record core's. */
export const DropReason = {
  /** The datagram ends inside a record header. */
  truncated: -1,
  /** The first byte is neither that of a DTLSPlaintext nor of a DTLSCiphertext (RFC 9147 §4.1). */
  unknown_type: -2,
  /** A length field that exceeds the datagram, or a content above 2^14 bytes. */
  length: -3,
  /** A connection ID where none was negotiated, or none where one was. */
  connection_id: -4,
  /** Seen already, or left of the replay window (RFC 9147 §4.5.1). */
  replayed: -5,
  /** The tag does not match. */
  authentication: -6,
  /** Authentic, but all padding or of no content type that DTLS 1.3 protects. */
  inner_type: -7,
  /** The key has reached its AEAD limit (RFC 9147 §4.5.3). */
  limit: -8,
} as const;

export type DropReason = (typeof DropReason)[keyof typeof DropReason];
/** The names of {@link DropReason}, as counters have them. */
export type DropReasonName = keyof typeof DropReason;

const names = new Map<number, DropReasonName>(
  Object.entries(DropReason).map(([name, code]) => [code, name as DropReasonName]),
);

/** The name under which statistics count a drop code. */
export function dropReasonName(code: number): DropReasonName {
  const name = names.get(code);
  if (name === undefined) throw new RangeError(`not a drop code: ${code}`);
  return name;
}
