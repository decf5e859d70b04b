/** Records have 16 bits of their numbers on the wire (RFC 9147 §4.2.2): how many may be lost in a row, and what is behind. */
import { expect, test } from "vitest";
import { createPair, type Pair } from "../sim/pair.ts";

/** A client that has sent so many records in vain. */
async function losing(count: number): Promise<Pair> {
  const pair = createPair({ server: { idleTimeoutMs: 10_000 }, client: { idleTimeoutMs: undefined } });
  expect(await pair.connect()).toBe(true);
  await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
  const lose = (records: number) => {
    pair.network.filter = ({ from }) => from !== "client";
    for (let i = 0; i < records; i++) pair.client.connection.send(Uint8Array.of(1));
    pair.network.filter = undefined;
  };
  // Beyond the first 2^16 numbers, of which each could be one only.
  for (let i = 0; i < 3; i++) {
    lose(30_000);
    pair.client.connection.send(Uint8Array.of(0));
    await pair.until(() => pair.server.received.length > i, 1_000);
  }
  pair.server.received.length = 0;
  lose(count);
  pair.network.sent.length = 0;
  return pair;
}

test("32,768 records in a row may be lost", async () => {
  const { client, server, until } = await losing(32_768);
  client.connection.send(Uint8Array.of(2));
  await until(() => server.received.length === 1, 1_000);
  expect(server.received).toEqual([Uint8Array.of(2)]);
});

test.each([32_769, 65_536, 100_000])(
  "of a direction that has lost %i in a row nothing is opened any more, and the silence ends the session",
  async (count) => {
    const { client, server, until, network } = await losing(count);
    const lostAtMs = network.nowMs;
    for (let i = 0; i < 12 && !server.isClosed; i++) {
      client.connection.send(Uint8Array.of(2));
      await until(() => server.isClosed, 1_000);
    }
    expect(server.received).toEqual([]);
    // Taken for numbers long before, or for such as have not come yet.
    const { replayed = 0, authentication = 0 } = server.connection.drops;
    expect(replayed + authentication).toBeGreaterThan(5);
    expect(server.error?.code).toBe("idle_timeout");
    // What cannot be opened, which anyone may have sent, puts the end off no more than it brings it on.
    expect(network.nowMs - lostAtMs).toBeLessThanOrEqual(10_001);
    await until(() => client.isClosed, 1_000);
  },
);
