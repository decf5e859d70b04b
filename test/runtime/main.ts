import { connect as connectTcp } from "node:net";
import { webCryptoAes } from "../../src/core/webcrypto-aes.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import type { UdpCarriers } from "../../src/transport/types.ts";
import { entryPoint, gatewayEntryPoint } from "./entry-point.ts";
import type { Env } from "./env.ts";
import { type Event, run } from "./harness.ts";
import { nodeReference } from "./references.node.ts";
import { nobleReference, webCryptoReference } from "./references.ts";
import { recordSockets } from "./sockets.node.ts";

// Runs the suites in Node, Deno or Bun: those named on the command line, and those bundled with this file.
// Events go to standard output as one line of JSON each, behind a mark that other output does not have.

const [runtime, ...suites] = process.argv.slice(2);
if (runtime === undefined) throw new TypeError("the runtime's name is missing");
for (const suite of suites) await import(suite);

/** What the entry point stands on. */
async function carriers(name: string): Promise<UdpCarriers> {
  if (name === "deno") return (await import("../../src/transport/deno-udp.ts")).denoUdp;
  if (name === "bun") return (await import("../../src/transport/bun-udp.ts")).bunUdp;
  return (await import("../../src/transport/node-udp.ts")).nodeUdp;
}

const env: Env = {
  runtime,
  references: [nodeReference, webCryptoReference, nobleReference],
  aesBackends: { "node:crypto": nodeAes, WebCrypto: webCryptoAes() },
  endpoint: await entryPoint(runtime),
  carriers: await carriers(runtime),
  udp: runtime === "deno" ? "unconnected" : "connected",
  systemSockets: recordSockets(runtime),
  gateways: {
    hasWebTransport: runtime === "deno",
    openGateway: await gatewayEntryPoint(runtime),
    serveWebTransport:
      runtime === "deno"
        ? (await import("../../src/gateway/deno-webtransport.ts")).serveDenoWebTransport
        : undefined,
    connectTcp,
    trustsSecure: true,
    outside: JSON.parse(process.env.SEALGRAM_OUTSIDE!),
  },
};
await run(env, (event: Event) => console.log(`@test ${JSON.stringify(event)}`));
