import type { Bytes } from "../../src/core/bytes.ts";
import { fromBase64 } from "../../src/crypto/bytes.ts";
import {
  type Auth,
  type ConnectOptions,
  gatewayHashes,
  password,
  psk,
  publicKey,
  SealgramError,
} from "../../src/endpoint/api.ts";
import { Deadlines } from "../../src/endpoint/deadlines.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { OwnCertificates } from "../../src/gateway/certificates.ts";
import { Forwarder } from "../../src/gateway/forwarder.ts";
import { forwarderSettings } from "../../src/gateway/options.ts";
import type { CertificateHash } from "../../src/transport/types.ts";
import { ask } from "./ask.ts";
import type { Env } from "./env.ts";
import { bytesEqual, equal, ok, rejects, test } from "./harness.ts";
import {
  identity,
  type Outside,
  SERVER_RUNTIMES,
  sharedKey,
  sharedPassword,
  type TargetName,
} from "./outside.ts";
import { selfSigned } from "./self-signed.ts";

// Clients behind gateways: this runtime's client, a gateway in Node or Deno, and UDP servers in Node.

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const withPsk = psk({ identity, key: sharedKey });

/** How a client of this runtime gets to a server. */
interface Way {
  readonly name: "webSocket" | "webTransport";
  readonly env: Env;
  readonly outside: Outside;
  dial(target: TargetName | "unknown", auth: Auth, options?: Partial<ConnectOptions>): Promise<Session>;
}

function wayTest(name: string, fn: (way: Way) => Promise<void>): void {
  test(`gateway: WebSocket: ${name}`, async (env) => {
    const { endpoint } = env;
    const { outside } = env.gateways!;
    await fn({
      name: "webSocket",
      env,
      outside,
      dial: (target, auth, options) =>
        endpoint.connect(`${outside.webSocket}/${target}`, { auth, timeoutMs: 60_000, ...options }),
    });
  });
  test(`gateway: WebTransport: ${name}`, async (env) => {
    const { endpoint } = env;
    const { outside, hasWebTransport } = env.gateways!;
    if (!hasWebTransport) {
      const connecting = endpoint.connect("https://127.0.0.1:4433/psk", { auth: withPsk });
      equal((await rejects(connecting, SealgramError)).code, "no_webtransport");
      return;
    }
    const { url, hashes } = outside.webTransport!;
    await fn({
      name: "webTransport",
      env,
      outside,
      dial: (target, auth, options) =>
        endpoint.connect(`${url}/${target}`, {
          auth,
          timeoutMs: 60_000,
          serverCertificateHashes: () => gatewayHashes(hashes),
          ...options,
        }),
    });
  });
}

/** The answer to this datagram: answers to others may still be on their way. */
async function askFor(session: Session, question: string): Promise<void> {
  while (text(await ask(session, utf8(question))) !== question);
}

/** The same for datagrams of which each has a length of its own. */
async function answerTo(session: Session, datagram: Uint8Array): Promise<Uint8Array> {
  for (;;) {
    const answer = await ask(session, datagram);
    if (answer.length === datagram.length) return answer;
  }
}

async function code(promise: Promise<unknown>): Promise<string> {
  return (await rejects(promise, SealgramError)).code;
}

wayTest("with a pre-shared key, datagrams of all sizes come back as they were sent", async ({ dial }) => {
  const session = await dial("psk", withPsk);
  equal(session.peer?.identity, identity);
  ok(session.maxDatagramSize > 1000, "the carrier takes less than expected");
  for (const length of [0, 1, 17, 100, 1000, session.maxDatagramSize]) {
    const datagram = Uint8Array.from({ length }, (_, i) => i * 7 + length);
    bytesEqual(await answerTo(session, datagram), datagram);
  }
  session.close();
  equal((await session.closed).closeCode, 0);
});

wayTest("with a password, and with a wrong one", async ({ dial }) => {
  const session = await dial("password", password({ identity, password: sharedPassword }));
  equal(session.peer?.kind, "password");
  await askFor(session, "by password");
  session.close();
  equal(await code(dial("password", password({ identity, password: "wrong" }))), "authentication_failed");
});

wayTest("with the server's public key, and with another's", async ({ dial, outside }) => {
  const trusted = [fromBase64(outside.servers.node.publicKey)];
  const session = await dial("key", publicKey({ trusted }));
  equal(session.peer?.kind, "public_key");
  await askFor(session, "by key");
  session.close();
  const other = trusted[0]!.slice();
  other[other.length - 1]! ^= 1;
  equal(await code(dial("key", publicKey({ trusted: [other] }))), "untrusted_public_key");
});

