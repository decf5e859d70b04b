/** What a session tells of itself. */
import { expect, onTestFinished, test } from "vitest";
import type { Session } from "../../src/endpoint/node-index.ts";
import { dial, echoServer } from "../endpoint/support.ts";

async function pair(): Promise<{ client: Session; server: Session }> {
  const opened = await echoServer({ onsession: undefined as never, streams: {} });
  onTestFinished(() => opened.close());
  const [client, { value }] = await Promise.all([
    dial(opened, { streams: {} }),
    opened[Symbol.asyncIterator]().next(),
  ]);
  return { client, server: value };
}

test("datagrams that were sent, those that wait, and those that were dropped are all that there were", async () => {
  const { client } = await pair();
  await client.ready;
  client.datagrams.outgoingHighWaterMark = 10;
  const datagram = new Uint8Array(1000);
  let taken = 0;
  for (let i = 0; i < 2000; i++) if (client.sendDatagram(datagram)) taken++;
  const { datagramsSent, droppedOutgoing, path } = await client.getStats();
  expect([datagramsSent, droppedOutgoing]).toEqual([taken, 2000 - taken]);
  expect(taken).toBeLessThan(2000);
  expect(taken - path!.datagramsSent).toBe(10);
});

test("no round-trip time is told before there is one", async () => {
  const opened = await echoServer();
  onTestFinished(() => opened.close());
  // Within the turn in which the handshake ends.
  const client = await dial(opened);
  const { path } = await client.getStats();
  expect([path!.smoothedRttMs, path!.rttVariationMs, path!.minRttMs]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  await client.ready;
  await new Promise<boolean>((resolve) => client.sendDatagram(Uint8Array.of(1), resolve));
  expect((await client.getStats()).path!.smoothedRttMs).toBeGreaterThan(0);
});

test("draining resolves when the peer ends the session, and once only", async () => {
  const { client, server } = await pair();
  const { draining } = client;
  expect(client.draining).toBe(draining);
  let isDraining = false;
  void draining.then(() => {
    isDraining = true;
  });
  await client.ready;
  expect(isDraining).toBe(false);
  server.close({ closeCode: 3 });
  expect(await draining).toBeUndefined();
  expect(await client.closed).toMatchObject({ closeCode: 3 });
});
