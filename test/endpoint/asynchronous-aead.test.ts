/** Endpoints with WebCrypto's AES-GCM: what is said last is said before a carrier is closed. */
import { webcrypto } from "node:crypto";
import { test } from "vitest";
import { RecordCore } from "../../src/core/index.ts";
import { webCryptoAes } from "../../src/core/webcrypto-aes.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { alice } from "./support.ts";

const url = "udp://server:4433";
const options = { auth: alice, cipherSuites: ["TLS_AES_128_GCM_SHA256"] } as const;

function network() {
  const udp = new MemoryNetwork();
  return sharing(async () => ({
    core: await RecordCore.load(undefined, { aes: webCryptoAes(webcrypto.subtle as SubtleCrypto) }),
    crypto: createNodeProvider(),
    udp,
  }));
}

test("a server that closes tells its clients", async () => {
  const load = network();
  const server = await listenOn(load, url, options);
  const sessions = await Promise.all(Array.from({ length: 3 }, () => connectOn(load, url, options)));
  await server.close();
  await Promise.all(sessions.map(({ closed }) => closed));
});

test("a server that ends a session and closes at once still says so", async () => {
  const load = network();
  const server = await listenOn(load, url, options);
  const session = await connectOn(load, url, options);
  const { value: accepted } = await server[Symbol.asyncIterator]().next();
  accepted.close();
  await server.close();
  await session.closed;
});

test("a client that closes tells its server", async () => {
  const load = network();
  const server = await listenOn(load, url, options);
  const session = await connectOn(load, url, options);
  const { value: accepted } = await server[Symbol.asyncIterator]().next();
  session.close();
  await accepted.closed;
  await server.close();
});
