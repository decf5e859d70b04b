import { readdirSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { afterAll, expect, test } from "vitest";
import { webCryptoAes } from "../../src/core/webcrypto-aes.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import * as endpoint from "../../src/endpoint/node-index.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { nodeUdp } from "../../src/transport/node-udp.ts";
import type { Env } from "./env.ts";
import { registered } from "./harness.ts";
import { openOutside, type Programs } from "./outside.node.ts";
import { nodeReference } from "./references.node.ts";
import { nobleReference, webCryptoReference } from "./references.ts";
import { recordSockets } from "./sockets.node.ts";

// The runtime suite as vitest tests, for the comfort of one command and its watch mode.

const suites = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".suite.ts"));
for (const suite of suites) await import(/* @vite-ignore */ `./${suite}`);

// Has no declarations.
const { outsidePrograms } = (await import(new URL("../../tools/outside.mjs", import.meta.url).href)) as {
  outsidePrograms(): Promise<Programs>;
};
const { servers } = await outsidePrograms();
const outside = await openOutside({ servers });
afterAll(() => outside.close());

const env: Env = {
  runtime: "node",
  references: [nodeReference, webCryptoReference, nobleReference],
  aesBackends: { "node:crypto": nodeAes, WebCrypto: webCryptoAes() },
  endpoint,
  carriers: nodeUdp,
  udp: "connected",
  systemSockets: recordSockets("node"),
  gateways: {
    hasWebTransport: false,
    openGateway,
    serveWebTransport: undefined,
    connectTcp,
    // Node takes further authorities when it starts.
    trustsSecure: false,
    outside,
  },
};

test("there are suites, with tests in them", () => {
  expect(suites).not.toHaveLength(0);
  expect(registered()).not.toHaveLength(0);
});

for (const { name, fn } of registered()) {
  test(name, () => fn(env));
}
