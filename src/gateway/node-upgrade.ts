/** WebSockets of the ws package, from an HTTP server's upgrade requests to the forwarder. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { GatewayCode } from "../transport/gateway-codes.ts";
import { webSocketOptions } from "../transport/node-websocket.ts";
import type { ClientConnection } from "./forwarder.ts";
import type { ForwardingCore } from "./gateway.ts";

/** A client that has not answered one ping when the next is due is gone. */
const PING_INTERVAL_MS = 30_000;

/** @param path that names the target, as `/game` */
export type Upgrade = (path: string, request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Other protocols are no reason to do anything (RFC 9110 §7.8), and no request of HTTP/1.0 is one. */
export function isForWebSocket({ headers, method, httpVersion }: IncomingMessage): boolean {
  return method === "GET" && httpVersion === "1.1" && headers.upgrade?.toLowerCase() === "websocket";
}

export function webSocketUpgrade(core: ForwardingCore): Upgrade {
  const webSockets = new WebSocketServer({ ...webSocketOptions, noServer: true, clientTracking: false });
  return (path, request, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      serveClient(core, path, request, webSocket),
    );
  };
}

function serveClient(
  core: ForwardingCore,
  path: string,
  request: IncomingMessage,
  webSocket: WebSocket,
): void {
  const connection: ClientConnection = {
    get queuedBytes() {
      return webSocket.bufferedAmount;
    },
    send: (datagram) => webSocket.send(datagram.slice()),
    end: (code) => webSocket.close(code),
  };
  // What is wrong with a connection ends it, and `close` follows.
  webSocket.on("error", () => {});
  const { "x-forwarded-for": forwardedFor, origin } = request.headers;
  const address = core.clientAddress(forwardedFor?.toString(), request.socket.remoteAddress ?? "");
  const client = core.forwarder.accept({ path, origin, address }, connection);
  webSocket.on("message", (data, isBinary) => {
    if (isBinary) client?.receive(data as Buffer);
    else webSocket.close(GatewayCode.not_binary);
  });
  let isAlive = true;
  const alive = () => {
    isAlive = true;
  };
  webSocket.on("pong", alive).on("message", alive);
  const pinging = setInterval(() => {
    if (!isAlive) webSocket.terminate();
    else webSocket.ping();
    isAlive = false;
  }, PING_INTERVAL_MS);
  webSocket.on("close", () => {
    clearInterval(pinging);
    client?.gone();
  });
}
