/** The gateway for Deno, from its sources, with WebTransport. UDP and QUIC take `--unstable-net`. */
export * from "../src/gateway/deno-index.ts";
