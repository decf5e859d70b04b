/** Connections whose AEAD answers later, in any order and perhaps never well: WebCrypto's does. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AesBackend, type Awaitable, RecordCore } from "../../src/core/index.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { createPair, type Pair } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";

/** Decides when and how each operation ends. */
type Fate = <T>(value: T) => Promise<T>;

function aesWith(fate: Fate): AesBackend {
  const later = <T>(value: Awaitable<T>): Promise<T> => fate(value as T);
  return {
    importKeys(key, snKey) {
      const keys = nodeAes.importKeys(key, snKey);
      return {
        seal: (...args) => later(keys.seal(...args)),
        open: (...args) => later(keys.open(...args)),
        mask: (sample) => later(keys.mask(sample)),
      };
    },
  };
}

/** After a few microtasks. */
function shuffled(seed: number): Fate {
  const random = new Random(seed);
  return async (value) => {
    for (let left = random.below(6); left > 0; left--) await undefined;
    return value;
  };
}

function pairWith(fate: Fate): Pair {
  const core = RecordCore.loadSync(undefined, { aes: aesWith(fate) });
  const common = { core, cipherSuites: [CipherSuite.TLS_AES_128_GCM_SHA256] };
  const pair = createPair({ client: common, server: common });
  // Whatever is computed is done before time goes on.
  pair.network.work = {
    async settled() {
      for (let turn = 0; turn < 3; turn++) await nextTurn();
    },
  };
  return pair;
}

let unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);
beforeEach(() => {
  unhandled = [];
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
});

test("what is still being opened when the peer ends the connection is dropped", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = pairWith(shuffled(seed));
    expect(await pair.connect(), `seed ${seed}`).toBe(true);
    const { client, server, network } = pair;
    const datagrams: Uint8Array[] = [];
    network.filter = ({ bytes }) => {
      datagrams.push(bytes);
      return false;
    };
    for (let i = 0; i < 5; i++) client.connection.send(Uint8Array.of(i));
    client.connection.close();
    await client.connection.transmitted;
    expect(datagrams.length).toBe(6);
    for (const datagram of datagrams) server.connection.handleDatagram(datagram, "client");
    await nextTurn();
    expect(server.isClosed).toBe(true);
    expect(server.error).toBeUndefined();
    expect(server.received.length + (server.connection.drops.no_epoch ?? 0)).toBe(5);
  }
  expect(unhandled).toEqual([]);
});

test("what is still being opened when this side ends the connection is dropped", async () => {
  for (let microtasks = 0; microtasks < 40; microtasks++) {
    const pair = pairWith(shuffled(microtasks));
    expect(await pair.connect()).toBe(true);
    const { client, server, network } = pair;
    network.filter = ({ bytes }) => {
      server.connection.handleDatagram(bytes, "client");
      return false;
    };
    for (let i = 0; i < 5; i++) client.connection.send(Uint8Array.of(i));
    for (let i = 0; i < microtasks; i++) await undefined;
    server.connection.close();
    await nextTurn();
    expect(server.isClosed).toBe(true);
  }
  expect(unhandled).toEqual([]);
});

test("what was sent before the end is transmitted, and the end as well", async () => {
  const pair = pairWith(shuffled(1));
  expect(await pair.connect()).toBe(true);
  const { client, server, network, until } = pair;
  await until(() => !client.connection.isBusy && !server.connection.isBusy);
  network.sent.length = 0;
  client.connection.send(Uint8Array.of(1));
  client.connection.close();
  expect(client.isClosed).toBe(true);
  expect(network.sent.length).toBe(0);
  expect(client.connection.transmitted).toBeInstanceOf(Promise);
  await client.connection.transmitted;
  expect(client.connection.transmitted).toBeUndefined();
  expect(network.sent.length).toBe(2);
  await until(() => server.isClosed);
  expect([server.isClosed, server.error]).toEqual([true, undefined]);
});

test("an AEAD that fails ends the connection, and nothing else", async () => {
  for (const failing of ["client", "server"] as const) {
    let isBroken = false;
    const pair = pairWith(async (value) => {
      if (isBroken) throw new Error("no AEAD today");
      return value;
    });
    expect(await pair.connect()).toBe(true);
    await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
    const { [failing]: node } = pair;
    pair.network.filter = ({ bytes }) => {
      isBroken = true;
      pair.server.connection.handleDatagram(bytes, "client");
      return false;
    };
    if (failing === "client") isBroken = true;
    pair.client.connection.send(Uint8Array.of(1));
    await nextTurn();
    expect(node.error).toMatchObject({ code: "internal_error", cause: new Error("no AEAD today") });
  }
  expect(unhandled).toEqual([]);
});

test("a host that throws at what was opened later ends the connection", async () => {
  const pair = pairWith(shuffled(2));
  expect(await pair.connect()).toBe(true);
  pair.server.received.push = () => {
    throw new Error("no room");
  };
  pair.client.connection.send(Uint8Array.of(1));
  await pair.until(() => pair.server.isClosed);
  expect(pair.server.error).toMatchObject({ code: "internal_error", cause: new Error("no room") });
  expect(unhandled).toEqual([]);
});

test("no more is opened at a time than is bounded, and more once that is done", async () => {
  for (const [bytes, most] of [
    [1, 512],
    [8192, 64],
  ] as const) {
    let release: (() => void) | undefined;
    let underway = 0;
    let gate: Promise<void> | undefined;
    const pair = pairWith(async (value) => {
      underway++;
      await gate;
      underway--;
      return value;
    });
    expect(await pair.connect()).toBe(true);
    const { client, server, network } = pair;
    await pair.until(() => !client.connection.isBusy && !server.connection.isBusy);
    const datagrams: Uint8Array[] = [];
    network.filter = ({ bytes }) => {
      datagrams.push(bytes);
      return false;
    };
    client.connection.setMtu(16_384);
    for (let i = 0; i < 600; i++) client.connection.send(new Uint8Array(bytes));
    await client.connection.transmitted;
    gate = new Promise((resolve) => {
      release = resolve;
    });
    for (const datagram of datagrams) server.connection.handleDatagram(datagram, "client");
    expect(underway).toBe(most);
    expect(server.connection.drops.overload).toBe(600 - most);
    release!();
    await nextTurn();
    expect(server.received.length).toBe(most);
    for (const datagram of datagrams.slice(most)) {
      server.connection.handleDatagram(datagram, "client");
      await nextTurn();
    }
    // Behind a gap or not, the replay window says that none of these was seen.
    expect(server.received.length).toBe(600);
    expect(server.connection.drops.overload).toBe(600 - most);
  }
});
