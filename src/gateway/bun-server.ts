/** The gateway's server in Bun. */
import { BunSockets, type BunUpgrader, type BunWebSocketHandler, isForWebSocket } from "./bun-upgrade.ts";
import type { GatewayCore, GatewayServer } from "./gateway.ts";
import { type HttpAnswer, refusal } from "./http.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

/** As much of Bun as is used here. */
interface BunServer extends BunUpgrader {
  readonly port: number;
  stop(closesConnections: boolean): Promise<void>;
}
interface BunHttp {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly tls?: TlsKeyPair;
    readonly maxRequestBodySize: number;
    fetch(request: Request, server: BunServer): Promise<Response> | Response | undefined;
    error(error: unknown): Response;
    readonly websocket: BunWebSocketHandler;
  }): BunServer;
}

/** For how long the other side's part of a closing handshake is waited for. */
const CLOSE_TIMEOUT_MS = 1000;
/** No request that is answered has a body. */
const MAX_BODY_BYTES = 1024;

export async function serveBun(
  place: GatewayPlace,
  tls: TlsKeyPair | undefined,
  core: GatewayCore,
): Promise<GatewayServer> {
  const { Bun } = globalThis as unknown as { Bun: BunHttp };
  const sockets = new BunSockets(core);
  const server = Bun.serve({
    hostname: place.host,
    port: place.port,
    ...(tls === undefined ? {} : { tls }),
    maxRequestBodySize: MAX_BODY_BYTES,
    fetch(request, server) {
      if (!namesOneHost(request)) return responseOf(refusal(400, { connection: "close" }));
      const { pathname, search } = new URL(request.url);
      if (isForWebSocket(request)) return sockets.upgrade(pathname, request, server);
      const headers = Object.fromEntries(request.headers);
      const remote = server.requestIP(request)?.address ?? "";
      const question = { method: request.method, target: pathname + search, headers, remote };
      return core.answer(question).then(responseOf);
    },
    error: () => responseOf(refusal(400)),
    websocket: sockets.handler,
  });
  return {
    place: { ...place, port: server.port },
    async close() {
      const stopped = server.stop(false);
      await sockets.closed(CLOSE_TIMEOUT_MS);
      await Promise.all([stopped, server.stop(true)]);
    },
  };
}

function responseOf({ status, headers, body }: HttpAnswer): Response {
  return new Response(body, { status, headers });
}

/** RFC 9112 §3.2: a request names its host once, or is refused. Bun puts several together, with commas. */
function namesOneHost({ headers }: Request): boolean {
  return /^[^\s,/?#@]*$/.test(headers.get("host") ?? "");
}
