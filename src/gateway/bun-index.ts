/** The gateway in Bun. */

import { bunUdp } from "../transport/bun-udp.ts";
import type { AttachOptions } from "./attached.ts";
import { BunAttachedGateway } from "./bun-attached.ts";
import { serveBun } from "./bun-server.ts";
import { type Gateway, openGatewayOn } from "./gateway.ts";
import { certificateFile } from "./node-certificate-file.ts";
import type { GatewayOptions } from "./options.ts";

export * from "./api.ts";
export type { BunAttachedGateway as HttpAttachedGateway } from "./bun-attached.ts";

/** As in node-index.ts. */
export function openGateway(url: string | URL, options: GatewayOptions): Promise<Gateway> {
  return openGatewayOn({ udp: bunUdp, certificateStore: certificateFile, serve: serveBun }, url, options);
}

/**
 * A gateway on an HTTP server that is there already: one of `Bun.serve`, by a handler and its `websocket`.
 * Its clients connect to `ws://host:port`, the path of the options, and a target's name.
 * @throws TypeError or RangeError for wrong options
 */
export function attachGateway(options: AttachOptions): BunAttachedGateway {
  return new BunAttachedGateway(bunUdp, options);
}
