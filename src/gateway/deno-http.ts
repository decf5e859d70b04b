/** The gateway's HTTP and WebSockets in Deno. */
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { ForwardedClient } from "./client.ts";
import type { ClientConnection } from "./forwarder.ts";
import type { GatewayCore, GatewayServer } from "./gateway.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

/** As much of Deno as is used here. */
interface DenoAddress {
  readonly hostname: string;
  readonly port: number;
}
interface DenoHttp {
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly cert?: string;
      readonly key?: string;
      onListen(): void;
      onError(error: unknown): Response;
    },
    handler: (request: Request, info: { readonly remoteAddr: DenoAddress }) => Response,
  ): { readonly addr: DenoAddress; shutdown(): Promise<void> };
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
}

/** More than any datagram has; what is longer than the limit is dropped, and its client stays. */
const MAX_MESSAGE_BYTES = 65_536;

export async function serveDeno(
  place: GatewayPlace,
  tls: TlsKeyPair | undefined,
  core: GatewayCore,
): Promise<GatewayServer> {
  const { Deno } = globalThis as unknown as { Deno: DenoHttp };
  const options = {
    hostname: place.host,
    port: place.port,
    ...tls,
    onListen: () => {},
    onError: () => new Response(null, { status: 400 }),
  };
  const server = Deno.serve(options, (request, { remoteAddr }) => {
    const path = new URL(request.url).pathname;
    const origin = request.headers.get("origin") ?? undefined;
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
      const address = core.clientAddress(request.headers.get("x-forwarded-for"), remoteAddr.hostname);
      // From here on the request cannot be asked any more.
      const { socket, response } = Deno.upgradeWebSocket(request);
      serveClient(core, { path, origin, address }, socket);
      return response;
    }
    const { status, headers, body } = core.answer({ method: request.method, path, origin });
    return new Response(body, { status, headers });
  });
  return { place: { ...place, port: server.addr.port }, close: () => server.shutdown() };
}

function serveClient(
  core: GatewayCore,
  request: Parameters<GatewayCore["forwarder"]["accept"]>[0],
  socket: WebSocket,
): void {
  socket.binaryType = "arraybuffer";
  const connection: ClientConnection = {
    get queuedBytes() {
      return socket.bufferedAmount;
    },
    send(datagram) {
      if (socket.readyState === WebSocket.OPEN) socket.send(datagram as Uint8Array<ArrayBuffer>);
    },
    end: (code) => socket.close(code),
  };
  let client: ForwardedClient | undefined;
  socket.onopen = () => {
    client = core.forwarder.accept(request, connection);
  };
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) socket.close(GatewayCode.not_binary);
    else if (data.byteLength > MAX_MESSAGE_BYTES) socket.close(GatewayCode.too_long);
    else client?.receive(new Uint8Array(data));
  };
  socket.onclose = () => client?.gone();
  // What is wrong with a connection ends it.
  socket.onerror = () => client?.gone();
}
