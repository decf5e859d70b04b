/** Peers that do what RFC 9147 allows, and few do. */
import { expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { CertificateType, commonDefaults } from "../../src/dtls/config.ts";
import { readFragments, writeFragment } from "../../src/dtls/fragment.ts";
import { Reassembler } from "../../src/dtls/reassembly.ts";
import { NamedGroup, ProtocolVersion } from "../../src/tls/codepoints.ts";
import { createPair } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";

const limits = { messageBytes: 65_536, plaintextBytes: 65_536, aheadBytes: 65_536, messagesAhead: 6 };

/** A handshake message of type 11 with this many bytes of body, and one fragment of it as a record carries it. */
const message = Uint8Array.from({ length: 4 + 1200 }, (_, i) => [11, 0, 1200 >> 8, 1200 & 0xff][i] ?? i);
function fragment(offset: number, length: number) {
  const content = new Uint8Array(12 + length);
  writeFragment(message, 0, offset, length, content, 0);
  return [...readFragments(content)][0]!;
}

test("one side may change its keys any number of times while the other keeps its own (§8)", async () => {
  const pair = createPair();
  expect(await pair.connect()).toBe(true);
  const { client, server } = pair;
  for (let epoch = 4; epoch < 9; epoch++) {
    await pair.until(() => !client.connection.isBusy && !server.connection.isBusy);
    client.connection.updateKeys();
    await pair.until(() => client.connection.writeEpoch === epoch);
    client.connection.send(Uint8Array.of(epoch));
    await pair.until(() => server.received.length > epoch - 4);
  }
  expect([client.error, server.error]).toEqual([undefined, undefined]);
  expect([client.connection.writeEpoch, server.connection.writeEpoch]).toEqual([8, 3]);
  expect(server.received.map(([byte]) => byte)).toEqual([4, 5, 6, 7, 8]);
});

test("an empty fragment of a message that is not empty says nothing (§5.5)", () => {
  const reassembler = new Reassembler(limits);
  expect(reassembler.add(fragment(7, 0), 0)).toBe("old");
  expect(reassembler.isWaiting).toBe(false);
  expect(reassembler.add(fragment(0, 1200), 0)).toBe("advanced");
  expect(reassembler.next()?.bytes).toEqual(message);
});

test("a client with a connection ID longer than records here can have is served without (§9)", async () => {
  for (const length of [20, 21, 255]) {
    const pair = createPair({
      clientOptions: { connectionId: new Uint8Array(length).fill(1) },
      serverOptions: { connectionId: new Uint8Array(8).fill(2) },
    });
    expect(await pair.connect(), `${length} bytes`).toBe(true);
    pair.client.connection.send(Uint8Array.of(length));
    await pair.until(() => pair.server.received.length > 0);
    expect(pair.server.received).toEqual([Uint8Array.of(length)]);
  }
});

test("a client says that a server's connection ID is too long for it (§9)", async () => {
  const { client, server, network, until } = createPair({
    clientOptions: { connectionId: new Uint8Array(0) },
    serverOptions: { connectionId: new Uint8Array(21).fill(2) },
  });
  network.filter = () => false;
  client.connection.start();
  await client.idle();
  server.receive(network.sent[0]!.bytes, "client");
  await server.idle();
  client.receive(network.sent[1]!.bytes, "server");
  await until(() => client.isClosed, 1_000);
  expect(client.error).toMatchObject({ code: "connection_id_too_long", alert: "handshake_failure" });
});

test("a message in fragments of two bytes arrives, in whatever order they come (§5.5)", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const random = new Random(seed);
    const offsets = Array.from({ length: 600 }, (_, i) => 2 * i);
    const shuffled = offsets.map((offset) => ({ offset, key: random.next() })).sort((a, b) => a.key - b.key);
    const reassembler = new Reassembler(limits);
    for (const { offset } of shuffled) expect(reassembler.add(fragment(offset, 2), 0)).toBe("advanced");
    expect(reassembler.next()?.bytes, `seed ${seed}`).toEqual(message);
  }
});

test("the first ClientHello alone may say DTLS 1.0 (§4)", async () => {
  const pair = createPair({
    client: { initialRecordVersion: ProtocolVersion.dtls1_0 },
    server: { groups: [NamedGroup.secp256r1] },
  });
  expect(await pair.connect()).toBe(true);
  const versionOf = (record: Bytes) => (record[1]! << 8) | record[2]!;
  const plaintext = pair.network.sent.filter(({ bytes }) => bytes[0] === 22);
  const versions = plaintext.map(({ from, bytes }) => [from, versionOf(bytes)]);
  expect(versions).toEqual([
    ["client", 0xfeff],
    ["server", 0xfefd],
    ["client", 0xfefd],
    ["server", 0xfefd],
  ]);
});

test.each([
  [2, 1024],
  [Number.POSITIVE_INFINITY, 1200],
])(
  "what was lost %d times at full size is sent in smaller datagrams, of %d bytes (§4.4)",
  async (transmissionsAtFullSize, largestBytes) => {
    const pair = createPair({
      client: {
        keyShareGroups: [NamedGroup.X25519MLKEM768],
        groups: [NamedGroup.X25519MLKEM768],
        reliability: { ...commonDefaults.reliability, transmissionsAtFullSize },
      },
    });
    pair.network.filter = () => false;
    expect(await pair.connect(2000)).toBe(false);
    const largest = Math.max(...pair.network.sent.slice(-2).map(({ bytes }) => bytes.length));
    expect(largest).toBe(largestBytes);
  },
);

test("a flight of small records waits for its keys while these are being computed (§4.2.1)", async () => {
  const signer = await generateSigner("P-256");
  const { X25519MLKEM768 } = NamedGroup;
  const credential = { type: CertificateType.X509, certificates: [new Uint8Array(5000)], signer };
  const pair = createPair({
    client: {
      psks: [],
      groups: [X25519MLKEM768],
      keyShareGroups: [X25519MLKEM768],
      verifyServer: { certificateTypes: [CertificateType.X509], verify: () => signer.publicKey },
    },
    server: {
      groups: [X25519MLKEM768],
      mtuBytes: 296,
      credentials: [credential],
      reliability: { ...commonDefaults.reliability, recordsPerTransmission: Number.POSITIVE_INFINITY },
    },
  });
  const { client, server, network } = pair;
  const flight: Bytes[] = [];
  network.filter = ({ from, bytes }) => {
    if (from === "server") flight.push(bytes);
    return from === "client";
  };
  client.connection.start();
  await pair.until(() => flight.length > 20);
  network.filter = undefined;
  // All of it is there before the client has done anything with the ServerHello.
  for (const datagram of flight) client.connection.handleDatagram(datagram, "server");
  expect(client.connection.isComputing).toBe(true);
  await client.idle();
  await pair.until(() => server.connected !== undefined);
  expect(client.connection.drops).toEqual({});
  expect(network.nowMs).toBeLessThan(100);
});

test("a server that asks for a cookie as DTLS 1.2 does is told that its version is too old (§5.2)", async () => {
  const { client, network, until } = createPair();
  network.filter = () => false;
  client.connection.start();
  const body = Uint8Array.of(0xfe, 0xff, 0);
  const fragment = Uint8Array.of(3, 0, 0, body.length, 0, 0, 0, 0, 0, 0, 0, body.length, ...body);
  const record = Uint8Array.of(22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, fragment.length, ...fragment);
  client.connection.handleDatagram(record, "server");
  await until(() => client.isClosed, 1_000);
  expect(client.error).toMatchObject({ code: "unsupported_version", alert: "protocol_version" });
});
