/**
 * The DTLS 1.3 engine without sockets, clocks or files: for carriers of one's own, tests, and other libraries.
 */
export { SealgramError } from "../errors.ts";
export { CertificateType, NamedGroup } from "../tls/codepoints.ts";
export { CipherSuite } from "../tls/suites.ts";
export { Acceptor, type AcceptorDrop, type Verdict } from "./acceptor.ts";
export { asClient } from "./client.ts";
export {
  type ClientConfig,
  type ClientPake,
  type CommonConfig,
  type ConnectionConfig,
  type Credential,
  commonDefaults,
  type OfferedIdentity,
  type PakeAttempt,
  type PakeLogin,
  type PakeParameters,
  type PeerIdentity,
  type PeerVerifier,
  type Psk,
  type PskChoice,
  type ServerConfig,
  type ServerPake,
  type SessionTicket,
  type TicketProtector,
} from "./config.ts";
export { type Connected, Connection, type ConnectionHost, type ConnectionOptions } from "./connection.ts";
export { CookieJar } from "./cookie.ts";
export type { Side } from "./handshake.ts";
export type { Path } from "./path.ts";
export type { DropCounters, RecordDrop } from "./record-layer.ts";
export { defaultReliability, type ReliabilityOptions } from "./reliability-options.ts";
export { asServer, type StatelessRetry } from "./server.ts";
