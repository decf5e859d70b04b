import { webCryptoAes } from "../../src/core/webcrypto-aes.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import type { Env } from "./env.ts";
import { type Event, run } from "./harness.ts";
import { nodeReference } from "./references.node.ts";
import { nobleReference, webCryptoReference } from "./references.ts";

// Runs the suites in Node, Deno or Bun: those named on the command line, and those bundled with this file.
// Events go to standard output as one line of JSON each, behind a mark that other output does not have.

const [runtime, ...suites] = process.argv.slice(2);
if (runtime === undefined) throw new TypeError("the runtime's name is missing");
for (const suite of suites) await import(suite);

const env: Env = {
  runtime,
  references: [nodeReference, webCryptoReference, nobleReference],
  aesBackends: { "node:crypto": nodeAes, WebCrypto: webCryptoAes() },
};
await run(env, (event: Event) => console.log(`@test ${JSON.stringify(event)}`));
