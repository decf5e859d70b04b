/** What anybody may have sent: plaintext, once only protected records are expected (RFC 9147 §4.5.2), and records before their keys. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { type ClientConfig, commonDefaults, type ServerConfig } from "../../src/dtls/config.ts";
import { writeFragment } from "../../src/dtls/fragment.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { SimulatedConnection } from "../sim/endpoint.ts";
import { clear, Network } from "../sim/network.ts";
import { core, createPair, crypto, type Pair, sharedPsk } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { SimulatedServer } from "../sim/server.ts";

function plaintext(type: number, sequenceNumber: number, content: Uint8Array): Bytes {
  const datagram = new Uint8Array(13 + content.length);
  core.writePlaintext(type, sequenceNumber, content, datagram, 0);
  return datagram;
}

function laterMessage(messageSeq: number): Bytes {
  const content = new Uint8Array(16);
  writeFragment(Uint8Array.of(8, 0, 0, 4, 1, 2, 3, 4), messageSeq, 0, 4, content, 0);
  return content;
}

const { handshake, ack, alert } = ContentType;
const forgeries: readonly (readonly [string, number, Uint8Array])[] = [
  ["the next message", handshake, laterMessage(1)],
  ["a later message", handshake, laterMessage(3)],
  ["an empty handshake record", handshake, new Uint8Array(0)],
  ["a malformed ACK", ack, Uint8Array.of(0, 16, 1)],
  ["an ACK of a later epoch", ack, encodeAck([{ epoch: 3, sequenceNumber: 0 }])],
  [
    "an ACK of all hellos",
    ack,
    encodeAck([0, 1, 2, 3].map((sequenceNumber) => ({ epoch: 0, sequenceNumber }))),
  ],
  ["a malformed alert", alert, Uint8Array.of(2)],
];
const alerts: readonly (readonly [string, number, Uint8Array])[] = [
  ["close_notify", alert, Uint8Array.of(1, 0)],
  ["a fatal alert", alert, Uint8Array.of(2, 40)],
];

/** Lets everything pass again: the handshake has to succeed by retransmissions. */
async function recovers({ network, client, server, until }: Pair): Promise<boolean> {
  network.filter = undefined;
  const done = () => client.connected !== undefined && server.connected !== undefined;
  return until(() => done() || client.isClosed || server.isClosed, 5_000).then(() => done());
}

test.each(forgeries)(
  "%s does not end the handshake of a server that has sent its flight",
  async (...forged) => {
    const pair = createPair();
    const { network, client, server, until } = pair;
    network.filter = ({ from }) => from === "client";
    client.connection.start();
    await until(() => network.bytesSent("server", "client") > 0, 100);
    server.receive(plaintext(forged[1], 9, forged[2]), "client");
    expect(server.error).toBeUndefined();
    expect(await recovers(pair)).toBe(true);
  },
);

test("a server that has sent its flight heeds the alert of a client that refuses the ServerHello", async () => {
  const { network, client, server, until } = createPair();
  network.filter = ({ from }) => from === "client";
  client.connection.start();
  await until(() => network.bytesSent("server", "client") > 0, 100);
  server.receive(plaintext(alert, 9, Uint8Array.of(2, 51)), "client");
  network.filter = ({ from }) => from !== "client";
  await until(() => server.isClosed, 1_000);
  expect(server.error?.code).toBe("alert_decrypt_error");
});

/** A client that has the ServerHello and nothing more; it is still computing its keys if the group takes long. */
async function clientWithHello(group: (typeof NamedGroup)["x25519" | "X25519MLKEM768"]): Promise<Pair> {
  const pair = createPair({
    client: { groups: [group], keyShareGroups: [group], mtuBytes: 1500 },
    server: { groups: [group], mtuBytes: 1500 },
  });
  const { network, client, until } = pair;
  const flight: Bytes[] = [];
  network.filter = ({ from, bytes }) => {
    if (from === "server") flight.push(bytes);
    return from === "client";
  };
  client.connection.start();
  await until(() => flight.length > 0, 100);
  const hello = flight[0]!.subarray(0, 13 + ((flight[0]![11]! << 8) | flight[0]![12]!));
  client.receive(hello.slice(), "server");
  return pair;
}

