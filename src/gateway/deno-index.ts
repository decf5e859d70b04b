/** The gateway in Deno. */
import { denoUdp } from "../transport/deno-udp.ts";
import { serveDenoWebTransport } from "./deno-webtransport.ts";
import { type Gateway, type GatewayRuntime, openGatewayOn } from "./gateway.ts";
import { certificateFile } from "./node-certificate-file.ts";
import { serveNode } from "./node-server.ts";
import type { GatewayOptions } from "./options.ts";

export * from "./api.ts";

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
