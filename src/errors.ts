/** AlertDescription code points (RFC 8446 §6), those this implementation sends or names. */
export const Alert = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  decompression_failure: 30,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  too_many_cids_requested: 52,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  user_canceled: 90,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

/** The names of alerts. */
export type AlertName = keyof typeof Alert;

/**
 * A session failed. `code` is stable and safe to switch on; the message is for people and never holds a
 * secret. Caller mistakes are `TypeError` or `RangeError` instead.
 */
export class SealgramError extends Error {
  override readonly name: string = "SealgramError";
  /** Stable, and safe to switch on: of `connect` a ConnectErrorCode; else the name of what happened. */
  readonly code: string;
  /** The alert that this failure sends to the peer, if it sends one. */
  readonly alert: AlertName | undefined;

  constructor(code: string, message: string, options?: { alert?: AlertName; cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.alert = options?.alert;
  }
}