test.each([...forgeries, ...alerts])(
  "%s does not end the handshake of a client that has keys",
  async (...forged) => {
    const pair = await clientWithHello(NamedGroup.x25519);
    await pair.client.idle();
    pair.client.receive(plaintext(forged[1], 9, forged[2]), "server");
    expect(pair.client.error).toBeUndefined();
    expect(await recovers(pair)).toBe(true);
  },
);

test.each([...forgeries, ...alerts])(
  "%s does not end the handshake of a client that computes its keys",
  async (...forged) => {
    const pair = await clientWithHello(NamedGroup.X25519MLKEM768);
    expect(pair.client.connection.isComputing).toBe(true);
    pair.client.receive(plaintext(forged[1], 9, forged[2]), "server");
    await pair.client.idle();
    expect(pair.client.error).toBeUndefined();
    expect(await recovers(pair)).toBe(true);
  },
);

test("an ACK in plaintext does not keep a second ClientHello from being sent again", async () => {
  const pair = createPair({ server: { groups: [NamedGroup.secp256r1] } });
  const { network, client, until } = pair;
  network.filter = ({ from }) => from === "server" || network.bytesSent("server", "client") === 0;
  client.connection.start();
  await until(() => network.sent.filter(({ from }) => from === "client").length === 2, 100);
  const numbers = [0, 1, 2].map((sequenceNumber) => ({ epoch: 0, sequenceNumber }));
  client.receive(plaintext(ack, 9, encodeAck(numbers)), "server");
  expect(await recovers(pair)).toBe(true);
});

test("what an ACK in plaintext names is not sent with the rest, and sent again once that is not answered", async () => {
  const { network, client, server, until } = createPair();
  network.filter = ({ from }) => from === "client";
  client.connection.start();
  const fromServer = () => network.sent.filter(({ from }) => from === "server").map(({ bytes }) => bytes[0]);
  await until(() => fromServer().length > 0, 100);
  expect(fromServer()).toEqual([22]);
  network.filter = () => false;
  for (const number of [9, 10]) {
    server.receive(plaintext(ack, number, encodeAck([{ epoch: 0, sequenceNumber: 0 }])), "client");
    expect(fromServer()).toEqual([22]);
  }
  await until(() => fromServer().length === 2, 2_000);
  expect(fromServer()).toEqual([22, 0x2e]);
  await until(() => fromServer().length === 3, 2_000);
  expect(fromServer()).toEqual([22, 0x2e, 22]);
});

test("records of epochs that get no keys in a handshake take no place of those that do", async () => {
  const pair = createPair();
  const { network, client, until } = pair;
  const flight: Bytes[] = [];
  network.filter = ({ from, bytes }) => {
    if (from === "server") flight.push(bytes);
    return from === "client";
  };
  client.connection.start();
  await until(() => flight.length > 0, 100);
  for (let i = 0; i < 200; i++) {
    const forged = new Uint8Array(45);
    forged.set([0x2c | (i & 1), 0, i, 0, 40]);
    client.receive(forged, "server");
  }
  expect(client.connection.drops).toEqual({ no_epoch: 200 });
  const helloBytes = 13 + ((flight[0]![11]! << 8) | flight[0]![12]!);
  client.receive(flight[0]!.slice(helloBytes), "server");
  client.receive(flight[0]!.slice(0, helloBytes), "server");
  await client.idle();
  expect(client.connected).toBeDefined();
});

// Before there is anything to tell the peer by: whatever one datagram of a stranger says, the handshake goes on.

function handshakeRecord(
  type: number,
  length: number,
  messageSeq: number,
  offset: number,
  data: Uint8Array,
): Bytes {
  const header = [type, 0, length >> 8, length, messageSeq >> 8, messageSeq, 0, offset >> 8, offset, 0, 0];
  return plaintext(handshake, 9, Uint8Array.of(...header, data.length, ...data));
}

