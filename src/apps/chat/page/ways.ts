/** How this page gets to the server: through gateways, of which WebTransport's are preferred. */
import { type ConnectOptions, connect, gatewayHashes } from "../../../endpoint/index.ts";
import type { Session } from "../../../endpoint/session.ts";
import type { DialOptions } from "../client/dialer.ts";
import { type ChatFace, chatBy } from "../client/entry.ts";

/** What carries the sealed datagrams to the gateway. */
export type Way = "WebTransport" | "WebSocket";

/** Where UDP is blocked, WebTransport is silent: WebSocket is to have its turn soon. */
const WEBTRANSPORT_MS = 5_000;

let lastWay: Way | undefined;

/** Of the newest session. */
export function wayNow(): Way | undefined {
  return lastWay;
}

async function connectAndNote(url: string | URL, options: ConnectOptions): Promise<Session> {
  const isWebTransport = new URL(url).protocol === "https:";
  const session = await connect(url, isWebTransport ? { ...options, timeoutMs: WEBTRANSPORT_MS } : options);
  lastWay = isWebTransport ? "WebTransport" : "WebSocket";
  return session;
}

export const chat: ChatFace = chatBy(connectAndNote);

/** The gateway that has served this page tells what certificates its WebTransport has. */
export const dialOptions: DialOptions = {
  serverCertificateHashes: () => gatewayHashes(location.origin),
};
