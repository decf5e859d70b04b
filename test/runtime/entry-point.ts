import type { Endpoint, Gateways } from "./env.ts";

/** What package.json names for a runtime that is no browser. */
export async function entryPoint(runtime: string): Promise<Endpoint> {
  if (runtime === "deno") return import("../../src/endpoint/deno-index.ts");
  if (runtime === "bun") return import("../../src/endpoint/bun-index.ts");
  return import("../../src/endpoint/node-index.ts");
}

/** And its gateway. */
export async function gatewayEntryPoint(runtime: string): Promise<NonNullable<Gateways["openGateway"]>> {
  if (runtime === "deno") return (await import("../../src/gateway/deno-index.ts")).openGateway;
  if (runtime === "bun") return (await import("../../src/gateway/bun-index.ts")).openGateway;
  return (await import("../../src/gateway/node-index.ts")).openGateway;
}
