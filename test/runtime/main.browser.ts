import { webCryptoAes } from "../../src/core/webcrypto-aes.ts";
import * as endpoint from "../../src/endpoint/index.ts";
import type { Env } from "./env.ts";
import { run } from "./harness.ts";
import type { Outside } from "./outside.ts";
import { nobleReference, webCryptoReference } from "./references.ts";

// Runs the suites bundled with this file in a page, and hands each event to the function that the runner gave it.

declare global {
  var report: (line: string) => Promise<void>;
  var outside: Outside;
}

const env: Env = {
  runtime: "chromium",
  references: [webCryptoReference, nobleReference],
  aesBackends: { WebCrypto: webCryptoAes() },
  endpoint,
  carriers: undefined,
  udp: "none",
  systemSockets: undefined,
  gateways: {
    hasWebTransport: true,
    openGateway: undefined,
    connectTcp: undefined,
    serveWebTransport: undefined,
    trustsSecure: true,
    outside: globalThis.outside,
  },
};
await run(env, (event) => {
  void globalThis.report(`@test ${JSON.stringify(event)}`);
});
