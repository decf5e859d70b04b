/** The gateway's server in Node and Deno: its HTTP, and WebSockets of the ws package. */
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { GatewayCode } from "../transport/gateway-codes.ts";
import { webSocketOptions } from "../transport/node-websocket.ts";
import { AddressCounts } from "./address-counts.ts";
import type { ClientConnection } from "./forwarder.ts";
import type { GatewayCore, GatewayServer } from "./gateway.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

/** For how long a client may take to send its request, and for how long it may be silent before it has. */
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;
/** Connections of one address beside those of its clients: of who asks for hashes, and who is to be refused. */
const SPARE_CONNECTIONS = 20;
/** A client that has not answered one ping when the next is due is gone. */
const PING_INTERVAL_MS = 30_000;

export async function serveNode(
  place: GatewayPlace,
  tls: TlsKeyPair | undefined,
  core: GatewayCore,
): Promise<GatewayServer> {
  const options = {
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => answer(core, request, response);
  const server =
    tls === undefined
      ? createHttpServer(options, listener)
      : createHttpsServer({ ...options, ...tls, handshakeTimeout: REQUEST_TIMEOUT_MS }, listener);
  // Of connections that say nothing; WebSockets have no such limit.
  server.timeout = REQUEST_TIMEOUT_MS;
  const { clients, clientsPerAddress } = core.limits;
  server.maxConnections = 2 * clients + 100;
  if (!core.isBehindProxy) limitAddresses(server, clientsPerAddress + SPARE_CONNECTIONS);
  const webSockets = new WebSocketServer({ ...webSocketOptions, noServer: true, clientTracking: false });
  server.on("upgrade", (request, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => serveClient(core, request, webSocket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(place.port, place.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // Errors of accepting are of the connection that was not accepted.
  server.on("error", () => {});
  return {
    place: { ...place, port: (server.address() as AddressInfo).port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // WebSockets are not among them: the forwarder ends those.
        server.closeAllConnections();
      }),
  };
}

/** Connections count from the first packet on: requests, and refusals, may never come. */
function limitAddresses(server: HttpServer, limit: number): void {
  const connections = new AddressCounts(limit);
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    if (connections.isFull(address)) {
      socket.destroy();
      return;
    }
    connections.add(address);
    socket.once("close", () => connections.remove(address));
  });
}

function pathOf(request: IncomingMessage): string {
  return request.url!.split("?", 1)[0]!;
}

function answer(core: GatewayCore, request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  const { status, headers, body } = core.answer({ method: request.method!, path: pathOf(request), origin });
  response.writeHead(status, headers).end(body);
}

function serveClient(core: GatewayCore, request: IncomingMessage, webSocket: WebSocket): void {
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
  const client = core.forwarder.accept({ path: pathOf(request), origin, address }, connection);
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
