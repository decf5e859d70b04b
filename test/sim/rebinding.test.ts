/** A side that moves by itself (RFC 9147 §9, RFC 9853 §11): what an observer of all paths sees, and what is kept for it. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { RecordCore } from "../../src/core/index.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { clear, type Datagram } from "./network.ts";
import { createPair, type Pair, type PairOptions } from "./pair.ts";
import { Random } from "./random.ts";
import { seeds } from "./seeds.ts";

const ID_BYTES = 8;
const id = (length: number, fill: number): Bytes => new Uint8Array(length).fill(fill);

/** Both sides receive connection IDs, or the server alone, as with `connect`. */
const both: PairOptions = {
  clientOptions: { connectionId: id(ID_BYTES, 1), leftPath: "left" },
  serverOptions: { connectionId: id(ID_BYTES, 2) },
};
const serverAlone: PairOptions = {
  clientOptions: { connectionId: id(0, 0), leftPath: "left" },
  serverOptions: { connectionId: id(ID_BYTES, 2) },
};

async function connected(options: PairOptions): Promise<Pair> {
  const pair = createPair(options);
  expect(await pair.connect()).toBe(true);
  for (const side of [pair.client, pair.server]) side.connection.requestConnectionIds();
  await atRest(pair);
  return pair;
}

async function atRest({ until, client, server }: Pair): Promise<void> {
  await until(() => false, 1);
  expect(await until(() => !client.connection.isBusy && !server.connection.isBusy, 60_000)).toBe(true);
}

/** Which addresses of the client each ID was seen at. */
function sightings(sent: readonly Datagram[]): Map<string, Set<string>> {
  const seen = new Map<string, Set<string>>();
  for (const { from, to, bytes } of sent) {
    if ((bytes[0]! & 0xf0) !== 0x30) continue;
    const shown = `${from === "server" ? "to" : "from"} ${Buffer.from(bytes.slice(1, 1 + ID_BYTES)).toString("hex")}`;
    const addresses = seen.get(shown) ?? new Set();
    seen.set(shown, addresses.add(from === "server" ? to : from));
  }
  return seen;
}

function expectUnlinked(pair: Pair, leastIds: number): void {
  const seen = sightings(pair.network.sent);
  expect(seen.size).toBeGreaterThanOrEqual(leastIds);
  const linked = [...seen].filter(([, addresses]) => addresses.size > 1);
  expect(linked).toEqual([]);
}

describe.each([
  ["both sides receive IDs", both, 2],
  ["the server alone receives IDs", serverAlone, 1],
] as const)("while %s", (_, options, directions) => {
  test("a client moves 1,000 times: no ID is seen at two addresses, and few are kept", async () => {
    const pair = await connected(options);
    const { client, server } = pair;
    let most = 0;
    for (let i = 1; i <= 1000; i++) {
      client.leave(`address ${i}`);
      expect(await pair.until(() => server.connection.path === client.address, 10_000)).toBe(true);
      server.connection.send(Uint8Array.of(i >> 8, i));
      expect(await pair.until(() => client.received.length === i, 10_000)).toBe(true);
      await atRest(pair);
      most = Math.max(most, server.connectionIds.size, client.connectionIds.size);
    }
    expect([client.error, server.error]).toEqual([undefined, undefined]);
    expect(client.received.at(-1)).toEqual(Uint8Array.of(1000 >> 8, 1000 & 255));
    expectUnlinked(pair, directions * 1000);
    // Those that the peer may use, and those before.
    expect(most).toBeLessThanOrEqual(2 * 12);
  });

  test("from any seed: under loss, reordering and duplication, and twice in a row", async () => {
    for (const [from, to] of seeds(100, 100)) {
      for (let seed = from; seed <= to; seed++) {
        const random = new Random(seed);
        const pair = await connected({ ...options, seed });
        const { client, server, network } = pair;
        for (let move = 0; move < 6; move++) {
          network.weather = {
            ...clear,
            delayMs: random.below(60),
            jitterMs: random.below(60),
            loss: random.next() * 0.25,
            duplication: random.next() * 0.25,
          };
          // The second finds one spare ID left: the peer has not answered yet.
          for (let turn = random.below(2); turn >= 0; turn--) {
            client.leave(`${seed} ${move} ${turn}`);
            client.connection.send(random.bytes(random.below(50)));
            await pair.until(() => false, random.below(100));
          }
          network.weather = clear;
          for (let turn = 0; turn < 20 && server.connection.path !== client.address; turn++) {
            client.connection.send(random.bytes(9));
            await pair.until(() => false, 1_500);
          }
          expect(server.connection.path, `seed ${seed}`).toBe(client.address);
          await atRest(pair);
          await pair.until(() => false, 1_000);
        }
        expect([client.error, server.error], `seed ${seed}`).toEqual([undefined, undefined]);
        const linked = [...sightings(network.sent)].filter(([, addresses]) => addresses.size > 1);
        expect(linked, `seed ${seed}`).toEqual([]);
      }
    }
  });
});

test("a late challenge at the old address is answered there, under the old ID", async () => {
  const pair = await connected(serverAlone);
  const { client, server, network } = pair;
  const old = client.address;
  // The server looks for a client that a NAT has moved, and the client goes away meanwhile.
  client.move("behind a NAT");
  client.connection.send(Uint8Array.of(1));
  expect(await pair.until(() => network.sent.at(-1)!.to === "behind a NAT", 1_000)).toBe(true);
  client.leave("elsewhere");
  await pair.until(() => server.connection.path === "elsewhere", 5_000);
  expect(server.connection.path).toBe("elsewhere");
  const answers = network.sent.filter(({ from, atMs }) => from === "behind a NAT" && atMs > 0);
  expect(answers.length).toBeGreaterThan(1);
  const linked = [...sightings(network.sent)].filter(([, addresses]) => addresses.has("elsewhere"));
  expect(linked.every(([, addresses]) => addresses.size === 1)).toBe(true);
  expect(old).toBe("client");
});

test("what an asynchronous AEAD seals while its side moves is sent at the old address", async () => {
  const core = RecordCore.loadSync();
  const cipherSuites = [CipherSuite.TLS_AES_128_GCM_SHA256];
  const pair = createPair({ ...serverAlone, client: { core, cipherSuites }, server: { cipherSuites } });
  const { client, server, network } = pair;
  const wait = () => new Promise((resolve) => setTimeout(resolve));
  client.connection.start();
  for (let turn = 0; turn < 1000 && !client.connection.isConfirmed; turn++) {
    await pair.until(() => false, 10);
    await wait();
  }
  client.connection.requestConnectionIds();
  for (let turn = 0; turn < 100; turn++) {
    await pair.until(() => false, 10);
    await wait();
  }
  const before = network.sent.length;
  client.connection.send(Uint8Array.of(1));
  client.leave("elsewhere");
  client.connection.send(Uint8Array.of(2));
  await client.connection.transmitted;
  const sent = network.sent.slice(before);
  expect(sent[0]!.from).toBe("client");
  expect(sent.slice(1).map(({ from }) => from)).toContain("elsewhere");
  for (let turn = 0; turn < 100; turn++) {
    await pair.until(() => false, 10);
    await wait();
  }
  expect(server.received).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  expectUnlinked(pair, 2);
});
