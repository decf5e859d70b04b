/** The gateway: how pages reach UDP servers. This is the entry point of Node; Deno and Bun have one each. */
import { runtimeUdp } from "../transport/node-runtime-udp.ts";

import { nodeUdp } from "../transport/node-udp.ts";
import type { AttachOptions } from "./attached.ts";
import { type Gateway, openGatewayOn } from "./gateway.ts";
import { NodeAttachedGateway } from "./node-attached.ts";
import { certificateFile } from "./node-certificate-file.ts";
import { serveNode } from "./node-server.ts";
import type { GatewayOptions } from "./options.ts";

export * from "./api.ts";
export type { NodeAttachedGateway as HttpAttachedGateway } from "./node-attached.ts";

/**
 * Opens a gateway, by which browsers reach UDP servers: it exchanges sealed datagrams between WebSockets (in Deno also
 * WebTransport sessions) and the servers that it was told of. It has no keys, and cannot read what it passes on.
 * @param url `http://address:port`, or `https://` with `tls`; port 0 for one that the system chooses
 * @throws TypeError or RangeError for wrong arguments, and the system's error if it does not give out the port
 */
export async function openGateway(url: string | URL, options: GatewayOptions): Promise<Gateway> {
  return openGatewayOn(
    { udp: await runtimeUdp(), certificateStore: certificateFile, serve: serveNode },
    url,
    options,
  );
}

/**
 * A gateway on an HTTP server that is there already: one of `node:http`, which Express, Fastify and Hono have below them, too.
 * Its clients connect to `ws://host:port`, the path of the options, and a target's name.
 * @throws TypeError or RangeError for wrong options
 */
export function attachGateway(options: AttachOptions): NodeAttachedGateway {
  return new NodeAttachedGateway(nodeUdp, options);
}
