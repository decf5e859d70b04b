/** The UDP sockets of the runtime that this is, for code that may run in each: bundles for Node run in Deno and Bun as well. */
import { nodeUdp } from "./node-udp.ts";
import type { UdpCarriers } from "./types.ts";

/** Those of other runtimes are loaded there alone. */
export async function runtimeUdp(): Promise<UdpCarriers> {
  if ("Deno" in globalThis) return (await import("./deno-udp.ts")).denoUdp;
  if ("Bun" in globalThis) return (await import("./bun-udp.ts")).bunUdp;
  return nodeUdp;
}
