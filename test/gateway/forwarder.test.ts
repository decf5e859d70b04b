import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GatewayCode } from "../../src/transport/gateway-codes.ts";
import { Bench, gameServer, sealed, settle } from "./support.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("datagrams pass both ways, as they are, and each client has an address of its own at the server", async () => {
  const bench = new Bench();
  await bench.listen();
  const [one, two] = [bench.come(), bench.come()];
  one.client!.receive(sealed(1));
  two.client!.receive(sealed(2));
  await settle();
  expect(bench.arrived.map(({ number }) => number).sort()).toEqual([1, 2]);
  expect(new Set(bench.arrived.map(({ port }) => port)).size).toBe(2);
  // Nobody looks at what the server sends.
  bench.reply(2, Uint8Array.of(255, 0, 7));
  await settle();
  expect(one.connection.received).toEqual([]);
  expect(two.connection.received).toEqual([Uint8Array.of(255, 0, 7)]);
  expect(bench.forwarder.getStats()).toMatchObject({
    clients: 2,
    accepted: 2,
    toServers: { datagrams: 2, bytes: 40, drops: {} },
    toClients: { datagrams: 1, bytes: 3, drops: {} },
  });
});

test("no path but a target's leads anywhere", async () => {
  const bench = new Bench();
  await bench.listen();
  const paths = [
    "/",
    "",
    "/other",
    "/game/",
    "//game",
    "/game/../game",
    "/GAME",
    "/udp://10.0.0.5:4433",
    "/10.0.0.5:4433",
    "/10.0.0.6:53",
    "/constructor",
    "/__proto__",
    "/%67ame",
    "game?to=10.0.0.6:53",
  ];
  for (const path of paths) {
    const { client, connection } = bench.come({ path });
    expect(client, path).toBeUndefined();
    expect(connection.code, path).toBe(GatewayCode.unknown_target);
  }
  expect(bench.forwarder.getStats()).toMatchObject({
    clients: 0,
    accepted: 0,
    refusals: { unknown_target: paths.length },
  });
});

test("what is no DTLS does not leave the gateway", async () => {
  const bench = new Bench();
  await bench.listen();
  const { client } = bench.come();
  await settle();
  const dns = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 119, 119, 119, 0, 0, 1, 0, 1]);
  client!.receive(dns);
  client!.receive(new Uint8Array(0));
  client!.receive(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  client!.receive(sealed(9));
  await settle();
  expect(bench.arrived.map(({ number }) => number)).toEqual([9]);
  expect(bench.forwarder.getStats().toServers.drops).toEqual({ not_dtls: 2 });
});

test("origins are checked where there are any", () => {
  const bench = new Bench({ origins: ["https://app.example"] });
  expect(bench.come({ origin: "https://app.example" }).client).toBeDefined();
  expect(bench.come({ origin: undefined }).client).toBeDefined();
  for (const origin of ["https://evil.example", "null", "http://app.example", "https://app.example.evil"]) {
    expect(bench.come({ origin }).connection.code, origin).toBe(GatewayCode.origin_refused);
  }
  expect(bench.forwarder.getStats().refusals).toEqual({ origin_refused: 4 });
});

test("clients are limited, all together and by address; who leaves makes room", () => {
  const bench = new Bench({ limits: { clients: 4, clientsPerAddress: 2 } });
  const busy = (address: string) => bench.come({ address }).connection.code === GatewayCode.busy;
  const first = bench.come({ address: "2001:db8::1" });
  expect(busy("2001:db8:0:0:ffff::2")).toBe(false);
  // The third of one network of 64 bits.
  expect(busy("2001:DB8::3%eth0")).toBe(true);
  expect(busy("2001:db8:0:1::3")).toBe(false);
  expect(busy("::ffff:192.0.2.9")).toBe(false);
  expect(busy("192.0.2.9")).toBe(true);
  first.client!.gone();
  expect(busy("192.0.2.9")).toBe(false);
  expect(bench.forwarder.getStats()).toMatchObject({ clients: 4, accepted: 5, refusals: { busy: 2 } });
});

