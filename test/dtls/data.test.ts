/** Application data: how much fits, under which record number it goes, and whether it went at all. */
import { describe, expect, test } from "vitest";
import { CipherSuite } from "../../src/tls/suites.ts";
import { createPair, type Pair, type PairOptions } from "../sim/pair.ts";

const suites = [CipherSuite.TLS_CHACHA20_POLY1305_SHA256, CipherSuite.TLS_AES_128_GCM_SHA256];

async function connected(options: PairOptions = {}): Promise<Pair> {
  const pair = createPair(options);
  expect(await pair.connect()).toBe(true);
  await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
  return pair;
}

describe.each(suites)("with suite 0x%s", (suite) => {
  test("each record number is known before it is sent, and told on receipt, across key updates", async () => {
    const pair = await connected({ client: { cipherSuites: [suite] } });
    const { client, server } = pair;
    const expected: unknown[] = [];
    for (let i = 0; i < 20; i++) {
      const { writeEpoch, nextSequenceNumber } = client.connection;
      expect(client.connection.send(Uint8Array.of(i), i)).toBe(true);
      expected.push({ epoch: writeEpoch, sequenceNumber: nextSequenceNumber });
      if (i % 5 === 4) {
        client.connection.updateKeys();
        await pair.until(() => !client.connection.isBusy);
      }
    }
    await pair.until(() => server.received.length === 20);
    expect(server.received.map(([first]) => first)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(server.receivedNumbers).toEqual(expected);
    expect(client.connection.writeEpoch).toBe(7);
  });

  test("a datagram takes as much as is said, and not a byte more unless it is a probe", async () => {
    const pair = await connected({ client: { cipherSuites: [suite] } });
    const { client, server, network } = pair;
    const { connection } = client;
    const most = connection.maxDataBytes;
    expect(most).toBe(1200 - connection.dataOverhead);
    expect(connection.maxDataBytesAt(1500)).toBe(1500 - connection.dataOverhead);
    expect(connection.maxDataBytesAt(65_535)).toBe(2 ** 14);
    expect(connection.maxDataBytesAt(10)).toBe(0);
    expect(connection.send(new Uint8Array(most))).toBe(true);
    expect(connection.send(new Uint8Array(most - 7), 7)).toBe(true);
    const before = connection.nextSequenceNumber;
    expect(() => connection.send(new Uint8Array(most + 1))).toThrow(RangeError);
    expect(() => connection.send(new Uint8Array(most), 1)).toThrow(RangeError);
    expect(() => connection.send(new Uint8Array(1), -1)).toThrow(RangeError);
    expect(() => connection.send(new Uint8Array(1), 0.5)).toThrow(RangeError);
    expect(() => connection.sendProbe(new Uint8Array(2 ** 14), 1)).toThrow(RangeError);
    expect(connection.nextSequenceNumber).toBe(before);
    expect(connection.sendProbe(Uint8Array.of(1), connection.maxDataBytesAt(1400) - 1)).toBe(true);
    expect(connection.sendProbe(new Uint8Array(2 ** 14), 0)).toBe(true);
    await pair.until(() => server.received.length === 4);
    expect(server.received.map(({ length }) => length)).toEqual([most, most - 7, 1, 2 ** 14]);
    const sizes = network.sent.filter(({ from }) => from === "client").map(({ bytes }) => bytes.length);
    expect(sizes.slice(-4)).toEqual([1200, 1200, 1400, 2 ** 14 + connection.dataOverhead]);
  });
});

test("data is refused while its key is almost worn out, and takes no record number", async () => {
  const pair = await connected({ client: { keyLimits: { sealed: 64 } } });
  const { client, network } = pair;
  network.filter = ({ from }) => from !== "server";
  let sent = 0;
  while (client.connection.send(Uint8Array.of(1))) sent++;
  expect(sent).toBeGreaterThan(50);
  const { nextSequenceNumber } = client.connection;
  expect(client.connection.send(Uint8Array.of(1))).toBe(false);
  expect(client.connection.nextSequenceNumber).toBe(nextSequenceNumber);
});

test("data beyond three times what came from an address that is not validated is refused", async () => {
  const pair = createPair({ serverOptions: { pathValidated: false } });
  const { client, server, network } = pair;
  // What would prove the client to be at its address comes from another one.
  network.filter = ({ from, bytes }) => {
    if (from !== "client" || bytes[0]! >> 5 !== 1) return true;
    network.inject("elsewhere", "server", bytes);
    return false;
  };
  client.connection.start();
  await pair.until(() => server.connected !== undefined);
  expect(server.connection.path).toBe("client");
  let sent = 0;
  while (sent < 100 && server.connection.send(new Uint8Array(50))) sent++;
  expect(sent).toBeLessThan(100);
  expect(network.bytesSent("server", "client")).toBeLessThanOrEqual(3 * network.sent[0]!.bytes.length);
});
