/** Why a session could not be had, in terms of what its user can do about it. */
import { SealgramError } from "../errors.ts";

/**
 * The `code` of the error that `connect` fails with, or that `listen` reports of a handshake. Other codes name a fault
 * in what the peer has sent.
 */
export type ConnectErrorCode =
  /**
   * No program listens there, as the network says: at once where nothing has ever come from there, and otherwise if it says so
   * for a second. Deno is not told by the system, so that there it is `timeout`.
   */
  | "refused"
  /** No answer, or not all of it, in time. */
  | "timeout"
  /** The host name or the address leads nowhere. */
  | "unreachable"
  /** The key or the password is wrong, or the server does not know the identity: it does not tell which. */
  | "authentication_failed"
  /**
   * Too many logins of this identity, or from this address, have failed or were given up, and this one comes too early: a
   * server's report, and what it tells its client, of whose password that says nothing. A client's also if too many
   * servers in a row did not have the password.
   */
  | "login_throttled"
  /** The server tells that it does not know the identity. */
  | "unknown_identity"
  /** The peer shows a public key that is not trusted here. */
  | "untrusted_public_key"
  /** The peer does not trust what was shown to it, or wants to see something. */
  | "credential_rejected"
  /** The peer does not speak DTLS 1.3. */
  | "protocol_version"
  /** No cipher suite, group or way to authenticate in common. */
  | "no_common_parameters"
  | "no_application_protocol"
  /** A server's report, once a second at most: the salt of an identity could not be looked up. Its `cause` says why. */
  | "failed_look_up"
  /** Something of one's own has failed, such as a look-up of keys: the `cause`. */
  | "internal_error"
  /** The peer, or this side, closed the session before it was established. */
  | "closed"
  /** There is no connection to a gateway at the URL. Browsers do not say why. */
  | "gateway_unreachable"
  /** The gateway's certificate is not trusted, as far as the runtime says so; else it is `gateway_unreachable`. */
  | "untrusted_gateway"
  /** The gateway does not serve pages of this origin. */
  | "gateway_refused"
  /** The gateway knows no server by the path of the URL. */
  | "unknown_target"
  /** The gateway has too many clients, or too many from here. */
  | "gateway_busy"
  /** The connection to the gateway was closed before the session was established. */
  | "gateway_closed"
  /** This runtime has no UDP sockets, no WebSocket or no WebTransport. */
  | "no_udp"
  | "no_websocket"
  | "no_webtransport"
  /** This runtime compiles no WebAssembly; a page, because its Content-Security-Policy lacks `'wasm-unsafe-eval'`. */
  | "no_webassembly"
  /** A part of the program that is loaded when needed could not be: its `cause` says why. Service workers never can. */
  | "module_unavailable";

const codes: Readonly<Record<string, [ConnectErrorCode, string]>> = (() => {
  const table: [ConnectErrorCode, string, readonly string[]][] = [
    [
      "authentication_failed",
      "the key or the password is wrong, or its identity is not known to the peer",
      [
        "alert_decrypt_error",
        "binder_mismatch",
        "finished_mismatch",
        "pake_confirmation_mismatch",
        "bad_signature",
        "unknown_psk_identity",
      ],
    ],
    ["unknown_identity", "the peer does not know the identity", ["alert_unknown_psk_identity"]],
    [
      "credential_rejected",
      "the peer rejects what was shown to it",
      [
        "alert_certificate_unknown",
        "alert_bad_certificate",
        "alert_unsupported_certificate",
        "alert_certificate_expired",
        "alert_certificate_revoked",
        "alert_certificate_required",
        "alert_unknown_ca",
        "alert_access_denied",
      ],
    ],
    [
      "protocol_version",
      "the peer does not speak DTLS 1.3",
      ["alert_protocol_version", "unsupported_version"],
    ],
    [
      "no_common_parameters",
      "the peer and this side have no cipher suite, group or way to authenticate in common",
      [
        "alert_handshake_failure",
        "alert_insufficient_security",
        "no_shared_cipher_suite",
        "no_shared_group",
        "no_shared_certificate_type",
        "no_shared_signature_scheme",
        "no_shared_psk_mode",
        "no_credential",
      ],
    ],
    [
      "no_application_protocol",
      "the peer and this side have no application protocol in common",
      ["alert_no_application_protocol"],
    ],
    ["closed", "the peer closed the connection during the handshake", ["closed_by_peer"]],
  ];
  return Object.fromEntries(
    table.flatMap(([code, message, engineCodes]) => engineCodes.map((each) => [each, [code, message]])),
  );
})();

const THROTTLED: [ConnectErrorCode, string] = [
  "login_throttled",
  "the server takes no login for now, as too many have failed or were given up; that says nothing of the password",
];

/**
 * What ended a handshake, by a code of {@link ConnectErrorCode} where one fits.
 * @param usesPassword of a client's: access_denied is then said before the password is looked at
 */
export function handshakeFailure(reason: SealgramError | undefined, usesPassword = false): SealgramError {
  if (reason === undefined) return new SealgramError("closed", "closed before the session was established");
  if (reason.code === "internal_error") return withCause(reason.code, reason.message, reason.cause);
  const isThrottled = usesPassword && reason.code === "alert_access_denied";
  const known = isThrottled ? THROTTLED : codes[reason.code];
  if (known === undefined) return reason;
  const [code, message] = known;
  const { alert } = reason;
  return new SealgramError(code, message, { cause: reason, ...(alert === undefined ? {} : { alert }) });
}

/** An error whose message has that of its cause. */
export function withCause(code: ConnectErrorCode, message: string, cause: unknown): SealgramError {
  return new SealgramError(code, cause instanceof Error ? `${message}: ${cause.message}` : message, {
    cause,
  });
}

/** Whether a handshake failed because the peer said so, by an alert. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof SealgramError)) return false;
  const { code } = error.cause instanceof SealgramError ? error.cause : error;
  return code.startsWith("alert_");
}