test("each client has its rate, in datagrams and in bytes, with one second's worth at once", async () => {
  const bench = new Bench({ limits: { datagramsPerSecond: 10, bytesPerSecond: 1000 } });
  await bench.listen();
  const { client } = bench.come();
  await settle();
  for (let i = 0; i < 15; i++) client!.receive(sealed(i));
  await settle();
  expect(bench.arrived).toHaveLength(10);
  vi.advanceTimersByTime(500);
  for (let i = 0; i < 9; i++) client!.receive(sealed(i));
  await settle();
  expect(bench.arrived).toHaveLength(15);
  vi.advanceTimersByTime(60_000);
  for (let i = 0; i < 5; i++) client!.receive(sealed(i, 400));
  await settle();
  expect(bench.arrived).toHaveLength(17);
  expect(bench.forwarder.getStats().toServers.drops).toEqual({ rate: 5 + 4 + 3 });
  // Another client is not concerned; and what comes back has a rate of its own.
  const other = bench.come();
  await settle();
  other.client!.receive(sealed(99));
  await settle();
  for (let i = 0; i < 12; i++) bench.reply(99, sealed(i));
  await settle();
  expect(other.connection.received).toHaveLength(10);
  expect(bench.forwarder.getStats().toClients.drops).toEqual({ rate: 2 });
});

test("a client that does not read is owed a bounded queue, and the rest is dropped", async () => {
  const bench = new Bench({ limits: { queuedBytes: 100 } });
  await bench.listen();
  const { client, connection } = bench.come();
  client!.receive(sealed(1));
  await settle();
  connection.queuedBytes = 90;
  for (let i = 0; i < 3; i++) bench.reply(1, sealed(i));
  await settle();
  expect(connection.received).toEqual([]);
  connection.queuedBytes = 80;
  bench.reply(1, sealed(7));
  await settle();
  expect(connection.received).toEqual([sealed(7)]);
  expect(bench.forwarder.getStats().toClients).toEqual({ datagrams: 1, bytes: 20, drops: { queue_full: 3 } });
});

test("datagrams that are too long are dropped, both ways", async () => {
  const bench = new Bench({ limits: { datagramBytes: 100 } });
  await bench.listen();
  const { client, connection } = bench.come();
  await settle();
  client!.receive(sealed(1, 101));
  client!.receive(sealed(2, 100));
  await settle();
  bench.reply(2, sealed(3, 101));
  await settle();
  expect(bench.arrived.map(({ number }) => number)).toEqual([2]);
  expect(connection.received).toEqual([]);
  const { toServers, toClients } = bench.forwarder.getStats();
  expect([toServers.drops, toClients.drops]).toEqual([{ too_long: 1 }, { too_long: 1 }]);
});

