/** Streams on real DTLS connections, on a network that does its worst, from seeds. */
import { describe, expect, test } from "vitest";
import { clear } from "../sim/network.ts";
import { Random } from "../sim/random.ts";
import { seeds } from "../sim/seeds.ts";
import { SealedPair } from "./sealed.ts";

async function all(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  return Buffer.concat(parts);
}

async function write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

/** Echoes of so many streams, each of some tens of kilobytes: true when all came back as they were. */
async function echo(pair: SealedPair, count: number, leastBytes = 0): Promise<boolean> {
  const { client, server, random } = pair;
  const contents = Array.from({ length: count }, () =>
    random.bytes(leastBytes + random.below(2 ** (4 + random.below(12)))),
  );
  const serving = (async () => {
    const piping: Promise<void>[] = [];
    for await (const { readable, writable } of server.incomingBidirectionalStreams) {
      piping.push(readable.pipeTo(writable));
      if (piping.length === count) break;
    }
    await Promise.all(piping);
  })();
  const answers = contents.map(async (bytes) => {
    const { readable, writable } = await client.createBidirectionalStream();
    const [answer] = await Promise.all([all(readable), write(writable, bytes)]);
    return Buffer.compare(answer, bytes) === 0;
  });
  const [same] = await Promise.all([Promise.all(answers), serving]);
  return same.every((each) => each);
}

/** Nothing is left of a session that has ended: no deadline, and nothing said by either side. */
async function gone(pair: SealedPair): Promise<void> {
  pair.client.close({ closeCode: 7, reason: "done" });
  expect(await pair.settled(pair.client.closed)).toEqual({ closeCode: 7, reason: "done" });
  // The last word may get lost; then the other side finds out by the time it takes.
  await pair.until(() => pair.serverEnd.isClosed && pair.clientEnd.isClosed, 900_000);
  await pair.until(() => false, 10_000);
  expect([pair.clientEnd.isClosed, pair.serverEnd.isClosed]).toEqual([true, true]);
  expect([pair.clientEnd.deadlineMs, pair.serverEnd.deadlineMs]).toEqual([undefined, undefined]);
  const { length } = pair.network.sent;
  await pair.until(() => false, 1_000_000);
  expect(pair.network.sent.length).toBe(length);
}

