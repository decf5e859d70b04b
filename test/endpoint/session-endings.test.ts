/** The codes that `session.closed` rejects with, as the documentation lists them, each provoked from outside. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { type ListenOptions, listenOn } from "../../src/endpoint/listen.ts";
import { MemoryRecordStore, password, psk, register } from "../../src/endpoint/node-index.ts";
import type { Shared } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { Views } from "../../src/endpoint/views.ts";
import type { StreamSettings } from "../../src/session/settings.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { CarrierHandler, UdpCarriers } from "../../src/transport/types.ts";
import { TestDeadlines } from "../gateway/support.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, ask, failure, key, utf8 } from "./support.ts";

const url = "udp://server:4433";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Pair {
  readonly server: Server;
  readonly client: Session;
  readonly ofServer: Session;
  readonly network: MemoryNetwork;
  /** Of the server's socket. */
  readonly handler: CarrierHandler;
  again(): Promise<Session>;
}

async function pair(
  options: Partial<ListenOptions> = {},
  auth = alice,
  streams: StreamSettings = {},
): Promise<Pair> {
  const network = new MemoryNetwork();
  let handler!: CarrierHandler;
  const udp: UdpCarriers = {
    resolve: (host) => network.resolve(host),
    bind(local, given) {
      handler = given;
      return network.bind(local, given);
    },
    connect: (remote, given) => network.connect(remote, given),
  };
  const shared: Shared = { core, crypto, udp, deadlines: new TestDeadlines(), views: new Views() };
  const load = async () => shared;
  const server = await listenOn(load, url, { auth, ...options });
  onTestFinished(() => server.abort());
  const again = () =>
    connectOn(load, url, {
      ...{ auth, streams, timeoutMs: Number.POSITIVE_INFINITY },
      ...(options.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: options.idleTimeoutMs }),
    });
  const [client, { value }] = await Promise.all([again(), server[Symbol.asyncIterator]().next()]);
  const ofServer: Session = value;
  ofServer.ondatagram = (datagram) => void ofServer.sendDatagram(datagram);
  await ask(client, utf8("there?"));
  return { server, client, ofServer, network, handler, again };
}

const ending = async (session: Session) => (await failure(session.closed)).code;

const provoked: Readonly<Record<string, () => Promise<string>>> = {
  idle_timeout: async () => {
    const { server, client } = await pair({ idleTimeoutMs: 1_000 });
    await server.abort();
    const ended = ending(client);
    await vi.advanceTimersByTimeAsync(300_000);
    return ended;
  },

  peer_lost: async () => {
    const { server, client } = await pair({}, alice, { keepAliveMs: 3_000 });
    const asked = failure(client.request(utf8("anybody?")));
    await server.abort();
    const ended = ending(client);
    await vi.advanceTimersByTimeAsync(20_000);
    expect((await asked).code).toBe("peer_lost");
    return ended;
  },

  timeout: async () => {
    // Something that has to be acknowledged, and is not.
    const { client, network } = await pair();
    network.filter = () => [];
    client.updateKeys();
    const ended = ending(client);
    await vi.advanceTimersByTimeAsync(300_000);
    return ended;
  },

  revoked: async () => {
    const account = { identity: "alice", password: "old" };
    const store = new MemoryRecordStore([await register({ ...account, iterations: 30_000 })]);
    const auth = { ...password(store, { endSessions: true }), client: password(account).client };
    const { client, ofServer } = await pair({}, auth);
    const ended = ending(ofServer);
    store.set(await register({ ...account, password: "new", iterations: 30_000 }));
    expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
    return ended;
  },

  replaced: async () => {
    const auth = { ...psk(() => key), client: alice.client };
    const { client, ofServer, again } = await pair({ limits: { sessionsPerIdentity: 1 } }, auth);
    const ended = ending(ofServer);
    await again();
    expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
    return ended;
  },

  aborted: async () => {
    const { server, ofServer } = await pair();
    const ended = ending(ofServer);
    await server.abort();
    return ended;
  },

  carrier_failed: async () => {
    const { server, ofServer, handler } = await pair();
    const ended = ending(ofServer);
    handler.failed(new Error("the interface is gone"));
    expect(await failure(server.closed)).toMatchObject({
      code: "carrier_failed",
      cause: new Error("the interface is gone"),
    });
    return ended;
  },

  packet_numbers_exhausted: async () => {
    const { client, ofServer } = await pair({ idleTimeoutMs: 0 });
    const ended = ending(client);
    while (!client.isClosed) {
      client.updateKeys();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(await ofServer.closed).toEqual({ closeCode: 0, reason: "" });
    return ended;
  },
};

test.each(Object.entries(provoked))("%s", async (code, provoke) => {
  expect(await provoke()).toBe(code);
});

test("there are no other codes in the documentation", () => {
  const page = readFileSync(new URL("../../docs/embedding.md", import.meta.url), "utf8");
  const [, list] = /^`session\.closed` rejects with ([\s\S]*?)\. Streams/m.exec(page)!;
  expect([...list!.matchAll(/`(\w+)`/g)].map(([, code]) => code)).toEqual([
    ...Object.keys(provoked),
    "alert_NAME",
  ]);
});
