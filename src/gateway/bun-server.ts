/** The gateway's server in Bun: its HTTP and WebSockets. */
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { ForwardedClient } from "./client.ts";
import type { ClientConnection, ClientRequest } from "./forwarder.ts";
import type { GatewayCore, GatewayServer } from "./gateway.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

/** As much of Bun as is used here. */
interface BunWebSocket {
  readonly data: ClientOfBun;
  getBufferedAmount(): number;
  send(message: Uint8Array): number;
  close(code: number): void;
}
interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
  upgrade(request: Request, options: { readonly data: ClientOfBun }): boolean;
  stop(closesConnections: boolean): Promise<void>;
}
interface BunHttp {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly tls?: TlsKeyPair;
    fetch(request: Request, server: BunServer): Response | undefined;
    error(error: unknown): Response;
    readonly websocket: {
      readonly maxPayloadLength: number;
      readonly backpressureLimit: number;
      readonly perMessageDeflate: boolean;
      readonly idleTimeout: number;
      readonly sendPings: boolean;
      open(socket: BunWebSocket): void;
      message(socket: BunWebSocket, message: string | Uint8Array): void;
      close(socket: BunWebSocket): void;
    };
  }): BunServer;
}

interface ClientOfBun {
  readonly request: ClientRequest;
  client: ForwardedClient | undefined;
}

/** More than any datagram has; what is longer than the limit is dropped, and its client stays. */
const MAX_MESSAGE_BYTES = 65_536;
/** For how long the other side's part of a closing handshake is waited for. */
const CLOSE_TIMEOUT_MS = 1000;
/** A client that does not even answer pings for so long is gone. */
const SILENCE_SECONDS = 60;

export async function serveBun(
  place: GatewayPlace,
  tls: TlsKeyPair | undefined,
  core: GatewayCore,
): Promise<GatewayServer> {
  const { Bun } = globalThis as unknown as { Bun: BunHttp };
  const sockets = new Set<BunWebSocket>();
  let whenGone: (() => void) | undefined;
  const server = Bun.serve({
    hostname: place.host,
    port: place.port,
    ...(tls === undefined ? {} : { tls }),
    fetch(request, server) {
      const path = new URL(request.url).pathname;
      const origin = request.headers.get("origin") ?? undefined;
      if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
        const remote = server.requestIP(request)?.address ?? "";
        const address = core.clientAddress(request.headers.get("x-forwarded-for"), remote);
        const data: ClientOfBun = { request: { path, origin, address }, client: undefined };
        if (server.upgrade(request, { data })) return undefined;
        return new Response(null, { status: 400 });
      }
      const { status, headers, body } = core.answer({ method: request.method, path, origin });
      return new Response(body, { status, headers });
    },
    error: () => new Response(null, { status: 400 }),
    websocket: {
      maxPayloadLength: MAX_MESSAGE_BYTES,
      backpressureLimit: 2 * core.limits.queuedBytes,
      perMessageDeflate: false,
      idleTimeout: SILENCE_SECONDS,
      sendPings: true,
      open(socket) {
        sockets.add(socket);
        socket.data.client = core.forwarder.accept(socket.data.request, connectionOf(socket));
      },
      message(socket, message) {
        if (typeof message === "string") socket.close(GatewayCode.not_binary);
        else socket.data.client?.receive(message);
      },
      close(socket) {
        sockets.delete(socket);
        socket.data.client?.gone();
        if (sockets.size === 0) whenGone?.();
      },
    },
  });
  return {
    place: { ...place, port: server.port },
    async close() {
      const stopped = server.stop(false);
      if (sockets.size > 0) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        await new Promise<void>((resolve) => {
          whenGone = resolve;
          timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
        });
        clearTimeout(timer);
      }
      await Promise.all([stopped, server.stop(true)]);
    },
  };
}

function connectionOf(socket: BunWebSocket): ClientConnection {
  return {
    get queuedBytes() {
      return socket.getBufferedAmount();
    },
    send: (datagram) => void socket.send(datagram),
    end: (code) => socket.close(code),
  };
}