test("what comes before there is a socket waits, up to a flight", async () => {
  const bench = new Bench();
  await bench.listen();
  const { client } = bench.come();
  const datagram = sealed(0);
  for (let i = 0; i < 10; i++) {
    // The buffer is the connection's, and changes.
    datagram[1] = i;
    client!.receive(datagram);
  }
  await settle();
  expect(bench.arrived.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(bench.forwarder.getStats().toServers.drops).toEqual({ early: 2 });
});

test("a client for which nothing comes or goes is disconnected", async () => {
  const bench = new Bench({ idleTimeoutMs: 1000 });
  await bench.listen();
  const idle = bench.come();
  const active = bench.come();
  await settle();
  active.client!.receive(sealed(1));
  await settle();
  vi.advanceTimersByTime(900);
  bench.reply(1, sealed(2));
  await settle();
  vi.advanceTimersByTime(100);
  expect(idle.connection.code).toBe(GatewayCode.idle);
  expect(active.connection.code).toBeUndefined();
  vi.advanceTimersByTime(1000);
  expect(active.connection.code).toBe(GatewayCode.idle);
  expect(bench.forwarder.getStats()).toMatchObject({ clients: 0, idle: 2 });
});

test("what is too much or too long is no sign of use, from either side", async () => {
  const bench = new Bench({ idleTimeoutMs: 1000, limits: { datagramBytes: 100, bytesPerSecond: 100 } });
  await bench.listen();
  const { client, connection } = bench.come();
  await settle();
  client!.receive(sealed(1, 100));
  await settle();
  vi.advanceTimersByTime(900);
  client!.receive(sealed(2, 100));
  client!.receive(sealed(3, 101));
  bench.reply(1, sealed(4, 101));
  await settle();
  expect(bench.forwarder.getStats().toServers.drops).toEqual({ rate: 1, too_long: 1 });
  vi.advanceTimersByTime(100);
  expect(connection.code).toBe(GatewayCode.idle);
});

test("an empty message comes back, as often as datagrams may come, and is no sign of use", async () => {
  const bench = new Bench({ idleTimeoutMs: 1000, limits: { datagramsPerSecond: 5 } });
  await bench.listen();
  const { client, connection } = bench.come();
  await settle();
  const empty = new Uint8Array(0);
  connection.queuedBytes = 1;
  client!.receive(empty);
  expect(connection.received).toEqual([]);
  connection.queuedBytes = 0;
  vi.advanceTimersByTime(900);
  for (let i = 0; i < 10; i++) client!.receive(empty);
  await settle();
  expect(connection.received).toEqual(new Array(5).fill(empty));
  expect(bench.arrived).toEqual([]);
  const none = { datagrams: 0, bytes: 0 };
  expect(bench.forwarder.getStats()).toMatchObject({
    toServers: { ...none, drops: { rate: 5 } },
    toClients: none,
  });
  vi.advanceTimersByTime(100);
  expect(connection.code).toBe(GatewayCode.idle);
});

test("a server that nobody runs is told apart from one that is only away", async () => {
  const bench = new Bench();
  const refused = bench.come();
  refused.client!.receive(sealed(1));
  await settle();
  expect(refused.connection.code).toBe(GatewayCode.server_refused);

  await bench.listen();
  const { client, connection } = bench.come();
  client!.receive(sealed(2));
  await settle();
  bench.reply(2, sealed(3));
  await settle();
  client!.refused();
  expect(connection.code).toBeUndefined();
});

test.each<[string, (bench: Bench, come: ReturnType<Bench["come"]>) => void]>([
  ["has gone", (_, { client }) => client!.gone()],
  ["is disconnected", () => vi.advanceTimersByTime(1000)],
  ["is told that the gateway goes", (bench) => bench.forwarder.close()],
])("the socket of a client that %s is closed", async (_, end) => {
  const bench = new Bench({ idleTimeoutMs: 1000 });
  await bench.listen();
  const connecting = vi.spyOn(bench.network, "connect");
  const come = bench.come();
  come.client!.receive(sealed(1));
  await settle();
  const carrier = await connecting.mock.results[0]!.value;
  expect(carrier.send(sealed(2), gameServer)).toBe(true);
  end(bench, come);
  expect(carrier.send(sealed(3), gameServer)).toBe(false);
});

test("a target without address is the gateway's trouble, which the client is told", async () => {
  const bench = new Bench();
  bench.network.resolve = async () => {
    throw new Error("no such name");
  };
  const { connection } = bench.come();
  await settle();
  expect(connection.code).toBe(GatewayCode.server_unreachable);
  expect(bench.forwarder.getStats()).toMatchObject({ clients: 0, refusals: { server_unreachable: 1 } });
});

test("at its end it tells its clients, forgets them, and takes no more", async () => {
  const bench = new Bench();
  await bench.listen();
  const { client, connection } = bench.come();
  client!.receive(sealed(1));
  await settle();
  bench.forwarder.close();
  expect(connection.code).toBe(GatewayCode.going_away);
  client!.receive(sealed(2));
  bench.reply(1, sealed(3));
  await settle();
  expect(bench.arrived.map(({ number }) => number)).toEqual([1]);
  expect(connection.received).toEqual([]);
  expect(bench.come().connection.code).toBe(GatewayCode.going_away);
  expect(bench.forwarder.getStats().clients).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
