import { expect, test } from "vitest";
import { Acceptor } from "../../src/dtls/acceptor.ts";
import { type ClientConfig, commonDefaults, type ServerConfig } from "../../src/dtls/config.ts";
import { CookieJar } from "../../src/dtls/cookie.ts";
import { readFragments } from "../../src/dtls/fragment.ts";
import { HelloBuffer } from "../../src/dtls/hello-buffer.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { SimulatedConnection } from "../sim/endpoint.ts";
import { clear, Network } from "../sim/network.ts";
import { core, crypto, sharedPsk } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { SimulatedServer } from "../sim/server.ts";

const base = { ...commonDefaults, core, crypto };
const serverConfig: ServerConfig = {
  ...base,
  role: "server",
  requireClientCertificate: false,
  acknowledgeServerName: true,
  choosePsk: () => ({ index: 0, psk: sharedPsk }),
};
const clientConfig: ClientConfig = {
  ...base,
  role: "client",
  psks: [sharedPsk],
  keyShareGroups: [NamedGroup.x25519],
};
const text = new TextEncoder();

/** The first flight of a client, datagram by datagram. */
function firstFlight(config: Partial<ClientConfig> = {}) {
  const network = new Network(new Random(1), clear);
  const options = { path: "server", pathValidated: true };
  const client = new SimulatedConnection(network, { ...clientConfig, ...config }, "client", options);
  client.connection.start();
  return { network, client, datagrams: network.sent.map(({ bytes }) => bytes) };
}

/** A handshake through the stateless front. */
async function connect(client: Partial<ClientConfig>, server: Partial<ServerConfig>, loss = 0, seed = 1) {
  const network = new Network(new Random(seed), { ...clear, loss });
  const listening = new SimulatedServer(network, { ...serverConfig, ...server }, "server");
  const options = { path: "server", pathValidated: true };
  const dialling = new SimulatedConnection(network, { ...clientConfig, ...client }, "client", options);
  dialling.connection.start();
  const accepted = () => listening.connections.get("client");
  await network.run(
    () => dialling.isClosed || (dialling.connected !== undefined && accepted()?.connected !== undefined),
    600_000,
  );
  return { network, client: dialling, server: accepted(), listening };
}

test("a client without a cookie is answered, and nothing is kept of it", () => {
  const acceptor = new Acceptor(serverConfig);
  const { datagrams } = firstFlight();
  const before = core.statistics.slots;
  const verdict = acceptor.judge(datagrams[0]!, text.encode("client"), 0);
  expect(verdict.kind).toBe("answer");
  expect(verdict.kind === "answer" && verdict.datagram.length).toBeLessThan(3 * datagrams[0]!.length);
  expect(core.statistics.slots).toBe(before);
});

test("a handshake completes through the cookie exchange, at 0 and at 30 % loss", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { client, server } = await connect({}, {}, seed === 1 ? 0 : 0.3, seed);
    expect(client.error, `seed ${seed}`).toBeUndefined();
    expect(client.connected?.usedHelloRetryRequest).toBe(true);
    expect(server?.connected?.peer).toEqual({ kind: "psk", identity: sharedPsk.identity });
  }
});

test("the cookie exchange also asks for another key share, of several datagrams", async () => {
  const groups = [NamedGroup.X25519MLKEM768, NamedGroup.x25519];
  const { client, server, network } = await connect({ groups }, { groups });
  expect(client.error).toBeUndefined();
  expect(server?.connected?.group).toBe(NamedGroup.X25519MLKEM768);
  expect(network.sent.every(({ bytes }) => bytes.length <= 1200)).toBe(true);
});

test("the suite that the cookie settles stays, with its hash", async () => {
  const cipherSuites = [CipherSuite.TLS_AES_256_GCM_SHA384];
  const { client } = await connect({ cipherSuites }, {});
  expect(client.error).toBeUndefined();
  expect(client.connected?.cipherSuite).toBe("TLS_AES_256_GCM_SHA384");
});

test.each([
  ["offers suites of that hash only", {}],
  [
    "could be shown a certificate as well",
    { verifyServer: { certificateTypes: [], verify: () => text.encode("") } },
  ],
])("a PSK for SHA-384 works with the usual suites, whether a client %s", async (_how, client) => {
  const psk = { ...sharedPsk, imported: false, hash: "SHA-384" as const };
  const outcome = await connect({ ...client, psks: [psk] }, { choosePsk: () => ({ index: 0, psk }) });
  expect(outcome.client.error).toBeUndefined();
  expect(outcome.client.connected?.cipherSuite).toBe("TLS_AES_256_GCM_SHA384");
});

