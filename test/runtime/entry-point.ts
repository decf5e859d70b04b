import type { Endpoint } from "./env.ts";

/** What package.json names for a runtime that is no browser. */
export async function entryPoint(runtime: string): Promise<Endpoint> {
  if (runtime === "deno") return import("../../src/endpoint/deno-index.ts");
  if (runtime === "bun") return import("../../src/endpoint/bun-index.ts");
  return import("../../src/endpoint/node-index.ts");
}
