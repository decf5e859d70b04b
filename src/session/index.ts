/**
 * What goes with sessions: messages on streams, newest states on datagrams, qlog; and the engine of streams itself, sans-IO,
 * for carriers of one's own.
 */
export { SESSION_ALPN } from "./alpn.ts";
export type { PacketCarrier } from "./carrier.ts";
export { SessionEnd } from "./end.ts";
export { type EngineHost, SessionEngine } from "./engine.ts";
export { TransportError, TransportErrorCode, type TransportErrorName } from "./errors.ts";
export type { WindowLimits } from "./flow.ts";
export { type QlogEvent, qlogHeader, qlogRecord } from "./json-seq.ts";
export type { PathMetrics, SessionLog } from "./log.ts";
export { type MessageOptions, MessageStream } from "./messages.ts";
export { type DatagramSession, NewestState, type NewestStateOptions } from "./newest-state.ts";
export { defaultSessionOptions, type PaddingPolicy, type SessionOptions } from "./options.ts";
export type { TransportParameters } from "./parameters.ts";
export { qlog } from "./qlog.ts";
export {
  type RequestContext,
  RequestErrorCode,
  type RequestHandler,
  type RequestOptions,
} from "./requests.ts";
export type { StreamSettings } from "./settings.ts";
export type { Stream, StreamUser } from "./stream.ts";
export { StreamError } from "./stream-error.ts";
export { Streams } from "./streams.ts";
export { type StreamOptions, WebSession, type WebSessionHost } from "./web-session.ts";
export type {
  BidirectionalStream,
  ReceiveStreamFace,
  ReceiveStreamStats,
  SendStreamFace,
  SendStreamStats,
} from "./web-streams.ts";