wayTest("why there is no session", async ({ name, dial, env }) => {
  equal(await code(dial("unknown", withPsk)), "unknown_target");
  // Only Node's sockets hear of it that nobody listens.
  if (name === "webSocket") equal(await code(dial("dead", withPsk)), "refused");
  else equal(await code(dial("dead", withPsk, { timeoutMs: 500 })), "timeout");
  const wrong = psk({ identity, key: sharedKey.map((byte) => byte ^ 1) });
  equal(await code(dial("psk", wrong)), "authentication_failed");
  const nobody = name === "webSocket" ? "ws://127.0.0.1:9/psk" : undefined;
  if (nobody !== undefined) {
    equal(await code(env.endpoint.connect(nobody, { auth: withPsk })), "gateway_unreachable");
    return;
  }
  const failed = await code(
    dial("psk", withPsk, { serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(32) }] }),
  );
  // Browsers do not say why.
  equal(failed, env.runtime === "chromium" ? "gateway_unreachable" : "untrusted_gateway");
});

wayTest("an abort", async ({ dial }) => {
  const reason = new RangeError("changed my mind");
  await rejects(dial("psk", withPsk, { signal: AbortSignal.abort(reason) }), RangeError);
  const abort = new AbortController();
  const dialing = dial("dead", withPsk, { signal: abort.signal });
  abort.abort(reason);
  await rejects(dialing, RangeError);
});

wayTest("a client that goes on by another connection keeps its session", async ({ dial }) => {
  const session = await dial("psk", withPsk);
  await askFor(session, "one");
  const before = session.exportKeyingMaterial("EXPORTER-test", new Uint8Array(0), 16);
  for (let i = 0; i < 3; i++) {
    await session.rebind();
    await askFor(session, `after ${i}`);
  }
  bytesEqual(session.exportKeyingMaterial("EXPORTER-test", new Uint8Array(0), 16), before);
  session.close();
});

wayTest("a session outlives its gateway's restart", async ({ name, dial, outside }) => {
  const session = await dial("psk", withPsk);
  await askFor(session, "before");
  const response = await fetch(`${outside.restart}/${name}`, { method: "POST" });
  equal(response.status, 200);
  await askFor(session, "after");
  session.close();
  equal((await session.closed).closeCode, 0);
});

wayTest("more than a carrier takes is refused or gets lost, and nothing else happens", async ({ dial }) => {
  const session = await dial("psk", withPsk);
  const datagram = new Uint8Array(1000);
  let taken = 0;
  for (let i = 0; i < 10_000; i++) if (session.sendDatagram(datagram)) taken++;
  const { datagramsSent, droppedOutgoing } = await session.getStats();
  equal(datagramsSent, taken);
  equal(datagramsSent + droppedOutgoing, 10_000);
  // Streams wait for room instead.
  await session.datagrams.writable.getWriter().write(utf8("room"));
  await askFor(session, "there");
  session.close();
});

for (const server of SERVER_RUNTIMES) {
  test(`gateway: wss: to one in ${server}, whose certificate is trusted`, async ({ endpoint, gateways }) => {
    const { outside, trustsSecure } = gateways!;
    const { url } = outside.servers[server].secure;
    const connecting = endpoint.connect(`${url}/psk`, { auth: withPsk, timeoutMs: 60_000 });
    if (!trustsSecure) {
      equal(await code(connecting), "untrusted_gateway");
      return;
    }
    const session = await connecting;
    for (const length of [0, 1, 1000, session.maxDatagramSize]) {
      const datagram = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      bytesEqual(await answerTo(session, datagram), datagram);
    }
    await session.rebind();
    await askFor(session, "by another connection");
    session.close();
    equal((await session.closed).closeCode, 0);
  });
}

test("gateway: wss: and https: to this runtime's own, whose certificate nobody knows", async (env) => {
  const { openGateway } = env.gateways!;
  if (openGateway === undefined) {
    equal(env.runtime, "chromium");
    return;
  }
  const tls = await selfSigned();
  const gateway = await openGateway("https://127.0.0.1:0", { targets: { game: "udp://127.0.0.1:9" }, tls });
  const url = gateway.url.replace("https", "wss");
  const failed = await code(env.endpoint.connect(`${url}/game`, { auth: withPsk }));
  // Deno 2.9 tries HTTP/2 when HTTP/1.1 has failed, and tells of the second failure only.
  equal(failed, env.runtime === "deno" ? "gateway_unreachable" : "untrusted_gateway");
  equal(gateway.getStats().accepted, 0);
  // Without TLS there is nothing at a port that has it.
  const plain = gateway.url.replace("https", "ws");
  equal(await code(env.endpoint.connect(`${plain}/game`, { auth: withPsk })), "gateway_unreachable");
  await gateway.close();
});