describe("streams survive what networks do", () => {
  test.each(seeds(60, 10))("seeds %d to %d", async (from, to) => {
    for (let seed = from; seed <= to; seed++) {
      try {
        await live(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});

async function live(seed: number): Promise<void> {
  const random = new Random(seed * 31);
  const weather = {
    delayMs: random.below(60),
    jitterMs: random.chance(0.5) ? 0 : random.below(30),
    loss: random.chance(0.3) ? 0 : random.next() * 0.08,
    duplication: random.next() * 0.05,
  };
  const pair = await SealedPair.connected({ seed, weather });
  // Before there are keys, a flipped bit may well be the end.
  pair.network.weather = { ...pair.network.weather, corruption: random.next() * 0.02 };
  const disturb = () => {
    const what = random.below(4);
    if (pair.client.isClosed || pair.server.isClosed) return;
    if (what === 0) pair.client.updateKeys();
    else if (what === 1) pair.server.updateKeys();
    // Another port, or another network.
    else if (what === 2) pair.clientEnd.move(`10.0.${random.below(3)}.1:${10 + random.below(10)}`);
    else pair.network.weather = { ...pair.network.weather, mtuBytes: 1200 + random.below(2) * 300 };
    pair.network.schedule(random.below(1500), disturb);
  };
  pair.network.schedule(random.below(300), disturb);
  expect(await pair.settled(echo(pair, 1 + random.below(8)))).toBe(true);
  await gone(pair);
}

test("a path that begins to swallow large datagrams is found out, and streams go on with smaller ones", async () => {
  const pair = await SealedPair.connected({ seed: 3 });
  await pair.until(() => false, 2000);
  const mtu = async () => (await pair.client.getStats()).path!.mtuBytes;
  expect(await mtu()).toBe(1452);
  pair.network.weather = { ...clear, mtuBytes: 1300 };
  expect(await pair.settled(echo(pair, 4, 30_000))).toBe(true);
  expect(await mtu()).toBeLessThanOrEqual(1300);
  await gone(pair);
});

test("a change of address in mid-transfer costs the path's state, and no byte", async () => {
  const pair = await SealedPair.connected({ seed: 4 });
  const echoing = echo(pair, 10, 30_000);
  await pair.until(() => false, 30);
  pair.clientEnd.move("172.16.0.9:99");
  expect(await pair.settled(echoing)).toBe(true);
  expect(pair.server.remoteAddress).toEqual({ host: "172.16.0.9", port: 99 });
  await gone(pair);
});

test("a change of port alone costs nothing of what is known of the path (RFC 9000 §9.4)", async () => {
  const pair = await SealedPair.connected({ seed: 8 });
  expect(await pair.settled(echo(pair, 4, 30_000))).toBe(true);
  const path = async () => {
    const { congestionWindowBytes, mtuBytes, minRttMs } = (await pair.server.getStats()).path!;
    return { congestionWindowBytes, mtuBytes, minRttMs };
  };
  const before = await path();
  expect(before).toMatchObject({ mtuBytes: 1452, minRttMs: expect.any(Number) });
  const { host } = pair.server.remoteAddress;
  pair.clientEnd.move(`${host}:4711`);
  pair.client.sendDatagram(Uint8Array.of(1));
  await pair.until(() => pair.server.remoteAddress.port === 4711, 10_000);
  expect(pair.server.remoteAddress).toEqual({ host, port: 4711 });
  const { congestionWindowBytes, ...rest } = await path();
  expect(congestionWindowBytes).toBeGreaterThanOrEqual(before.congestionWindowBytes);
  expect(rest).toEqual({ mtuBytes: before.mtuBytes, minRttMs: before.minRttMs });
  // Another host is another path.
  pair.clientEnd.move("172.16.0.9:4711");
  pair.client.sendDatagram(Uint8Array.of(1));
  await pair.until(() => pair.server.remoteAddress.host === "172.16.0.9", 10_000);
  expect(await path()).toEqual({ congestionWindowBytes: 12_000, mtuBytes: 1200, minRttMs: undefined });
  await gone(pair);
});

test("keys change under streams, on both sides, again and again", async () => {
  const pair = await SealedPair.connected({ seed: 5, weather: { loss: 0.03 } });
  const echoing = echo(pair, 12);
  const epochs = () => pair.clientEnd.association.connection.writeEpoch;
  for (let i = 0; i < 4; i++) {
    pair.client.updateKeys();
    pair.server.updateKeys();
    await pair.until(() => false, 400);
  }
  expect(await pair.settled(echoing)).toBe(true);
  expect(epochs()).toBeGreaterThanOrEqual(5);
  await gone(pair);
});

test("datagrams that answer datagrams arrive, or are counted as lost, at both ends", async () => {
  const pair = await SealedPair.connected({ seed: 6, weather: { loss: 0.1, jitterMs: 5 } });
  await pair.settled(pair.client.ready);
  let answered = 0;
  const fates = { true: 0, false: 0 };
  pair.server.ondatagram = (datagram) => void pair.server.sendDatagram(datagram);
  pair.client.ondatagram = () => answered++;
  for (let i = 0; i < 500; i++) {
    const count = (hasArrived: boolean) => fates[`${hasArrived}`]++;
    pair.network.schedule(i * 3, () => void pair.client.sendDatagram(new Uint8Array(900).fill(i), count));
  }
  await pair.until(() => false, 10_000);
  expect(fates.true + fates.false).toBe(500);
  expect(fates.false).toBeGreaterThan(20);
  expect((await pair.server.getStats()).datagramsReceived).toBeGreaterThanOrEqual(fates.true);
  expect(answered).toBeGreaterThan(350);
  await gone(pair);
});
