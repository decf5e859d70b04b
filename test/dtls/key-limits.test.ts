import { expect, test } from "vitest";
import { Lab } from "../conformance/scripted-peer.ts";
import { createPair } from "../sim/pair.ts";

test("keys are updated before they have sealed as many records as they may (RFC 9147 §4.5.3)", async () => {
  const pair = createPair({ client: { keyLimits: { sealed: 64 } } });
  const { client, server } = pair;
  expect(await pair.connect()).toBe(true);
  for (let i = 0; i < 1000; i++) {
    client.connection.send(Uint8Array.of(i >> 8, i));
    if (i % 8 === 0) await pair.until(() => false, 100);
  }
  await pair.until(() => server.received.length === 1000);
  expect(server.received.length).toBe(1000);
  expect(client.connection.writeEpoch).toBeGreaterThan(3 + 1000 / 64);
});

/** Changes the last byte of records from the client: each is a forgery to the server. */
async function forge(pair: ReturnType<typeof createPair>, count: number) {
  for (let i = 0; i < count && !pair.server.isClosed; i++) {
    pair.client.connection.send(Uint8Array.of(i));
    const forged = pair.network.sent.at(-1)!.bytes.slice();
    forged[forged.length - 1]! ^= 1;
    pair.network.inject("client", "server", forged);
    await pair.until(() => false, 30);
  }
}

test("a key that has seen half of the forgeries it may is changed on request of its reader", async () => {
  const pair = createPair({ server: { keyLimits: { failed: 16 } } });
  expect(await pair.connect()).toBe(true);
  await forge(pair, 8);
  await pair.until(() => pair.client.connection.writeEpoch > 3);
  expect(pair.client.connection.writeEpoch).toBe(4);
  expect(pair.server.isClosed).toBe(false);
});

test("forgeries beyond that request no more, and change no keys of their reader's, until the peer has changed its own", () => {
  const lab = new Lab("server", { server: { keyLimits: { failed: 64 } } }).establish();
  const forged = lab.record(3, 23, Uint8Array.of(1));
  forged[forged.length - 1]! ^= 1;
  for (let i = 0; i < 40; i++) lab.say(forged);
  const [request, ...others] = lab.fragments();
  expect([request!.data[0], others]).toEqual([1, []]);
  lab.ack(3, [request!.record]);
  for (let i = 0; i < 20; i++) lab.say(forged);
  expect([lab.fragments(), lab.subject.writeEpoch]).toEqual([[], 4]);
});

test("a key that has seen as many forgeries as it may ends the connection", async () => {
  const pair = createPair({ server: { keyLimits: { failed: 16 } } });
  expect(await pair.connect()).toBe(true);
  // The update that the server asks for is kept from it.
  pair.network.filter = ({ from }) => from !== "server";
  await forge(pair, 40);
  expect(pair.server.error?.code).toBe("too_many_forgeries");
});

test("records of the keys before an update may be forged until those keys are worn out, and nothing else ends", async () => {
  const pair = createPair({ server: { keyLimits: { failed: 16 } } });
  expect(await pair.connect()).toBe(true);
  pair.client.connection.send(Uint8Array.of(1));
  const old = pair.network.sent.at(-1)!.bytes.slice();
  old[old.length - 1]! ^= 1;
  pair.client.connection.updateKeys();
  await pair.until(() => pair.client.connection.writeEpoch === 4);
  for (let i = 0; i < 40; i++) pair.network.inject("client", "server", old);
  await pair.until(() => false, 1000);
  pair.client.connection.send(Uint8Array.of(2));
  await pair.until(() => pair.server.received.length === 2);
  expect(pair.server.received.at(-1)).toEqual(Uint8Array.of(2));
  expect(pair.server.isClosed).toBe(false);
});

test("messages of the protocol may use up what data leaves of a key; then the connection ends, and says why", async () => {
  const pair = createPair({ client: { keyLimits: { sealed: 32 } } });
  expect(await pair.connect()).toBe(true);
  const { client, network } = pair;
  // Nothing that the client says is acknowledged any more.
  network.filter = ({ from }) => from !== "server";
  while (client.connection.send(Uint8Array.of(1)));
  expect(client.connection.nextSequenceNumber).toBe(30);
  await pair.until(() => client.isClosed, 600_000);
  expect(client.error?.code).toBe("key_exhausted");
  expect(client.error?.alert).toBe("internal_error");
  network.filter = undefined;
  // The last record of the key is the alert.
  const [last] = network.sent.slice(-1);
  expect(last!.from).toBe("client");
  network.inject("client", "server", last!.bytes);
  await pair.until(() => pair.server.isClosed, 1000);
  expect(pair.server.error?.code).toBe("alert_internal_error");
});

test("a check of the peer's new address with a key that is worn out ends the connection, and does not throw", async () => {
  const options = { connectionId: Uint8Array.of(1, 2, 3, 4) };
  const pair = createPair({
    server: { keyLimits: { sealed: 32 } },
    serverOptions: options,
    clientOptions: { connectionId: new Uint8Array(0) },
  });
  expect(await pair.connect()).toBe(true);
  const { client, server, network } = pair;
  network.filter = ({ from }) => from !== "client";
  while (server.connection.send(Uint8Array.of(1)));
  await pair.until(() => server.connection.nextSequenceNumber === 31, 1000);
  expect(server.connection.nextSequenceNumber).toBe(31);
  network.filter = undefined;
  client.connection.send(Uint8Array.of(2));
  network.inject("elsewhere", "server", network.sent.at(-1)!.bytes);
  await pair.until(() => server.isClosed, 1000);
  expect(server.error?.code).toBe("key_exhausted");
});