test("gateway: this runtime's own, in front of its own server, and again at its place", async (env) => {
  const { endpoint } = env;
  const { openGateway } = env.gateways!;
  if (openGateway === undefined) {
    equal(env.runtime, "chromium");
    return;
  }
  const server = await endpoint.listen("udp://127.0.0.1:0", {
    auth: withPsk,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  const options = { targets: { game: server.url }, limits: { clientsPerAddress: 2 } };
  const first = await openGateway("http://127.0.0.1:0", options);
  const base = first.url.replace("http", "ws");
  const sessions = await Promise.all(
    [1, 2].map(() => endpoint.connect(`${base}/game`, { auth: withPsk, timeoutMs: 60_000 })),
  );
  for (const session of sessions) await askFor(session, "hello");
  equal(await code(endpoint.connect(`${base}/game`, { auth: withPsk })), "gateway_busy");
  equal(await code(endpoint.connect(`${base}/other`, { auth: withPsk })), "unknown_target");
  const { clients, toServers } = first.getStats();
  equal(clients, 2);
  ok(toServers.datagrams > 4);
  equal((await fetch(`${first.url}/game`)).status, 404);
  equal((await fetch(`${first.url}/.well-known/sealgram`)).status, 200);
  await first.close();
  const second = await openGateway(first.url, options);
  for (const session of sessions) await askFor(session, "again");
  equal(server.getStats().accepted, 2);
  for (const session of sessions) session.close();
  await Promise.all(sessions.map(({ closed }) => closed));
  await second.close();
  await server.close();
});

test("gateway: a message that is too long is refused by its head, and connections are counted", async (env) => {
  const { openGateway, connectTcp } = env.gateways!;
  if (openGateway === undefined || connectTcp === undefined) {
    equal(env.runtime, "chromium");
    return;
  }
  const limits = { clients: 10, clientsPerAddress: 2 };
  const gateway = await openGateway("http://127.0.0.1:0", { targets: { game: "udp://127.0.0.1:9" }, limits });
  const port = Number(new URL(gateway.url).port);
  const upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13";
  const socket = connectTcp(port, "127.0.0.1");
  socket.write(
    `GET /game HTTP/1.1\r\nhost: a\r\n${upgrade}\r\nsec-websocket-key: ${"A".repeat(22)}==\r\n\r\n`,
  );
  // RFC 6455 §5.2: a binary message of 60 MiB, masked, of which no more comes than this.
  const head = Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0x03, 0xc0, 0, 0, 1, 2, 3, 4);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.once("data", () => socket.write(head));
  await closed;

  // Bun does not tell of connections before they have sent a request.
  if (env.runtime !== "bun") {
    const silent = Array.from({ length: 60 }, () => connectTcp(port, "127.0.0.1").on("error", () => {}));
    let left = silent.length;
    await new Promise<void>((resolve) => {
      for (const each of silent) each.resume().once("close", () => --left === 22 && resolve());
    });
    for (const each of silent) each.destroy();
  }
  await gateway.close();
});

test("gateway: a certificate that takes its turn is one that pages know, and ends no session", async (env) => {
  const { endpoint } = env;
  const { serveWebTransport } = env.gateways!;
  if (serveWebTransport === undefined) {
    ok(env.runtime !== "deno");
    return;
  }
  const server = await endpoint.listen("udp://127.0.0.1:0", {
    auth: withPsk,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  let now = Date.now();
  const certificates = await OwnCertificates.open(["localhost"], undefined, () => now);
  const settings = forwarderSettings({ targets: { game: server.url } });
  const forwarder = new Forwarder(settings, env.carriers!, new Deadlines());
  const gateway = await serveWebTransport(
    { host: "127.0.0.1", port: 0, isSecure: true },
    certificates.current,
    {
      forwarder,
      limits: settings.limits,
      isProxy: () => false,
      answer: async () => ({ status: 404, headers: {}, body: new Uint8Array(0) }),
      clientAddress: (_, remote) => remote,
    },
  );
  certificates.onchange = (keyPair) => gateway.renew(keyPair);
  const dial = (hash: CertificateHash) =>
    endpoint.connect(`https://127.0.0.1:${gateway.place.port}/game`, {
      auth: withPsk,
      timeoutMs: 60_000,
      serverCertificateHashes: [hash],
    });
  const [first, second] = certificates.hashes;
  const before = await dial(first!);
  await askFor(before, "before");
  equal(await code(dial(second!)), "untrusted_gateway");

  now += 6 * 86_400_000;
  await certificates.update();
  const after = await dial(second!);
  await askFor(after, "after");
  await askFor(before, "still here");
  equal(await code(dial(first!)), "untrusted_gateway");

  for (const session of [before, after]) session.close();
  forwarder.close();
  await gateway.close();
  await server.close();
});
