/** WebSockets of Bun, from an HTTP server's upgrade requests to the forwarder. */
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { ForwardedClient } from "./client.ts";
import type { ClientConnection, ClientRequest } from "./forwarder.ts";
import type { ForwardingCore } from "./gateway.ts";

/** As much of Bun's WebSockets as is used here. */
interface BunWebSocket {
  readonly data: ClientOfBun;
  getBufferedAmount(): number;
  send(message: Uint8Array): number;
  close(code: number): void;
}

/** As much of Bun's server as upgrades need. */
export interface BunUpgrader {
  requestIP(request: Request): { readonly address: string } | null;
  upgrade(request: Request, options: { readonly data: ClientOfBun }): boolean;
}

/** What `Bun.serve` takes as `websocket`. */
export interface BunWebSocketHandler {
  readonly maxPayloadLength: number;
  readonly backpressureLimit: number;
  readonly perMessageDeflate: boolean;
  readonly idleTimeout: number;
  readonly sendPings: boolean;
  open(socket: BunWebSocket): void;
  message(socket: BunWebSocket, message: string | Uint8Array): void;
  close(socket: BunWebSocket): void;
}

interface ClientOfBun {
  readonly request: ClientRequest;
  client: ForwardedClient | undefined;
}

/**
 * More than any datagram has; what is longer than the limit is dropped, and its client stays. What has come of a message
 * is copied, so that this bounds what is held of it as well.
 */
const MAX_MESSAGE_BYTES = 65_536;
/** A client that does not even answer pings for so long is gone. */
const SILENCE_SECONDS = 60;

/** Other protocols are no reason to do anything (RFC 9110 §7.8). */
export function isForWebSocket({ method, headers }: Request): boolean {
  return method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";
}

export class BunSockets {
  readonly handler: BunWebSocketHandler;
  readonly #core: ForwardingCore;
  readonly #open = new Set<BunWebSocket>();
  #allClosed: (() => void) | undefined;

  constructor(core: ForwardingCore) {
    this.#core = core;
    this.handler = {
      maxPayloadLength: MAX_MESSAGE_BYTES,
      backpressureLimit: 2 * core.limits.queuedBytes,
      perMessageDeflate: false,
      idleTimeout: SILENCE_SECONDS,
      sendPings: true,
      open: (socket) => {
        this.#open.add(socket);
        socket.data.client = core.forwarder.accept(socket.data.request, connectionOf(socket));
      },
      message(socket, message) {
        if (typeof message === "string") socket.close(GatewayCode.not_binary);
        else socket.data.client?.receive(message);
      },
      close: (socket) => {
        this.#open.delete(socket);
        socket.data.client?.gone();
        if (this.#open.size === 0) this.#allClosed?.();
      },
    };
  }

  /**
   * Takes a connection.
   * @param path that names the target, as `/game`
   * @returns what to answer to a request that is none for a WebSocket of this version (RFC 6455 §4.4)
   */
  upgrade(path: string, request: Request, server: BunUpgrader): Response | undefined {
    const { headers } = request;
    const remote = server.requestIP(request)?.address ?? "";
    const address = this.#core.clientAddress(headers.get("x-forwarded-for"), remote);
    const origin = headers.get("origin") ?? undefined;
    if (server.upgrade(request, { data: { request: { path, origin, address }, client: undefined } })) {
      return undefined;
    }
    return upgradeRequired();
  }

  /** Settles once there is none, or after so long. */
  async closed(limitMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#allClosed = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
  }
}

/** To who asks a WebSocket's address for something else (RFC 9110 §15.5.22). */
export function upgradeRequired(): Response {
  const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  return new Response(null, { status: 426, headers });
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
