/** The gateway in Bun. */
import { bunUdp } from "../transport/bun-udp.ts";
import { serveBun } from "./bun-server.ts";
import { type Gateway, openGatewayOn } from "./gateway.ts";
import { certificateFile } from "./node-certificate-file.ts";
import type { GatewayOptions } from "./options.ts";

export * from "./api.ts";

/** As in node-index.ts. */
export function openGateway(url: string | URL, options: GatewayOptions): Promise<Gateway> {
  return openGatewayOn({ udp: bunUdp, certificateStore: certificateFile, serve: serveBun }, url, options);
}
