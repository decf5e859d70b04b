/** The gateway's server in Node and Deno. */
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AddressCounts } from "./address-counts.ts";
import type { GatewayCore, GatewayServer } from "./gateway.ts";
import { type HttpAnswer, pathOf, refusal } from "./http.ts";
import { isForWebSocket, webSocketUpgrade } from "./node-upgrade.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

/** For how long a client may take to send its request, and for how long it may be silent before it has. */
const REQUEST_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;
/** Connections of one address beside those of its clients: of who asks for hashes, and who is to be refused. */
const SPARE_CONNECTIONS = 20;

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
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, headers, body } = await answer(core, request);
    response.writeHead(status, headers).end(body);
  };
  const server =
    tls === undefined
      ? createHttpServer(options, listener)
      : createHttpsServer({ ...options, ...tls, handshakeTimeout: REQUEST_TIMEOUT_MS }, listener);
  // Of connections that say nothing; WebSockets have no such limit.
  server.timeout = REQUEST_TIMEOUT_MS;
  const { clients, clientsPerAddress } = core.limits;
  server.maxConnections = 2 * clients + 100;
  limitAddresses(server, core, clientsPerAddress + SPARE_CONNECTIONS);
  const upgrade = webSocketUpgrade(core);
  server.on("upgrade", (request, socket, head) => {
    if (isForWebSocket(request) && namesOneHost(request))
      upgrade(pathOf(request.url!), request, socket, head);
    else void answerOn(socket, core, request);
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

/** Connections count from the first packet on: requests, and refusals, may never come. A proxy's are its own to limit. */
function limitAddresses(server: HttpServer, core: GatewayCore, limit: number): void {
  const connections = new AddressCounts(limit);
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    if (core.isProxy(address)) return;
    if (connections.isFull(address)) {
      socket.destroy();
      return;
    }
    connections.add(address);
    socket.once("close", () => connections.remove(address));
  });
}

/** RFC 9112 §3.2: a request names its host once, or is refused. Node sees to it that there is one. */
function namesOneHost({ rawHeaders, headers: { host = "" } }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  return count < 2 && /^[^\s/?#@]*$/.test(host);
}

async function answer(core: GatewayCore, request: IncomingMessage): Promise<HttpAnswer> {
  if (!namesOneHost(request)) return refusal(400, { connection: "close" });
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  return core.answer({
    method: request.method!,
    target: request.url!,
    headers: Object.fromEntries(headers),
    remote: request.socket.remoteAddress ?? "",
  });
}

/** Answers what the server takes for an upgrade, as if it were none: the parser has let go of the connection. */
async function answerOn(socket: Duplex, core: GatewayCore, request: IncomingMessage): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
  socket.on("error", () => {}).once("close", () => clearTimeout(timer));
  const { status, headers, body } = await answer(core, request);
  const lines = Object.entries({ ...headers, connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("\r\n")}\r\n\r\n`);
  socket.end(body);
  // What the client still says is not heard, but its end is.
  socket.resume();
}
