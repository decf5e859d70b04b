/** A gateway on an HTTP server of Deno, or on what is on one: Hono, Oak. */
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { ClientConnection } from "./forwarder.ts";
import { NodeAttachedGateway } from "./node-attached.ts";

/** As much of Deno as is used here. */
interface DenoHttp {
  upgradeWebSocket(
    request: Request,
    options: { readonly idleTimeout: number },
  ): { readonly socket: WebSocket; readonly response: Response };
}

/** What `Deno.serve` tells of a connection. */
export interface DenoConnectionInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

/** A client that does not even answer pings for so long is gone. */
const SILENCE_SECONDS = 60;

/** A gateway on a program's own HTTP server, in Deno: one of `node:http`, or of `Deno.serve`. Made by `attachGateway`. */
export class DenoAttachedGateway extends NodeAttachedGateway {
  /**
   * Answers a request, which becomes a WebSocket if that is what it is for. Needs no `this`. Deno's own WebSockets take
   * messages of up to 64 MiB, and have no option for less: on `node:http`, by `handleUpgrade`, a client can make Deno hold
   * half a megabyte instead.
   * @param info of `Deno.serve`, as its handler has it
   */
  readonly fetch = (request: Request, info: DenoConnectionInfo): Response => {
    const { Deno } = globalThis as unknown as { Deno: DenoHttp };
    const { method, url, headers } = request;
    const path = this.pathOfUrl(url);
    if (path === undefined) return new Response(null, { status: 404 });
    if (method !== "GET" || headers.get("upgrade")?.toLowerCase() !== "websocket") {
      // RFC 9110 §15.5.22
      return new Response(null, { status: 426, headers: { connection: "upgrade", upgrade: "websocket" } });
    }
    // After the upgrade the request has no headers any more.
    const origin = headers.get("origin") ?? undefined;
    const address = this.core.clientAddress(headers.get("x-forwarded-for"), info.remoteAddr.hostname ?? "");
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: SILENCE_SECONDS });
    this.#serve(socket, path, origin, address);
    return response;
  };

  #serve(socket: WebSocket, path: string, origin: string | undefined, address: string): void {
    socket.binaryType = "arraybuffer";
    const connection: ClientConnection = {
      get queuedBytes() {
        return socket.bufferedAmount;
      },
      send(datagram) {
        if (socket.readyState === WebSocket.OPEN) socket.send(datagram.slice());
      },
      end: (code) => socket.close(code),
    };
    socket.onopen = () => {
      const client = this.core.forwarder.accept({ path, origin, address }, connection);
      socket.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) client?.receive(new Uint8Array(data));
        else socket.close(GatewayCode.not_binary);
      };
      socket.onclose = () => client?.gone();
    };
    // What is wrong with a connection ends it, and `close` follows.
    socket.onerror = () => {};
  }
}
