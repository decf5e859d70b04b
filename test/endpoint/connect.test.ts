import { expect, onTestFinished, test } from "vitest";
import { generatePkcs8, generateSigner, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import { type ConnectOptions, connectOn } from "../../src/endpoint/connect.ts";
import { connect as connectWithoutUdp, listen as listenWithoutUdp } from "../../src/endpoint/index.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { connect, listen, psk, publicKey } from "../../src/endpoint/node-index.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { UdpCarriers } from "../../src/transport/types.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, ask, bareSocket, dial, echoServer, failure, key, text, ticketOf, utf8 } from "./support.ts";

async function server(options?: Parameters<typeof echoServer>[0], url?: string): Promise<Server> {
  const opened = await echoServer(options, url);
  onTestFinished(() => opened.close());
  return opened;
}

test("a client and a server with the same key exchange datagrams, and each knows who the other is", async () => {
  const iterated = await server({ onsession: undefined as never });
  const [session, accepted] = await Promise.all([dial(iterated), iterated[Symbol.asyncIterator]().next()]);
  accepted.value.ondatagram = (datagram: Uint8Array) => accepted.value.sendDatagram(datagram);
  expect(session.peer).toEqual({ kind: "psk", identity: "alice" });
  expect(accepted.value.peer).toEqual({ kind: "psk", identity: "alice" });
  expect(text(await ask(session, utf8("hello")))).toBe("hello");
  await expect(session.ready).resolves.toBeUndefined();
  const label = "EXPORTER-test";
  expect(session.exportKeyingMaterial(label, utf8("context"), 32)).toEqual(
    accepted.value.exportKeyingMaterial(label, utf8("context"), 32),
  );
});

test("IPv6 addresses have brackets in URLs", async () => {
  const opened = await server({}, "udp://[::1]:0");
  expect(opened.url).toMatch(/^udp:\/\/\[::1\]:\d+$/);
  expect(text(await ask(await dial(opened), utf8("six")))).toBe("six");
});

test("host names are looked up", async () => {
  const opened = await server();
  const session = await connect(`udp://localhost:${opened.address.port}`, { auth: alice });
  expect(session.remoteAddress.host).toBe("127.0.0.1");
});

test("what the server sent before anybody listened is not lost", async () => {
  const opened = await server({
    onsession: (session) => {
      session.sendDatagram(utf8("first"));
      session.sendDatagram(utf8("second"));
    },
  });
  const session = await dial(opened);
  const reader = session.datagrams.readable.getReader();
  expect(text((await reader.read()).value!)).toBe("first");
  reader.releaseLock();
  const second = await new Promise<string>((resolve) => {
    session.ondatagram = (datagram) => resolve(text(datagram));
  });
  expect(second).toBe("second");
});

test("a wrong key and an unknown identity fail in the same way, on both sides", async () => {
  const failures: string[] = [];
  const opened = await server({ onfailure: ({ code }) => failures.push(code) });
  const wrong = await failure(dial(opened, { auth: psk({ identity: "alice", key: key.map(() => 1) }) }));
  const unknown = await failure(dial(opened, { auth: psk({ identity: "bob", key }) }));
  expect(wrong.code).toBe("authentication_failed");
  expect(unknown.code).toBe("authentication_failed");
  expect(unknown.message).toBe(wrong.message);
  expect(failures).toEqual(["authentication_failed", "authentication_failed"]);
  expect(opened.getStats()).toMatchObject({ sessions: 0, handshakes: 0, failedHandshakes: 2 });
});

test("a server finds keys by identity, and tells sessions apart", async () => {
  const peers: unknown[] = [];
  const opened = await server({
    auth: psk(async (identity) => (identity === "bob" ? key : undefined)),
    onsession: (session) => peers.push(session.peer),
  });
  const session = await dial(opened, { auth: psk({ identity: "bob", key }) });
  expect((await failure(dial(opened))).code).toBe("authentication_failed");
  session.close();
  expect(peers).toEqual([{ kind: "psk", identity: "bob" }]);
});

test("a port where nobody listens is refused at once", async () => {
  const socket = await bareSocket();
  const { port } = socket.address();
  socket.close();
  const error = await failure(connect(`udp://127.0.0.1:${port}`, { auth: alice, timeoutMs: 30_000 }));
  expect(error.code).toBe("refused");
});

test("a port where nobody answers is a time-out", async () => {
  const silent = await bareSocket();
  onTestFinished(() => void silent.close());
  const url = `udp://127.0.0.1:${silent.address().port}`;
  expect((await failure(connect(url, { auth: alice, timeoutMs: 50 }))).code).toBe("timeout");
});

test.each([Number.POSITIVE_INFINITY, 2 ** 31])("a time-out of %s ms is none", async (timeoutMs) => {
  const session = await dial(await server(), { timeoutMs });
  expect(text(await ask(session, utf8("in time")))).toBe("in time");
});

/** Dials a host whose addresses these are. */
async function dialAny(addresses: readonly string[], options: Partial<ConnectOptions> = {}) {
  const network = new MemoryNetwork();
  const silent = { datagram() {}, drained() {}, refused() {}, failed() {} };
  await network.bind({ host: "192.0.2.1", port: 4433 }, silent);
  const udp: UdpCarriers = {
    resolve: async (host) => (host === "host.example" ? addresses : [host]),
    bind: (local, handler) => network.bind(local, handler),
    connect: (remote, handler) => network.connect(remote, handler),
  };
  const platform = sharing(async () => ({ core, crypto, udp }));
  const opened = await listenOn(platform, "udp://192.0.2.3:4433", { auth: alice });
  onTestFinished(() => opened.close());
  const session = connectOn(platform, "udp://host.example:4433", { auth: alice, ...options });
  return { opened, session };
}

test("a host whose first address is silent, or refuses, is reached by another", async () => {
  const { opened, session } = await dialAny(["192.0.2.1", "192.0.2.2", "192.0.2.3"], { timeoutMs: 50_000 });
  expect((await session).remoteAddress.host).toBe("192.0.2.3");
  expect(opened.getStats().failedHandshakes).toBe(0);
});

test("it is told once that something answers, and never that nothing does", async () => {
  let answers = 0;
  const onanswer = () => void answers++;
  const { session } = await dialAny(["192.0.2.1", "192.0.2.3"], { timeoutMs: 50_000, onanswer });
  await session;
  expect(answers).toBe(1);
  const { session: silent } = await dialAny(["192.0.2.1"], { timeoutMs: 100, onanswer });
  expect((await failure(silent)).code).toBe("timeout");
  expect(answers).toBe(1);
});

test("a host whose addresses all refuse, refuses; with a silent one among them, it may yet answer", async () => {
  const { session } = await dialAny(["192.0.2.2", "192.0.2.4"], { timeoutMs: 50_000 });
  expect((await failure(session)).code).toBe("refused");
  const { session: other } = await dialAny(["192.0.2.2", "192.0.2.1"], { timeoutMs: 100 });
  expect((await failure(other)).code).toBe("timeout");
});

test("an aborted connect rejects with the signal's reason, before and during the handshake", async () => {
  const silent = await bareSocket();
  onTestFinished(() => void silent.close());
  const url = `udp://127.0.0.1:${silent.address().port}`;
  const reason = new Error("changed my mind");
  await expect(connect(url, { auth: alice, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const abort = new AbortController();
  silent.once("message", () => abort.abort(reason));
  await expect(connect(url, { auth: alice, signal: abort.signal })).rejects.toBe(reason);
});

test("a host without address is unreachable", async () => {
  const error = await failure(connect("udp://does-not-exist.invalid:1", { auth: alice }));
  expect(error.code).toBe("unreachable");
});

test("the caller's mistakes are TypeErrors and RangeErrors, before anything is sent", async () => {
  for (const url of [
    "udp://127.0.0.1",
    "udp://",
    "http://127.0.0.1:1",
    "udp://h:1/path",
    "udp://h:1?q",
    "udp://h:0",
  ]) {
    await expect(connect(url, { auth: alice }), url).rejects.toBeInstanceOf(TypeError);
  }
  await expect(connect("udp://127.0.0.1:1", { auth: psk(() => key) })).rejects.toBeInstanceOf(TypeError);
  await expect(connect("udp://127.0.0.1:1", { auth: alice, timeoutMs: 0 })).rejects.toBeInstanceOf(
    RangeError,
  );
  await expect(connect("udp://127.0.0.1:1", { auth: alice, mtuBytes: 1 })).rejects.toBeInstanceOf(RangeError);
  await expect(listen("udp://127.0.0.1:0", { auth: alice, limits: { sessions: 0 } })).rejects.toBeInstanceOf(
    RangeError,
  );
  expect(() => psk({ identity: "alice", key: new Uint8Array(15) })).toThrow(RangeError);
  expect(() => psk({ identity: "", key })).toThrow(RangeError);
  const opened = await server();
  await expect(listen(opened.url, { auth: alice })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test.each<[string, object]>([
  ["groups by name", { groups: ["x25519"] }],
  ["no groups", { groups: [] }],
  ["no cipher suites", { cipherSuites: [] }],
  ["a protocol without a name", { applicationProtocols: ["chat", ""] }],
  ["a protocol with a long name", { applicationProtocols: ["x".repeat(250)] }],
  ["streams that are null", { streams: null }],
  ["no way to authenticate", { auth: undefined }],
  ["another way to authenticate", { auth: {} }],
])("%s: the caller's mistake, of a client and of a server", async (_, options) => {
  const wrong = { auth: alice, ...options } as typeof options & { auth: typeof alice };
  for (const promise of [connect("udp://127.0.0.1:9", wrong), listen("udp://127.0.0.1:0", wrong)]) {
    const error = await promise.catch((each: unknown) => each);
    expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
  }
});

test("one side's options that are out of range, and options that are missing", async () => {
  for (const keyShareGroups of [[9999], ["x25519"]]) {
    const promise = connect("udp://127.0.0.1:9", { auth: alice, keyShareGroups: keyShareGroups as never });
    await expect(promise).rejects.toBeInstanceOf(TypeError);
  }
  const tickets = listen("udp://127.0.0.1:0", { auth: alice, tickets: { count: 1e9 } });
  await expect(tickets).rejects.toBeInstanceOf(RangeError);
  for (const promise of [
    connect("udp://127.0.0.1:9", undefined as never),
    listen("udp://127.0.0.1:0", undefined as never),
  ]) {
    await expect(promise).rejects.toThrow(new TypeError("the option auth is missing"));
  }
  const nowhere = listen("udp://does-not-exist.invalid:0", { auth: alice });
  expect((await failure(nowhere)).code).toBe("unreachable");
});

test("without UDP sockets, as in browsers, connect and listen say so", async () => {
  expect((await failure(connectWithoutUdp("udp://127.0.0.1:1", { auth: alice }))).code).toBe("no_udp");
  expect((await failure(listenWithoutUdp("udp://127.0.0.1:0", { auth: alice }))).code).toBe("no_udp");
});

test("public keys: the two sides know each other's, and no other is let in", async () => {
  const [serverKey, clientKey, stranger] = await Promise.all([
    generatePkcs8("P-256"),
    generateSigner("Ed25519"),
    generateSigner("Ed25519"),
  ]);
  const trusted = [(await signerFromPkcs8(serverKey)).publicKey];
  const failures: string[] = [];
  const peers: unknown[] = [];
  const opened = await server({
    auth: publicKey({ key: serverKey, trusted: [clientKey.publicKey] }),
    onsession: (session) => peers.push(session.peer),
    onfailure: ({ code }) => failures.push(code),
  });
  const session = await dial(opened, { auth: publicKey({ key: clientKey, trusted }) });
  expect(session.peer).toMatchObject({ kind: "public_key", publicKey: trusted[0] });
  expect(peers).toMatchObject([{ kind: "public_key", publicKey: clientKey.publicKey }]);

  // The server judges last; connect waits for its word.
  const rejected = await failure(dial(opened, { auth: publicKey({ key: stranger, trusted }) }));
  expect(rejected.code).toBe("credential_rejected");
  const anonymous = await failure(dial(opened, { auth: publicKey({ trusted }) }));
  expect(anonymous.code).toBe("credential_rejected");
  const impostor = await failure(
    dial(opened, { auth: publicKey({ key: clientKey, trusted: [stranger.publicKey] }) }),
  );
  expect(impostor.code).toBe("untrusted_public_key");
  const other = await failure(dial(opened));
  expect(other.code).toBe("unknown_identity");
  expect(failures).toContain("untrusted_public_key");
  expect(opened.getStats()).toMatchObject({ sessions: 1, handshakes: 0 });
});

test("a ticket resumes a session as the same peer", async () => {
  const resumed: boolean[] = [];
  const opened = await server({
    onsession: (session) => {
      resumed.push(session.handshake.resumed);
      session.sendDatagram(utf8(JSON.stringify(session.peer)));
    },
  });
  const first = await dial(opened);
  const ticket = await ticketOf(first);
  const second = await dial(opened, { ticket });
  expect(second.handshake.resumed).toBe(true);
  const { value } = await second.datagrams.readable.getReader().read();
  expect(JSON.parse(text(value!))).toEqual({ kind: "psk", identity: "alice" });
  expect(resumed).toEqual([false, true]);
});

test("a ticket's age is told by the date, which goes on when the process ends", async () => {
  const opened = await server();
  const before = Date.now();
  const ticket = await ticketOf(await dial(opened));
  expect(ticket.receivedAtMs).toBeGreaterThanOrEqual(before);
  expect(ticket.receivedAtMs).toBeLessThanOrEqual(Date.now());
  const received = (ageMs: number) => ({ ...ticket, receivedAtMs: Date.now() - ageMs });
  expect((await dial(opened, { ticket: received(60_000) })).handshake.resumed).toBe(true);
  expect((await dial(opened, { ticket: received(7_300_000) })).handshake.resumed).toBe(false);
  expect((await dial(opened, { ticket: received(-60_000) })).handshake.resumed).toBe(false);
});

test("a ticket of a server that takes anybody does not open one that knows its clients", async () => {
  const [serverKey, clientKey] = await Promise.all([generatePkcs8("P-256"), generateSigner("Ed25519")]);
  const { publicKey: serverPublicKey } = await signerFromPkcs8(serverKey);
  const tickets = { secrets: [new Uint8Array(32).fill(5)] };
  const open = await server({ auth: publicKey({ key: serverKey }), tickets });
  const closed = await server({
    auth: publicKey({ key: serverKey, trusted: [clientKey.publicKey] }),
    tickets,
  });
  const auth = publicKey({ trusted: [serverPublicKey] });
  const ticket = await ticketOf(await dial(open, { auth }));
  expect((await dial(open, { auth, ticket })).handshake.resumed).toBe(true);
  expect((await failure(dial(closed, { auth, ticket }))).code).toBe("credential_rejected");
  expect(closed.getStats()).toMatchObject({ accepted: 0 });
});

test("both sides' key logs agree", async () => {
  const logs: [string[], string[]] = [[], []];
  const opened = await server({ keyLog: (line) => logs[0].push(line) });
  await dial(opened, { keyLog: (line) => logs[1].push(line) });
  const [ofServer, ofClient] = logs.map((lines) => lines.sort());
  expect(ofClient!.length).toBeGreaterThanOrEqual(5);
  expect(ofServer).toEqual(ofClient);
});
