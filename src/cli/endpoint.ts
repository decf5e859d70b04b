/** `connect` and `listen` of the runtime that this is. */
import type * as entry from "../endpoint/node-index.ts";

export type Endpoint = Pick<typeof entry, "connect" | "listen">;

export function loadEndpoint(): Promise<Endpoint> {
  if ("Deno" in globalThis) return import("../endpoint/deno-index.ts");
  if ("Bun" in globalThis) return import("../endpoint/bun-index.ts");
  return import("../endpoint/node-index.ts");
}
