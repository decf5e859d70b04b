/**
 * A server under floods from as many addresses as there are, on a network in memory: whatever strangers send, it keeps
 * nothing of it for each, and sessions go on. Memory is measured behind garbage collections.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { secondHello } from "../../bench/flood-strangers.ts";
import { connectOn } from "../../src/endpoint/connect.ts";
import { type ListenOptions, listenOn } from "../../src/endpoint/listen.ts";
import { MemoryRecordStore, password, register } from "../../src/endpoint/node-index.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { type Filter, MemoryNetwork } from "../../src/transport/memory.ts";
import type { RemoteAddress } from "../../src/transport/types.ts";
import { core, crypto } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { alice, ask, text, utf8 } from "./support.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in use: objects, and what lies outside of the heap. */
async function bytesInUse(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

const at: RemoteAddress = { host: "192.0.2.1", port: 4433 };
const url = `udp://${at.host}:${at.port}`;

/** A record in the clear. */
const HANDSHAKE = 22;

class World {
  readonly network: MemoryNetwork = new MemoryNetwork();
  readonly platform = sharing(async () => ({ core, crypto, udp: this.network }));
  server!: Server;
  #strangers = 0;

  static async open(options: Partial<ListenOptions> = {}): Promise<World> {
    const world = new World();
    world.server = await listenOn(world.platform, url, {
      auth: alice,
      // More than the whole test takes: nothing ends by itself.
      handshakeTimeoutMs: 3_600_000,
      onsession: (session) => {
        session.ondatagram = (datagram) => void session.sendDatagram(datagram);
      },
      ...options,
    });
    onTestFinished(() => world.server.abort());
    return world;
  }

  dial(signal?: AbortSignal): Promise<Session> {
    const timeoutMs = Number.POSITIVE_INFINITY;
    return connectOn(this.platform, url, { auth: alice, timeoutMs, ...(signal && { signal }) });
  }

  /** Another address each time. */
  stranger(): RemoteAddress {
    const n = ++this.#strangers;
    return { host: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 1024 + (n % 60_000) };
  }

  /** Sends one of these from each of so many addresses. */
  async flood(count: number, make: () => Uint8Array): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.network.inject(make(), this.stranger(), at);
      if (i % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The client's first two datagrams. */
  async hellos(): Promise<readonly [Uint8Array, Uint8Array]> {
    const sent: Uint8Array[] = [];
    this.network.filter = (datagram, from, to) => {
      if (to.port === at.port && datagram[0] === HANDSHAKE) sent.push(datagram);
      return [{ datagram, from, to }];
    };
    const session = await this.dial();
    this.network.filter = undefined;
    session.close();
    return [sent[0]!, sent[1]!];
  }

  /** A client that receives at its address, and then says no more. */
  async halfOpen(): Promise<void> {
    const abort = new AbortController();
    const { host } = this.stranger();
    let said = 0;
    let answered = 0;
    let own: number | undefined;
    const filter: Filter = (datagram, from, to) => {
      if (datagram[0] === HANDSHAKE && to.port === at.port) own ??= from.port;
      // Other clients of this network have their sessions.
      if (own !== from.port && own !== to.port) return [{ datagram, from, to }];
      if (to.port !== at.port) {
        if (++answered === 2) abort.abort();
        return [{ datagram, from, to: { host: at.host, port: to.port } }];
      }
      return ++said > 2 ? [] : [{ datagram, from: { host, port: from.port }, to }];
    };
    this.network.filter = filter;
    // Not by `expect`, which keeps what it was given until the test is over.
    const isOpen = await this.dial(abort.signal).then(
      () => true,
      () => false,
    );
    if (isOpen) throw new Error("the handshake was finished");
    this.network.filter = undefined;
  }
}

/**
 * After a first flood, a second one leaves no more behind than this, for each of what it consists of: far less than what
 * a map needs to remember it.
 */
async function boundedly(count: number, bytesEach: number, flood: () => Promise<void>): Promise<void> {
  await flood();
  const before = await bytesInUse();
  await flood();
  const grown = (await bytesInUse()) - before;
  expect(grown / count).toBeLessThan(bytesEach);
}

async function goesOn(session: Session): Promise<void> {
  for (const word of ["still", "here"]) expect(text(await ask(session, utf8(word)))).toBe(word);
}

const random = new Random(5);
const noise = (length: number) => Uint8Array.from({ length }, () => random.below(256));

const COUNT = 20_000;

test.each<[string, (hellos: readonly [Uint8Array, Uint8Array]) => Uint8Array]>([
  ["noise", () => noise(1 + random.below(300))],
  ["records of sessions that there are not", () => Uint8Array.of(0x3f, ...noise(60))],
  ["records without connection ID", () => Uint8Array.of(0x2e, ...noise(60))],
  ["ClientHellos", ([first]) => first],
  ["beginnings of ClientHellos", ([first]) => beginning(first)],
  ["ClientHellos with somebody else's cookie", ([, second]) => second],
])("%s leave nothing behind", async (_name, make) => {
  const world = await World.open();
  const session = await world.dial();
  const hellos = await world.hellos();
  await boundedly(COUNT, 40, () => world.flood(COUNT, () => make(hellos)));
  expect(world.server.getStats()).toMatchObject({ sessions: 1, handshakes: 0 });
  await goesOn(session);
});

/** A first fragment that promises more of the message (RFC 9147 §5.5). */
function beginning(hello: Uint8Array): Uint8Array {
  const RECORD = 13;
  const HEADER = 12;
  const kept = 100;
  const part = hello.slice(0, RECORD + HEADER + kept);
  const view = new DataView(part.buffer);
  view.setUint16(11, HEADER + kept);
  view.setUint16(RECORD + 10, kept);
  return part;
}

test("unfinished handshakes are as many as they may be, whoever begins them", async () => {
  const limit = 32;
  const world = await World.open({ limits: { handshakes: limit } });
  const session = await world.dial();
  const count = 400;
  await boundedly(count, 5_000, async () => {
    for (let i = 0; i < count; i++) await world.halfOpen();
  });
  const { sessions, handshakes, evictedHandshakes } = world.server.getStats();
  expect([sessions, handshakes, evictedHandshakes]).toEqual([1, limit, 2 * count - limit]);
  await goesOn(session);
});

/** The network's turns are of a millisecond. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

test("proved clients wait in turns by their networks, and beyond a number those of the largest give way", async () => {
  const world = await World.open();
  const session = await world.dial();
  const [first] = await world.hellos();
  const crowd = Array.from({ length: 400 }, (_, n) => ({ host: "10.9.9.9", port: 2000 + n }));
  const seconds: (readonly [Uint8Array, RemoteAddress])[] = [];
  world.network.filter = (datagram, from, to) => {
    const second = to.host === "10.9.9.9" ? secondHello(first, datagram) : undefined;
    if (second !== undefined) seconds.push([second, to]);
    return [{ datagram, from, to }];
  };
  for (const address of crowd) {
    world.network.inject(first, address, at);
    if (address.port % 16 === 0) await turns();
  }
  await expect.poll(() => seconds.length).toBe(crowd.length);
  world.network.filter = undefined;
  for (const [second, from] of seconds) world.network.inject(second, from, at);
  // Behind all of them, and yet not after them.
  await goesOn(await world.dial());
  const { drops } = world.server.getStats();
  expect(drops.overload).toBeGreaterThan(0);
  await goesOn(session);
});

test("logins that ask for a salt, and come no further", async () => {
  const store = new MemoryRecordStore([
    await register({ identity: "alice", password: "right", iterations: 30_000 }),
  ]);
  const world = await World.open({ auth: password(store, { iterations: 30_000 }) });
  const auth = password({ identity: "alice", password: "right" });
  const connect = () => connectOn(world.platform, url, { auth, timeoutMs: Number.POSITIVE_INFINITY });
  let hello: Uint8Array | undefined;
  world.network.filter = (datagram, from, to) => {
    hello ??= datagram;
    return [{ datagram, from, to }];
  };
  const session = await connect();
  world.network.filter = undefined;
  await boundedly(COUNT / 4, 100, () => world.flood(COUNT / 4, () => hello!));
  expect(world.server.getStats()).toMatchObject({ sessions: 1, handshakes: 0 });
  await goesOn(session);
});
