/** What all entry points export beside `connect` and `listen`. */
export type { NamedGroup, Signer } from "../crypto/provider.ts";
export type { SessionTicket } from "../dtls/config.ts";
export { type AlertName, SealgramError } from "../errors.ts";
export {
  type PasswordAuth,
  type PasswordOptions,
  password,
  type Revocation,
} from "../login/password.ts";
export { type PasswordRecord, type RegisterOptions, register } from "../login/record.ts";
export { MemoryRecordStore, type RecordBook, type RecordListener, type RecordStore } from "../login/store.ts";
export { type LoginAttempt, LoginThrottle, type ThrottleOptions } from "../login/throttle.ts";
export type { PasswordServerOptions } from "../login/verifier.ts";
export type { IterableStream } from "../runtime-types.ts";
export type { Fate } from "../session/callbacks.ts";
export type { SessionLog } from "../session/log.ts";
export type { PaddingPolicy } from "../session/options.ts";
export type { CongestionAlgorithm } from "../session/recovery/congestion.ts";
export type { RequestContext, RequestHandler, RequestOptions } from "../session/requests.ts";
export type { StreamSettings } from "../session/settings.ts";
export type { StreamOptions } from "../session/web-session.ts";
export type { BidirectionalStream, ReceiveStreamFace, SendStreamFace } from "../session/web-streams.ts";
export type { CarrierStatistics, CertificateHash, RemoteAddress } from "../transport/types.ts";
export {
  type Auth,
  type AuthContext,
  type CertificateOptions,
  certificate,
  type Peer,
  type PresharedKey,
  type PresharedKeyLookup,
  type PublicKeyOptions,
  psk,
  publicKey,
  type TrustedKeys,
} from "./auth.ts";
export type { ConnectOptions } from "./connect.ts";
export type { Datagrams } from "./datagrams.ts";
export { exportPsk } from "./exported-key.ts";
export type { ConnectErrorCode } from "./failures.ts";
export { gatewayHashes } from "./gateway-hashes.ts";
export type { StoredPeer, StoredTicket } from "./kept-ticket.ts";
export type { ListenOptions } from "./listen.ts";
export type { CipherSuiteName, CommonOptions } from "./options.ts";
export type { CertificateHashes } from "./routes.ts";
export type { CloseOptions, PeerName, Server, ServerDrop, ServerLimits, ServerStats } from "./server.ts";
export type {
  CloseInfo,
  DatagramHandler,
  FaultHandler,
  PathStats,
  Session,
  SessionStats,
} from "./session.ts";
export type { TicketOptions } from "./tickets.ts";
