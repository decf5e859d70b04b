/** Addresses that change, addresses that are forged, and what may be sent to whom (RFC 9147 §5.1 and §11, RFC 9853). */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { authenticate } from "./credentials.ts";
import { clear } from "./network.ts";
import { createPair, type Pair, type PairOptions } from "./pair.ts";
import { Random } from "./random.ts";
import { seeds } from "./seeds.ts";
import { Work } from "./work.ts";

const id = (length: number, fill: number): Bytes => new Uint8Array(length).fill(fill);
const withIds: PairOptions = {
  clientOptions: { connectionId: id(3, 1) },
  serverOptions: { connectionId: id(6, 2) },
};

async function connected(options: PairOptions): Promise<Pair> {
  const pair = createPair(options);
  expect(await pair.connect()).toBe(true);
  await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
  return pair;
}

/** The largest ratio of what was sent to an address and what had come from it, over all moments. */
function amplification({ network }: Pair, from: string, to: string): number {
  let received = 0;
  let sent = 0;
  let largest = 0;
  for (const datagram of network.sent) {
    if (datagram.from === to && datagram.to === from) received += datagram.bytes.length;
    if (datagram.from === from && datagram.to === to) {
      sent += datagram.bytes.length;
      largest = Math.max(largest, sent / received);
    }
  }
  return largest;
}

describe("a client that moves", () => {
  test("is followed by the server after one datagram, once it has answered a challenge", async () => {
    const pair = await connected(withIds);
    const { client, server } = pair;
    client.move("elsewhere");
    client.connection.send(Uint8Array.of(1));
    await pair.until(() => server.moves.length > 0, 5000);
    expect(server.moves).toEqual(["elsewhere"]);
    expect(amplification(pair, "server", "elsewhere")).toBeLessThanOrEqual(3);
    server.connection.send(Uint8Array.of(2));
    await pair.until(() => client.received.length > 0, 1000);
    expect(client.received).toEqual([Uint8Array.of(2)]);
  });

  test("says so where it was, to a peer that asks there (RFC 9853 §5.2)", async () => {
    const { clientOptions } = withIds;
    const pair = await connected({ ...withIds, clientOptions: { ...clientOptions, leftPath: "left" } });
    const { client, server, network } = pair;
    const before = network.sent.length;
    network.filter = ({ to, bytes }) => {
      // As if the server asked at the old address.
      if (to !== "elsewhere") return to !== "left";
      client.receive(bytes, "left");
      return false;
    };
    client.move("elsewhere");
    client.connection.send(Uint8Array.of(1));
    await pair.until(() => false, 5000);
    const sent = network.sent.slice(before);
    const asked = sent.filter(({ to }) => to === "elsewhere");
    const answers = sent.filter(({ to }) => to === "left");
    expect(asked.length).toBeGreaterThan(0);
    expect(answers).toHaveLength(asked.length);
    expect(client.moves).toEqual([]);
    expect(server.moves).toEqual([]);
    // No path_response: it leaves the server where it is, even if it seems to come from the new address.
    for (const { bytes } of answers) server.receive(bytes, "elsewhere");
    expect(server.moves).toEqual([]);
    expect(server.connection.drops).toEqual({});
  });

  test("is not looked for where it was by a datagram from there that comes late", async () => {
    const pair = await connected(withIds);
    const { client, server, network } = pair;
    network.filter = () => false;
    client.connection.send(Uint8Array.of(1));
    const late = network.sent.at(-1)!.bytes;
    network.filter = undefined;
    client.move("elsewhere");
    client.connection.send(Uint8Array.of(2));
    await pair.until(() => server.moves.length > 0, 5000);
    await pair.until(() => !client.connection.isBusy && !server.connection.isBusy, 5000);
    const before = network.bytesSent("server", "client");
    network.inject("client", "server", late);
    await pair.until(() => false, 5000);
    expect(server.received).toEqual([Uint8Array.of(2), Uint8Array.of(1)]);
    expect(network.bytesSent("server", "client")).toBe(before);
    expect(server.moves).toEqual(["elsewhere"]);
  });

  test("gets nothing at its new address without return routability checks", async () => {
    const pair = await connected({});
    const { client, server, network } = pair;
    client.move("elsewhere");
    client.connection.send(Uint8Array.of(1));
    await pair.until(() => server.received.length > 0, 5000);
    server.connection.send(Uint8Array.of(2));
    await pair.until(() => false, 5000);
    expect(server.moves).toEqual([]);
    expect(network.bytesSent("server", "elsewhere")).toBe(0);
  });

  test("uses a connection ID that was not seen on the old path, if it has one", async () => {
    const pair = await connected(withIds);
    const { client, server, network } = pair;
    expect(server.connection.requestConnectionIds(2)).toBe(true);
    await pair.until(() => !client.connection.isBusy && !server.connection.isBusy);
    client.move("elsewhere");
    client.connection.send(Uint8Array.of(1));
    await pair.until(() => server.moves.length > 0, 5000);
    const before = network.sent.length;
    server.connection.send(Uint8Array.of(2));
    await pair.until(() => client.received.length > 0, 1000);
    const [datagram] = network.sent.slice(before);
    expect(datagram!.to).toBe("elsewhere");
    expect(datagram!.bytes.slice(1, 4)).not.toEqual(id(3, 1));
  });

  test("from any seed: moves under loss, reordering and duplication", async () => {
    for (const [from, to] of seeds(150, 150)) {
      for (let seed = from; seed <= to; seed++) {
        const random = new Random(seed);
        const pair = await connected({ ...withIds, seed });
        const { client, server, network } = pair;
        network.weather = {
          ...clear,
          delayMs: random.below(100),
          jitterMs: random.below(100),
          loss: random.next() * 0.3,
          duplication: random.next() * 0.3,
        };
        const addresses = ["client", "a", "b", "c"];
        for (let move = 0; move < 3; move++) {
          client.move(addresses[random.below(addresses.length)]!);
          client.connection.send(random.bytes(1 + random.below(50)));
          await pair.until(() => false, random.below(1500));
        }
        network.weather = clear;
        // A check fails if all of its challenges are lost; the next datagram starts another.
        for (let turn = 0; turn < 5; turn++) {
          client.connection.send(random.bytes(10));
          await pair.until(() => false, 4000);
        }
        expect(server.connection.path, `seed ${seed}`).toBe(client.address);
        expect(server.error, `seed ${seed}`).toBeUndefined();
      }
    }
  });
});

