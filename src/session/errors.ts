/** Faults of the session's frames, with the codes that CONNECTION_CLOSE carries (RFC 9000 §20.1). */
import { SealgramError } from "../errors.ts";

/** Transport error codes that this layer sends or names. */
export const TransportErrorCode = {
  no_error: 0x0,
  internal_error: 0x1,
  flow_control_error: 0x3,
  stream_limit_error: 0x4,
  stream_state_error: 0x5,
  final_size_error: 0x6,
  frame_encoding_error: 0x7,
  transport_parameter_error: 0x8,
  protocol_violation: 0xa,
  application_error: 0xc,
} as const;

/** The names of {@link TransportErrorCode}, which are codes of errors. */
export type TransportErrorName = keyof typeof TransportErrorCode;

/** A peer's fault in frames or streams. It ends the session; `code` is the name of the transport error. */
export class TransportError extends SealgramError {
  override readonly name: string = "TransportError";
  /** The code that CONNECTION_CLOSE carries (RFC 9000 §20.1). */
  readonly transportCode: number;
  /** Type of the frame that was at fault; 0 if that is not known (RFC 9000 §19.19). */
  frameType = 0;

  constructor(code: TransportErrorName, message: string) {
    super(code, message);
    this.transportCode = TransportErrorCode[code];
  }
}

/** The name of a code, if this layer knows it. */
export function nameOfTransportError(code: number): TransportErrorName | undefined {
  const names = Object.keys(TransportErrorCode) as TransportErrorName[];
  return names.find((name) => TransportErrorCode[name] === code);
}

/** The name of a code that the peer sent. */
export function transportErrorName(code: number): string {
  return nameOfTransportError(code) ?? `transport_error_0x${code.toString(16)}`;
}
