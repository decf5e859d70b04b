/** The UDP sockets of the runtime that this is, for code that may run in each: bundles for Node run in Deno and Bun as well. */
import { bunUdp } from "./bun-udp.ts";
import { denoUdp } from "./deno-udp.ts";
import { nodeUdp } from "./node-udp.ts";
import type { UdpCarriers } from "./types.ts";

export function runtimeUdp(): UdpCarriers {
  if ("Deno" in globalThis) return denoUdp;
  if ("Bun" in globalThis) return bunUdp;
  return nodeUdp;
}