test("a client that offers nothing acceptable is told so", async () => {
  const { client } = await connect({ cipherSuites: [CipherSuite.TLS_SHA256_SHA256] }, {});
  expect(client.error?.code).toBe("alert_handshake_failure");
});

test("a second ClientHello with an unknown cookie is answered with illegal_parameter (RFC 9147 §5.1)", async () => {
  const acceptor = new Acceptor(serverConfig);
  const { network, client, datagrams } = firstFlight();
  const first = acceptor.judge(datagrams[0]!, text.encode("client"), 0);
  if (first.kind !== "answer") throw new Error("no HelloRetryRequest");
  client.receive(first.datagram, "server");
  const second = network.sent.at(-1)!.bytes;
  expect(acceptor.judge(second, text.encode("client"), 0).kind).toBe("accept");
  const elsewhere = acceptor.judge(second, text.encode("elsewhere"), 0);
  expect(elsewhere.kind === "answer" && elsewhere.alert).toBe("illegal_parameter");
  const stranger = new Acceptor(serverConfig).judge(second, text.encode("client"), 0);
  expect(stranger.kind === "answer" && stranger.alert).toBe("illegal_parameter");
});

test("a cookie outlives one change of its key, and not two", () => {
  const jar = new CookieJar(crypto, 1000);
  const address = text.encode("client");
  const contents = {
    cipherSuite: 0x1303,
    hash: "SHA-256" as const,
    selectedGroup: 29,
    fingerprint: crypto.random(32),
    clientHello1Hash: crypto.random(32),
  };
  const cookie = jar.make(contents, address, 999);
  expect(jar.open(cookie, address, 1999)).toEqual(contents);
  expect(jar.open(cookie, address, 2000)).toBeUndefined();
});

test("every changed bit of a cookie makes it worthless", () => {
  const jar = new CookieJar(crypto);
  const address = text.encode("client");
  const contents = {
    cipherSuite: 0x1302,
    hash: "SHA-384" as const,
    selectedGroup: undefined,
    fingerprint: crypto.random(32),
    clientHello1Hash: crypto.random(48),
  };
  const cookie = jar.make(contents, address, 0);
  expect(jar.open(cookie, address, 0)).toEqual(contents);
  for (let bit = 0; bit < cookie.length * 8; bit++) {
    const changed = cookie.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(jar.open(changed, address, 0)).toBeUndefined();
  }
  for (let length = 0; length < cookie.length; length++) {
    expect(jar.open(cookie.slice(0, length), address, 0)).toBeUndefined();
  }
});

test("a ClientHello in pieces, in any order, is answered once it is whole", () => {
  const acceptor = new Acceptor(serverConfig);
  const { datagrams } = firstFlight({ mtuBytes: 128 });
  expect(datagrams.length).toBeGreaterThan(2);
  const kinds = datagrams.toReversed().map((each) => acceptor.judge(each, text.encode("client"), 0).kind);
  expect(kinds.pop()).toBe("answer");
  expect(new Set(kinds)).toEqual(new Set(["drop"]));
});

test("a second ClientHello in pieces, its cookie in none of them whole, is accepted once it is whole", () => {
  const acceptor = new Acceptor(serverConfig);
  const { network, client, datagrams } = firstFlight({ mtuBytes: 128 });
  const [retry] = datagrams
    .map((each) => acceptor.judge(each, text.encode("client"), 0))
    .filter(({ kind }) => kind === "answer");
  if (retry?.kind !== "answer") throw new Error("no HelloRetryRequest");
  client.receive(retry.datagram, "server");
  const second = network.sent.slice(datagrams.length).map(({ bytes }) => bytes);
  expect(second.length).toBeGreaterThan(2);
  for (const order of [second, second.toReversed()]) {
    const verdicts = order.map((each) => acceptor.judge(each, text.encode("client"), 0));
    const accepted = verdicts.pop();
    expect(new Set(verdicts.map(({ kind }) => kind))).toEqual(new Set(["drop"]));
    if (accepted?.kind !== "accept") throw new Error("not accepted");
    const { reader } = core;
    reader.begin(accepted.datagram, 0);
    expect(reader.next()).toBe(true);
    const [whole, ...others] = readFragments(reader.content.slice());
    expect(others).toEqual([]);
    expect([whole!.messageSeq, whole!.offset, whole!.data.length]).toEqual([1, 0, whole!.length]);
  }
});

