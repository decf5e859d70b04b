/** What all of the gateway's entry points export beside `openGateway`. */
export type { AttachedGateway, AttachOptions } from "./attached.ts";
export type { OwnCertificateHash } from "./certificates.ts";
export type { GatewayDrop, Traffic } from "./client.ts";
export type { GatewayRefusal, GatewayStats } from "./forwarder.ts";
export type { Gateway } from "./gateway.ts";
export type {
  Encoding,
  ForwardingOptions,
  GatewayLimits,
  GatewayOptions,
  Page,
  PageRequest,
  TlsKeyPair,
} from "./options.ts";
export type { ToldHash } from "./well-known.ts";
