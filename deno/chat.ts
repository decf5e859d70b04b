/** The chat's client for Deno, from its sources: bots and user interfaces. UDP takes `--unstable-net`. */
export * from "../src/apps/chat/client/deno-index.ts";