test("a handshake through the cookie exchange completes in datagrams too small for a cookie, at 0 and at 10 % loss", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { client } = await connect({ mtuBytes: 128 }, {}, seed === 1 ? 0 : 0.1, seed);
    expect(client.error, `seed ${seed}`).toBeUndefined();
    expect(client.connected?.usedHelloRetryRequest).toBe(true);
  }
});

test("pieces of ClientHellos have a fixed number of places, and not for long", () => {
  const { datagrams } = firstFlight({ mtuBytes: 128 });
  const fragment = {
    type: 1,
    length: 300,
    messageSeq: 0,
    offset: 0,
    data: datagrams[0]!.slice(0, 100),
  };
  const buffer = new HelloBuffer(4);
  for (let i = 0; i < 10_000; i++) buffer.add(fragment, text.encode(`client ${i}`), 0);
  expect(buffer.size).toBe(4);
  // Nor is there a place for one that says that it is longer than any.
  expect(() => buffer.add({ ...fragment, length: 16_385 }, text.encode("too long"), 0)).toThrow("16385");
  expect(buffer.size).toBe(4);
  buffer.add(fragment, text.encode("later"), 2_000);
  expect(buffer.size).toBe(1);
});

test("whatever a datagram holds, the front answers or drops it, and answers are small", () => {
  const acceptor = new Acceptor(serverConfig);
  const random = new Random(20_261_120);
  const { datagrams } = firstFlight();
  const hello = datagrams[0]!;
  for (let i = 0; i < 5000; i++) {
    const datagram =
      i % 2 === 0 ? random.bytes(random.below(600)) : hello.slice(0, random.below(hello.length) + 1);
    const flips = random.below(4);
    for (let n = 0; n < flips && datagram.length > 0; n++)
      datagram[random.below(datagram.length)] = random.below(256);
    const verdict = acceptor.judge(datagram, text.encode("client"), 0);
    if (verdict.kind === "answer") expect(verdict.datagram.length).toBeLessThanOrEqual(3 * datagram.length);
    expect(verdict.kind).not.toBe("accept");
  }
});

test("one whose address a cookie has proved keeps its place before those of strangers", () => {
  const buffer = new HelloBuffer(4);
  const part = (offset: number, length: number) => {
    return { type: 1, length: 300, messageSeq: 1, offset, data: new Uint8Array(length) };
  };
  for (const name of ["proved", "stranger"]) buffer.add(part(0, 200), text.encode(name), 0);
  buffer.prove(1, text.encode("proved"));
  for (let i = 0; i < 100; i++) buffer.add(part(0, 200), text.encode(`flood ${i}`), 0);
  expect(buffer.size).toBe(4);
  expect(buffer.add(part(200, 100), text.encode("stranger"), 0)).toBeUndefined();
  expect(buffer.add(part(200, 100), text.encode("proved"), 0)?.length).toBe(304);
});

test("the beginning of a second ClientHello keeps a place by its cookie", () => {
  const acceptor = new Acceptor(serverConfig, 2);
  const address = text.encode("client");
  const { network, client, datagrams } = firstFlight({ mtuBytes: 300 });
  const [retry] = datagrams
    .map((each) => acceptor.judge(each, address, 0))
    .filter(({ kind }) => kind === "answer");
  if (retry?.kind !== "answer") throw new Error("no HelloRetryRequest");
  client.receive(retry.datagram, "server");
  const second = network.sent.slice(datagrams.length).map(({ bytes }) => bytes);
  expect(second.length).toBeGreaterThan(1);
  expect(acceptor.judge(second[0]!, address, 0).kind).toBe("drop");
  for (let i = 0; i < 100; i++) acceptor.judge(datagrams[0]!, text.encode(`flood ${i}`), 0);
  const kinds = second.slice(1).map((each) => acceptor.judge(each, address, 0).kind);
  expect(kinds.at(-1)).toBe("accept");
});

