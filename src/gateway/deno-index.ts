/** The gateway in Deno. */

import { denoUdp } from "../transport/deno-udp.ts";
import type { AttachOptions } from "./attached.ts";
import { DenoAttachedGateway } from "./deno-attached.ts";
import { serveDenoWebTransport } from "./deno-webtransport.ts";
import { type Gateway, type GatewayRuntime, openGatewayOn } from "./gateway.ts";
import { certificateFile } from "./node-certificate-file.ts";
import { serveNode } from "./node-server.ts";
import type { GatewayOptions } from "./options.ts";

export * from "./api.ts";
export type { DenoAttachedGateway as HttpAttachedGateway } from "./deno-attached.ts";

const runtime: GatewayRuntime = {
  udp: denoUdp,
  certificateStore: certificateFile,
  serve: serveNode,
  serveWebTransport: serveDenoWebTransport,
};

/** As in node-index.ts. */
export function openGateway(url: string | URL, options: GatewayOptions): Promise<Gateway> {
  return openGatewayOn(runtime, url, options);
}

/**
 * A gateway on an HTTP server that is there already: one of `Deno.serve`, by a handler, or of `node:http`.
 * Its clients connect to `ws://host:port`, the path of the options, and a target's name.
 * @throws TypeError or RangeError for wrong options
 */
export function attachGateway(options: AttachOptions): DenoAttachedGateway {
  return new DenoAttachedGateway(denoUdp, options);
}
