/** Gateway, server and clients on real sockets of this machine, in Node. */
import { once } from "node:events";
import { request } from "node:http";
import { connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { connect, gatewayHashes, listen, psk } from "../../src/endpoint/node-index.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { GatewayCode } from "../../src/transport/gateway-codes.ts";
import { alice, ask, bareSocket, echoServer, failure, text, utf8 } from "../endpoint/support.ts";
import { closeCode, selfSigned, until, world } from "./world.ts";

test("a session through a gateway; the client's address changes, and the session stays", async () => {
  const { server, gateway, ws } = await world();
  const session = await connect(`${ws}/game`, { auth: alice });
  expect(session.peer).toEqual({ kind: "psk", identity: "alice" });
  const datagram = new Uint8Array(session.maxDatagramSize).map((_, i) => i);
  expect(await ask(session, datagram)).toEqual(datagram);
  await session.rebind();
  // An answer to the first may come late, and twice.
  while (text(await ask(session, utf8("moved"))) !== "moved");
  expect(server.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
  expect(gateway.getStats()).toMatchObject({ accepted: 2 });
  session.close();
  await session.closed;
  await until(() => gateway.getStats().clients === 0);
});

test("a session outlives its gateway, which comes back at the same place", async () => {
  const server = await echoServer();
  onTestFinished(() => server.close());
  const targets = { game: server.url };
  const first = await openGateway("http://127.0.0.1:0", { targets });
  const url = `${first.url.replace("http", "ws")}/game`;
  const session = await connect(url, { auth: alice, streams: false });
  expect(text(await ask(session, utf8("one")))).toBe("one");
  await first.close();
  expect(session.isClosed).toBe(false);
  await until(() => !session.sendDatagram(utf8("lost")));
  // What is to be written waits for the way to be there again.
  const written = session.datagrams.writable.getWriter().write(utf8("late"));
  const second = await openGateway(first.url, { targets });
  onTestFinished(() => second.close());
  await written;
  expect(text(await ask(session, utf8("two")))).toBe("two");
  expect(server.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
});

test("a client that its gateway takes and turns away again and again comes more and more seldom", async () => {
  const server = await echoServer();
  onTestFinished(() => server.close());
  const first = await openGateway("http://127.0.0.1:0", { targets: { game: server.url } });
  const session = await connect(`${first.url.replace("http", "ws")}/game`, { auth: alice });
  expect(text(await ask(session, utf8("there")))).toBe("there");
  await first.close();
  const second = await openGateway(first.url, { targets: { other: server.url } });
  const begin = performance.now();
  await until(() => second.getStats().refusals.unknown_target === 5);
  // At once, and after halves of 250, 500, 1,000 and 2,000 ms at least.
  expect(performance.now() - begin).toBeGreaterThan(1_000);
  await second.close();
  const third = await openGateway(first.url, { targets: { game: server.url } });
  onTestFinished(() => third.close());
  expect(text(await ask(session, utf8("back")))).toBe("back");
});

test("a path that is gone without a word: the client takes another, and the gateway ends what is left", async () => {
  const { server, gateway } = await world();
  const { port } = new URL(gateway.url);
  let isFrozen = false;
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  // What a NAT does that forgets: the first connection stays, and nothing gets through.
  const nat = createTcpServer((inside) => {
    const outside = connectTcp(Number(port), "127.0.0.1").on("error", () => {});
    const isFirst = !isFrozen;
    inside.on("error", () => {}).on("data", (data) => isFrozen === isFirst || outside.write(data));
    outside.on("data", (data) => isFrozen === isFirst || inside.write(data));
    sockets.push(inside, outside);
  });
  nat.listen(0, "127.0.0.1");
  await once(nat, "listening");
  onTestFinished(() => void nat.close());
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());

  const url = `ws://127.0.0.1:${(nat.address() as { port: number }).port}/game`;
  const session = await connect(url, { auth: alice, streams: false });
  const answers: string[] = [];
  session.ondatagram = (answer) => void answers.push(text(answer));
  const exchange = async (content: string) => {
    while (!answers.includes(content)) {
      session.sendDatagram(utf8(content));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await exchange("one");
  isFrozen = true;
  session.sendDatagram(utf8("lost"));
  for (let seconds = 0; seconds < 16; seconds += 4) vi.advanceTimersByTime(4_000);
  await exchange("two");
  expect(answers).not.toContain("lost");
  expect(server.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
  expect(gateway.getStats()).toMatchObject({ clients: 2, accepted: 2 });
  // The new connection answers pings, and the old one does not.
  const begin = performance.now();
  while (gateway.getStats().clients === 2 && performance.now() - begin < 20_000) {
    vi.advanceTimersByTime(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(gateway.getStats().clients).toBe(1);
  await exchange("three");
  expect(gateway.getStats().accepted).toBe(2);
});

test("a stream goes on where it was when the gateway comes back", async () => {
  const server = await listen("udp://127.0.0.1:0", { auth: alice });
  onTestFinished(() => server.close());
  const targets = { game: server.url };
  const first = await openGateway("http://127.0.0.1:0", { targets });
  const [session, { value: other }] = await Promise.all([
    connect(`${first.url.replace("http", "ws")}/game`, { auth: alice }),
    server[Symbol.asyncIterator]().next(),
  ]);
  const content = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31 + (i >> 8));
  const writer = (await session.createUnidirectionalStream()).getWriter();
  const reading = (async () => {
    const { value: stream } = await other.incomingUnidirectionalStreams.getReader().read();
    const received: number[] = [];
    let restarted: Promise<unknown> | undefined;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      received.push(...chunk);
      restarted ??= first.close().then(async () => {
        const second = await openGateway(first.url, { targets });
        onTestFinished(() => second.close());
      });
    }
    await restarted;
    return Uint8Array.from(received);
  })();
  for (let at = 0; at < content.length; at += 10_000) await writer.write(content.subarray(at, at + 10_000));
  await writer.close();
  expect(await reading).toEqual(content);
  expect(server.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
  session.close();
});

test("a session whose gateway stays away ends by its idle time-out, and leaves no attempts behind", async () => {
  const { gateway, ws } = await world();
  const session = await connect(`${ws}/game`, { auth: alice, idleTimeoutMs: 300 });
  await gateway.close();
  expect((await failure(session.closed)).code).toBe("idle_timeout");
});

test("why there is no session", async () => {
  const nobody = await bareSocket();
  const dead = `udp://127.0.0.1:${nobody.address().port}`;
  nobody.close();
  const { server, ws } = await world({ targets: { dead, unknown: "udp://does-not-exist.invalid:1" } });
  const code = async (url: string, options: object = {}) =>
    (await failure(connect(url, { auth: alice, ...options }))).code;
  expect(await code(`${ws}/game`)).toBe("unknown_target");
  expect(await code(`${ws}/dead`)).toBe("refused");
  expect(await code(`${ws}/unknown`)).toBe("unreachable");
  expect(await code(`${ws.replace("ws", "wss")}/dead`)).toBe("gateway_unreachable");
  expect(await code("ws://127.0.0.1:9/game")).toBe("gateway_unreachable");
  expect(await code("ws://does-not-exist.invalid/game")).toBe("gateway_unreachable");
  expect(await code("https://127.0.0.1:9/game")).toBe("no_webtransport");
  const wrongKey = psk({ identity: "alice", key: new Uint8Array(32) });
  const game = await world();
  expect(await code(`${game.ws}/game`, { auth: wrongKey })).toBe("authentication_failed");
  expect(server.getStats().sessions).toBe(0);
});

test("a gateway that is reached is an answer, even of a server that is not", async () => {
  const silent = await bareSocket();
  onTestFinished(() => void silent.close());
  const { ws } = await world({ targets: { game: `udp://127.0.0.1:${silent.address().port}` } });
  let answers = 0;
  const onanswer = () => void answers++;
  const error = await failure(connect(`${ws}/game`, { auth: alice, timeoutMs: 1_000, onanswer }));
  expect([error.code, answers]).toEqual(["timeout", 1]);
  const unknown = await failure(connect(`${ws}/other`, { auth: alice, onanswer }));
  expect(unknown.code).toBe("unknown_target");
});

test("an HTTP server that is no gateway, and one that never answers", async () => {
  const silent = await new Promise<import("node:net").Server>((resolve) => {
    import("node:net").then(({ createServer }) => {
      const opened = createServer(() => {}).listen(0, "127.0.0.1", () => resolve(opened));
    });
  });
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const url = `ws://127.0.0.1:${port}/game`;
  expect((await failure(connect(url, { auth: alice, timeoutMs: 100 }))).code).toBe("timeout");
  const reason = new Error("changed my mind");
  const abort = new AbortController();
  silent.once("connection", () => abort.abort(reason));
  await expect(connect(url, { auth: alice, signal: abort.signal })).rejects.toBe(reason);
});

test("TLS: a certificate that nobody vouches for is refused by its name", async () => {
  const tls = await selfSigned();
  const { ws } = await world({ tls }, "https://127.0.0.1:0");
  expect(ws).toMatch(/^wss:/);
  expect((await failure(connect(`${ws}/game`, { auth: alice }))).code).toBe("untrusted_gateway");
  // Whoever trusts it gets in.
  expect(await closeCode(`${ws}/other`, { ca: tls.cert, servername: "localhost" })).toBe(
    GatewayCode.unknown_target,
  );
});

test("no request makes it an open proxy", async () => {
  const { gateway, ws } = await world();
  for (const path of ["/", "/udp://127.0.0.1:53", "/127.0.0.1:53", "/..%2fgame", "/game/x", "/GAME"]) {
    expect(await closeCode(ws + path), path).toBe(GatewayCode.unknown_target);
  }
  const { hostname, port } = new URL(gateway.url);
  const status = (options: object) =>
    new Promise<number | string>((resolve) => {
      const asked = request({ host: hostname, port, ...options });
      asked.on("response", ({ statusCode, headers, socket }) => {
        socket.destroy();
        resolve(headers.location ?? statusCode!);
      });
      asked.on("connect", ({ statusCode }) => resolve(statusCode!));
      asked.on("error", (error: Error & { code?: string }) => resolve(error.code!));
      asked.end();
    });
  expect(await status({ path: "http://example.com/" })).toBe(404);
  expect(await status({ path: "/game" })).toBe(404);
  expect(await status({ method: "POST", path: "/.well-known/sealgram" })).toBe(405);
  expect(await status({ method: "CONNECT", path: "example.com:443" })).toBe("ECONNRESET");
  expect(await status({ headers: { connection: "upgrade", upgrade: "h2c" } })).toBe(404);
  const raw = connectTcp(Number(port), hostname);
  raw.end("\x16\x03\x01 no HTTP at all\r\n\r\n");
  await once(raw.resume(), "close");
  expect(gateway.getStats()).toMatchObject({ clients: 0, accepted: 0, refusals: { unknown_target: 6 } });
});

test("pages of other origins, text, long messages and too many clients are refused", async () => {
  const { gateway, ws } = await world({
    origins: ["https://app.example"],
    limits: { clientsPerAddress: 2, datagramBytes: 1000 },
  });
  const game = `${ws}/game`;
  expect(await closeCode(game, { origin: "https://evil.example" })).toBe(GatewayCode.origin_refused);
  expect(await closeCode(game, { origin: "https://app.example" }, "text")).toBe(GatewayCode.not_binary);
  // RFC 6455 §7.4.1: message too big
  expect(await closeCode(game, {}, new Uint8Array(65_537))).toBe(1009);
  const held = [new WebSocket(game), new WebSocket(game)];
  await Promise.all(held.map((socket) => once(socket, "open")));
  expect(await closeCode(game)).toBe(GatewayCode.busy);
  expect((await failure(connect(game, { auth: alice }))).code).toBe("gateway_busy");
  for (const socket of held) socket.terminate();
  await until(() => gateway.getStats().clients === 0);
  expect(text(await ask(await connect(game, { auth: alice, mtuBytes: 1000 }), utf8("in")))).toBe("in");
});

test("a client that stops reading is owed a bounded queue, and others are not disturbed", async () => {
  const queuedBytes = 64 << 10;
  // A server of many datagrams: for each that comes, it sends as many as the socket takes.
  const flood = await bareSocket();
  onTestFinished(() => void flood.close());
  const burst = new Uint8Array(1200).fill(0x2f);
  flood.on("message", (_, { port, address }) => {
    for (let i = 0; i < 200; i++) flood.send(burst, port, address);
  });
  const echo = await echoServer();
  onTestFinished(() => echo.close());
  const targets = { flood: `udp://127.0.0.1:${flood.address().port}`, game: echo.url };
  const limits = { queuedBytes, datagramsPerSecond: 1e6, bytesPerSecond: 1e9 };
  const { gateway, ws } = await world({ targets, limits });
  const slow = new WebSocket(`${ws}/flood`);
  await once(slow, "open");
  slow.pause();
  let sent = 0;
  const feed = () => {
    slow.send(Uint8Array.of(0x2f, 0));
    sent++;
  };
  // The system's buffers fill up first, which takes some megabytes.
  while ((gateway.getStats().toClients.drops.queue_full ?? 0) < 100) {
    feed();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBeLessThan(20_000);
  }
  const session = await connect(`${ws}/game`, { auth: alice });
  expect(text(await ask(session, utf8("still here")))).toBe("still here");
  slow.terminate();
  await until(() => gateway.getStats().clients === 1);
});

test("a client's own queue is bounded: what does not fit is refused, until there is room again", async () => {
  const { ws } = await world({ limits: { datagramsPerSecond: 1e6, bytesPerSecond: 1e9 } });
  const session = await connect(`${ws}/game`, { auth: alice, streams: false });
  const datagram = new Uint8Array(1000);
  let taken = 0;
  while (session.sendDatagram(datagram)) {
    taken++;
    expect(taken).toBeLessThan(10_000);
  }
  expect((await session.getStats()).droppedOutgoing).toBe(1);
  // Streams wait instead.
  await session.datagrams.writable.getWriter().write(datagram);
  expect(text(await ask(session, utf8("room")))).toBeDefined();
});

test("closing: the signal, and twice", async () => {
  const abort = new AbortController();
  const { gateway, ws } = await world({ signal: abort.signal });
  const socket = new WebSocket(`${ws}/game`);
  await once(socket, "open");
  abort.abort();
  const [code] = await once(socket, "close");
  expect(code).toBe(GatewayCode.going_away);
  await gateway.closed;
  await gateway.close();
  await expect(
    openGateway("http://127.0.0.1:0", { targets: {}, signal: abort.signal }),
  ).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("a port that is taken is the system's error", async () => {
  const { gateway } = await world();
  await expect(openGateway(gateway.url, { targets: {} })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("hashes: none of a gateway without WebTransport, and an error where there is no gateway", async () => {
  const { gateway } = await world();
  expect(await gatewayHashes(gateway.url)).toEqual([]);
  expect((await failure(gatewayHashes("http://127.0.0.1:9"))).code).toBe("gateway_unreachable");
  await expect(gatewayHashes(gateway.url, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow(
    "no",
  );
});