test("before the cookie nothing is answered but by a HelloRetryRequest, whatever contradicts what", () => {
  const acceptor = new Acceptor(serverConfig);
  const address = text.encode("client");
  const { datagrams } = firstFlight({ mtuBytes: 128 });
  const { reader } = core;
  reader.begin(datagrams[0]!, 0);
  reader.next();
  const [real] = [...readFragments(reader.content.slice())];
  /** A byte of another ClientHello: 26 bytes on the wire. */
  const spoofed = (messageSeq: number, length: number, offset: number, type = 1) => {
    const header = [type, 0, length >> 8, length, 0, messageSeq, 0, offset >> 8, offset, 0, 0, 1, 0x5a];
    const datagram = new Uint8Array(13 + header.length);
    core.writePlaintext(22, 7, Uint8Array.from(header), datagram, 0);
    return datagram;
  };
  for (const between of datagrams.keys()) {
    for (const forged of [
      spoofed(0, real!.length, 0),
      spoofed(0, real!.length - 1, 0),
      spoofed(0, real!.length + 1, real!.length),
      spoofed(0, 20_000, 0),
      spoofed(1, 77, 0),
      spoofed(0, 1, 0),
      spoofed(1, 1, 0),
    ]) {
      const verdicts = datagrams.flatMap((each, i) => [
        ...(i === between ? [acceptor.judge(forged, address, 0)] : []),
        acceptor.judge(each, address, 0),
      ]);
      // It may have cost what came before it: the client sends that again.
      verdicts.push(...datagrams.map((each) => acceptor.judge(each, address, 0)));
      const answers = verdicts.filter(({ kind }) => kind === "answer");
      expect(answers.length).toBeGreaterThan(0);
      for (const answer of answers) {
        if (answer.kind !== "answer") throw new Error("no answer");
        expect([answer.alert, answer.datagram[0]]).toEqual([undefined, 22]);
      }
      acceptor.judge(datagrams[0]!, text.encode("other"), 3_000);
    }
  }
});

test("a client without DTLS 1.3, or with suites that are all unknown, is not answered", () => {
  const acceptor = new Acceptor(serverConfig);
  const [hello] = firstFlight({ cipherSuites: [CipherSuite.TLS_AES_128_GCM_SHA256] }).datagrams;
  const changed = (from: readonly number[], to: readonly number[]) => {
    const at = hello!.findIndex((_, i) => from.every((byte, n) => hello![i + n] === byte));
    expect(at).toBeGreaterThan(0);
    const copy = hello!.slice();
    copy.set(to, at);
    return copy;
  };
  for (const datagram of [
    changed([0, 43, 0, 3, 2, 0xfe, 0xfc], [0, 43, 0, 3, 2, 0xfe, 0xfd]),
    changed([0, 2, 0x13, 0x01], [0, 2, 0x13, 0x05]),
  ]) {
    expect(acceptor.judge(datagram, text.encode("client"), 0)).toEqual({
      kind: "drop",
      reason: "unanswerable",
    });
  }
});

const wide = { ...commonDefaults.reliability, recordsPerTransmission: 100 };

/** Protocols that make a first ClientHello as long as this, in bytes. */
function protocolsFor(bytes: number): string[] {
  const length = (applicationProtocols: string[]) =>
    firstFlight({ applicationProtocols, reliability: wide }).datagrams.reduce(
      (sum, each) => sum + each.length - 25,
      0,
    );
  const missing = bytes - length(["first"]);
  const names = Array.from({ length: Math.floor(missing / 200) }, (_, i) => `${i}`.padEnd(199, "x"));
  names.unshift("first".padEnd(5 + (missing % 200), "x"));
  expect(length(names)).toBe(bytes);
  return names;
}

// The second one has the cookie as well.
test.each([8_193, 16_384 - 200])("a ClientHello of %i bytes in pieces is accepted", async (bytes) => {
  const config = { mtuBytes: 1200, applicationProtocols: protocolsFor(bytes) };
  const { client } = await connect(config, {});
  expect(client.error).toBeUndefined();
  expect(client.connected).toBeDefined();
});

test("a ClientHello in pieces is answered up to 16 kB, and counted beyond", () => {
  for (const [bytes, kind] of [
    [16_384, "answer"],
    [16_385, "drop"],
  ] as const) {
    const acceptor = new Acceptor(serverConfig);
    const { datagrams } = firstFlight({
      mtuBytes: 1200,
      applicationProtocols: protocolsFor(bytes),
      reliability: wide,
    });
    const verdicts = datagrams.map((each) => acceptor.judge(each, text.encode("client"), 0));
    const reason = kind === "drop" ? { reason: "malformed" } : {};
    expect(verdicts.at(-1)).toMatchObject({ kind, ...reason });
  }
});