const byte = Uint8Array.of(0x5a);
const strangers: readonly (readonly [string, Bytes])[] = [
  ["close_notify", plaintext(alert, 9, Uint8Array.of(1, 0))],
  ["a fatal alert", plaintext(alert, 9, Uint8Array.of(2, 40))],
  ["protocol_version", plaintext(alert, 9, Uint8Array.of(2, 70))],
  ["a malformed alert", plaintext(alert, 9, Uint8Array.of(2))],
  ["a malformed ACK", plaintext(ack, 9, Uint8Array.of(0, 16, 1))],
  ["an ACK of a later epoch", plaintext(ack, 9, encodeAck([{ epoch: 3, sequenceNumber: 0 }]))],
  ["an empty ACK", plaintext(ack, 9, encodeAck([]))],
  ["an empty handshake record", plaintext(handshake, 9, new Uint8Array(0))],
  ["a fragment that runs over its message", handshakeRecord(2, 3, 0, 3, byte)],
  ...[0, 1].flatMap((messageSeq): [string, Bytes][] => [
    [`a byte of another ClientHello ${messageSeq}`, handshakeRecord(1, 300, messageSeq, 7, byte)],
    [`a byte of another ServerHello ${messageSeq}`, handshakeRecord(2, 99, messageSeq, 7, byte)],
    [`a message ${messageSeq} above all limits`, handshakeRecord(2, 65_535, messageSeq, 0, byte)],
    [
      `a HelloVerifyRequest ${messageSeq}`,
      handshakeRecord(3, 3, messageSeq, 0, Uint8Array.of(0xfe, 0xff, 0)),
    ],
    [`a ServerHello ${messageSeq} of nothing`, handshakeRecord(2, 1, messageSeq, 0, byte)],
    [`a message ${messageSeq} of an unknown type`, handshakeRecord(99, 1, messageSeq, 0, byte)],
    [`a Finished ${messageSeq}`, handshakeRecord(20, 1, messageSeq, 0, byte)],
  ]),
];

describe.each(["client", "server"] as const)("a %s", (victim) => {
  test.each(strangers)("%s ends no handshake, whenever it comes", async (_, forged) => {
    for (const mtuBytes of [1200, 128]) {
      for (let moment = 0; moment < 12; moment++) {
        const network = new Network(new Random(moment), clear);
        const base = { ...commonDefaults, core, crypto, mtuBytes };
        const config: ServerConfig = {
          ...base,
          role: "server",
          requireClientCertificate: false,
          acknowledgeServerName: true,
          choosePsk: () => ({ index: 0, psk: sharedPsk }),
        };
        const server = new SimulatedServer(network, config, "server");
        const own: ClientConfig = {
          ...base,
          role: "client",
          psks: [sharedPsk],
          keyShareGroups: [NamedGroup.x25519],
        };
        const client = new SimulatedConnection(network, own, "client", {
          path: "server",
          pathValidated: true,
        });
        const other = victim === "client" ? "server" : "client";
        let sent = 0;
        network.filter = () => {
          // Right behind a datagram of either side's, and so in front of its answer.
          if (sent++ === moment) network.inject(other, victim, forged, 11);
          return true;
        };
        client.connection.start();
        const isOver = () => client.isClosed || server.connections.get("client")?.connected !== undefined;
        await network.run(isOver, 10_000);
        const context = `datagrams of ${mtuBytes}, moment ${moment}`;
        expect([client.error, client.isClosed], context).toEqual([undefined, false]);
        expect(server.connections.get("client")?.error, context).toBeUndefined();
        expect(client.connected, context).toBeDefined();
      }
    }
  });
});

test("what is said against a handshake in the clear is believed when the peer does not go on", async () => {
  const { client, network, until } = createPair();
  network.filter = () => false;
  client.connection.start();
  client.receive(plaintext(alert, 9, Uint8Array.of(2, 71)), "server");
  client.receive(plaintext(alert, 9, Uint8Array.of(2, 40)), "server");
  expect(client.isClosed).toBe(false);
  await until(() => client.isClosed, 1_000);
  // Of several, the first.
  expect(client.error?.code).toBe("alert_insufficient_security");
  expect(network.nowMs).toBe(500);
});
