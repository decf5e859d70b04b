/** The chat's server for Deno, from its sources. UDP takes `--unstable-net`. */
export * from "../src/apps/chat/server/deno-index.ts";