describe("a spoofed address", () => {
  test.each([
    ["with", withIds],
    ["without", {}],
  ])("does not move the session, %s connection IDs", async (_, options) => {
    const pair = await connected(options);
    const { client, server, network } = pair;
    // The attacker sees the client's datagrams, holds them back, and sends them from the victim's address.
    network.filter = ({ from, bytes }) => {
      if (from === "client") network.inject("victim", "server", bytes, 10);
      return from !== "client";
    };
    for (let i = 0; i < 20; i++) {
      client.connection.send(id(20, i));
      await pair.until(() => false, 500);
    }
    expect(server.received.length).toBe(20);
    expect(server.moves).toEqual([]);
    expect(server.connection.path).toBe("client");
    const received = network.bytesSent("client", "server");
    expect(network.bytesSent("server", "victim")).toBeLessThanOrEqual(3 * received);
    const before = network.sent.length;
    server.connection.send(Uint8Array.of(1));
    expect(network.sent.slice(before).map(({ to }) => to)).toEqual(["client"]);
  });

  test("does not move the session if others than the peer answer", async () => {
    const pair = await connected(withIds);
    const { server, network } = pair;
    for (let i = 0; i < 50; i++) {
      network.inject("elsewhere", "server", new Random(i).bytes(40));
      await pair.until(() => false, 50);
    }
    expect(server.moves).toEqual([]);
    expect(network.bytesSent("server", "elsewhere")).toBe(0);
  });
});

describe("before an address is validated, at most three times what came from it is sent to it", () => {
  test("to a client whose handshake completes, whatever the weather", async () => {
    for (const [from, to] of seeds(100, 100)) {
      for (let seed = from; seed <= to; seed++) {
        const random = new Random(seed);
        const pair = createPair({
          seed,
          weather: { loss: random.next() * 0.3, jitterMs: 50, mtuBytes: random.chance(0.5) ? 296 : 65_535 },
          serverOptions: { pathValidated: false },
        });
        const { network, server } = pair;
        let limit: number | undefined;
        let received = 0;
        let sent = 0;
        let firstProtected = false;
        network.filter = ({ from: sender, bytes }) => {
          if (sender === "client") {
            received += bytes.length;
            if (bytes[0]! >> 5 === 1) firstProtected = true;
          } else if (!firstProtected) {
            sent += bytes.length;
            limit = Math.max(limit ?? 0, sent / received);
          }
          return true;
        };
        expect(await pair.connect(600_000), `seed ${seed}: ${server.error?.message}`).toBe(true);
        expect(limit, `seed ${seed}`).toBeLessThanOrEqual(3);
      }
    }
  });

  test("to a victim that never answers, however long the client repeats itself in its name", async () => {
    const pair = createPair({ serverOptions: { pathValidated: false } });
    const { network, client } = pair;
    network.filter = ({ from }) => from === "client";
    client.connection.start();
    await pair.until(() => false, 120_000);
    expect(network.bytesSent("server", "client")).toBeGreaterThan(0);
    expect(amplification(pair, "server", "client")).toBeLessThanOrEqual(3);
  });

  test("to a client with certificates, which needs more than three times its ClientHello", async () => {
    const pair = createPair({ serverOptions: { pathValidated: false } });
    const work = new Work(pair.network, new Random(1), "real");
    const { client, server } = authenticate("x509-mutual", "SHA-256", pair.network, work);
    const mutual = createPair({ serverOptions: { pathValidated: false }, client, server });
    mutual.network.work = work;
    expect(await mutual.connect(600_000)).toBe(true);
    let received = 0;
    let sent = 0;
    for (const { from, bytes } of mutual.network.sent) {
      if (from === "client" && bytes[0]! >> 5 === 1) break;
      if (from === "client") received += bytes.length;
      else sent += bytes.length;
      expect(sent).toBeLessThanOrEqual(3 * received);
    }
    expect(sent).toBeGreaterThan(0);
  });
});
