/** How this page gets to the server: through gateways, of which WebTransport's are preferred. */
import { type ConnectOptions, connect, gatewayHashes } from "../../../endpoint/index.ts";
import type { Session } from "../../../endpoint/session.ts";
import type { DialOptions } from "../client/dialer.ts";
import { type ChatFace, chatBy } from "../client/entry.ts";

/** Where UDP is blocked, WebTransport is silent. */
const WEBTRANSPORT_MS = 5_000;

function connectInTime(url: string | URL, options: ConnectOptions): Promise<Session> {
  const isWebTransport = new URL(url).protocol === "https:";
  return connect(url, isWebTransport ? { ...options, timeoutMs: WEBTRANSPORT_MS } : options);
}

export const chat: ChatFace = chatBy(connectInTime);

/** What carries the sealed datagrams to the gateway, by its URL. */
export function wayOf(url: string): "WebTransport" | "WebSocket" {
  return url.startsWith("https:") ? "WebTransport" : "WebSocket";
}

/** The gateway that has served this page tells what certificates its WebTransport has. */
export const dialOptions: DialOptions = {
  serverCertificateHashes: () => gatewayHashes(location.origin),
};
