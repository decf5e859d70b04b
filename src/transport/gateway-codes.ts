/** What a gateway tells a client when it ends their connection, and what that means for the client's session. */
import { SealgramError } from "../errors.ts";

/**
 * Why a gateway ends a connection: the close code of a WebSocket, of those for private use (RFC 6455 §7.4.2), or of a
 * WebTransport session.
 */
export const GatewayCode = {
  /** The gateway stops. */
  going_away: 4001,
  origin_refused: 4403,
  unknown_target: 4404,
  /** Nothing has come or gone for too long. */
  idle: 4408,
  /** A datagram longer than any here. */
  too_long: 4413,
  /** Messages are to be binary. */
  not_binary: 4415,
  /** Too many clients, of all or of this address. */
  busy: 4429,
  /** The way from the gateway to the server leads nowhere. */
  server_unreachable: 4502,
  /** Nobody listens at the server's address. */
  server_refused: 4503,
} as const;
export type GatewayCode = (typeof GatewayCode)[keyof typeof GatewayCode];

const meanings: Readonly<Record<number, readonly [code: string, message: string]>> = {
  [GatewayCode.origin_refused]: ["gateway_refused", "the gateway does not serve pages of this origin"],
  [GatewayCode.unknown_target]: ["unknown_target", "the gateway knows no server by the path of the URL"],
  [GatewayCode.busy]: ["gateway_busy", "the gateway has too many clients, or too many from here"],
  [GatewayCode.server_unreachable]: ["unreachable", "the gateway has no way to the server"],
  [GatewayCode.server_refused]: ["refused", "nobody listens where the gateway expects the server"],
};

/** The error for a connection that a gateway has closed, or that broke. */
export function closedByGateway(code: number | undefined): SealgramError {
  const [name, message] = meanings[code ?? 0] ?? [
    "gateway_closed",
    "the connection to the gateway was closed",
  ];
  return new SealgramError(name, message);
}

/**
 * The error for a gateway that no connection could be had with. Browsers do not say why; what a runtime does say is in
 * its cause.
 */
export function noGateway(url: string, cause: unknown): SealgramError {
  const text = `${(cause as { code?: unknown } | undefined)?.code} ${(cause as Error | undefined)?.message ?? cause}`;
  if (/cert|self.signed|issuer/i.test(text.replaceAll(url, ""))) {
    return new SealgramError("untrusted_gateway", `the certificate at ${url} is not trusted`, { cause });
  }
  const hint = cause === undefined ? "; a page's Content-Security-Policy may forbid it (connect-src)" : "";
  return new SealgramError("gateway_unreachable", `there is no connection to a gateway at ${url}${hint}`, {
    cause,
  });
}
