/** Sealgram for Deno, from its sources: `connect`, `listen` and what they need. UDP takes `--unstable-net`. */
export * from "../src/endpoint/deno-index.ts";
