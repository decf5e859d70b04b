/**
 * The record core: DTLS 1.3 record protection (RFC 9147 §4) as one WebAssembly module without imports, and its typed face,
 * which allocates nothing for a record. For those who bring a handshake of their own; everybody else wants `sealgram`.
 */
export type { AesBackend, AesKeys } from "./aes.ts";
export type { Bytes } from "./bytes.ts";
export { type OpenerOptions, RecordCore, type RecordCoreOptions, type SealerOptions } from "./core.ts";
export { type DatagramReader, RecordKind } from "./datagram.ts";
export { DropReason, type DropReasonName, dropReasonName } from "./drop.ts";
export { type KeyLimits, keyLimits, Protection, type TrafficKeys } from "./keys.ts";
export {
  type Awaitable,
  ContentType,
  MAX_CONNECTION_ID,
  MAX_CONTENT,
  type OpenedRecord,
  type RecordOpener,
  type RecordSealer,
} from "./record.ts";
export type { Sha256 } from "./sha256.ts";
export { webCryptoAes } from "./webcrypto-aes.ts";
