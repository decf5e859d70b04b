/** What anybody may have sent: plaintext, once only protected records are expected (RFC 9147 §4.5.2), and records before their keys. */
import { expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { writeFragment } from "../../src/dtls/fragment.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { core, createPair, type Pair } from "../sim/pair.ts";

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
  expect(server.error?.code).toBe("alert_decrypt_error");
});

/** A client that has the ServerHello and nothing more; it is still computing its keys if the group takes long. */
async function clientWithHello(group: (typeof NamedGroup)["x25519" | "X25519MLKEM768"]): Promise<Pair> {
  const pair = createPair({
    client: { groups: [group], keyShareGroups: [group] },
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
  for (const number of [9, 10]) {
    server.receive(plaintext(ack, number, encodeAck([{ epoch: 0, sequenceNumber: 0 }])), "client");
    expect(fromServer()).toEqual([22, 0x2e]);
  }
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
