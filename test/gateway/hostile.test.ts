/**
 * A gateway that is not ours: it loses, repeats, delays, alters and invents datagrams, and closes connections. Server and
 * client are real, the network and the connection to the gateway are in memory, and all it does comes from a seed.
 */
import { expect, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { Deadlines } from "../../src/endpoint/deadlines.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { psk } from "../../src/endpoint/node-index.ts";
import { nodePlatform } from "../../src/endpoint/node-platform.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { ForwardedClient } from "../../src/gateway/client.ts";
import { Forwarder } from "../../src/gateway/forwarder.ts";
import { forwarderSettings } from "../../src/gateway/options.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { WebSocketClass } from "../../src/transport/websocket.ts";

/** mulberry32: numbers from 0 to below 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** WebSockets to a forwarder in the same program, which a hostile hand can close. */
class MemoryWebSockets {
  readonly open = new Set<{ close(): void }>();
  readonly class: WebSocketClass;

  constructor(forwarder: Forwarder) {
    const { open } = this;
    this.class = class {
      binaryType = "";
      bufferedAmount = 0;
      onopen: (() => void) | null = null;
      onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
      onclose: ((event: { code: number }) => void) | null = null;
      onerror: (() => void) | null = null;
      #client: ForwardedClient | undefined;

      constructor(url: string) {
        const request = { path: new URL(url).pathname, origin: undefined, address: "192.0.2.1" };
        setImmediate(() => {
          this.onopen?.();
          open.add(this);
          this.#client = forwarder.accept(request, {
            queuedBytes: 0,
            send: (datagram) => {
              const data = datagram.slice().buffer as ArrayBuffer;
              setImmediate(() => this.onmessage?.({ data }));
            },
            end: (code) => this.close(code),
          });
        });
      }

      send(datagram: Uint8Array): void {
        const copy = datagram.slice();
        setImmediate(() => this.#client?.receive(copy));
      }

      close(code = 1000): void {
        if (!open.delete(this)) return;
        this.#client?.gone();
        setImmediate(() => this.onclose?.({ code }));
      }
    } as unknown as WebSocketClass;
  }
}

/** What is possible between the gateway and the server is possible for the gateway. */
class HostileHand {
  readonly #random: () => number;
  readonly #network: MemoryNetwork;
  readonly #seen: Uint8Array[] = [];
  deeds = { dropped: 0, repeated: 0, delayed: 0, altered: 0, invented: 0 };
  isIdle = true;

  constructor(network: MemoryNetwork, random: () => number) {
    this.#network = network;
    this.#random = random;
    network.filter = (datagram, from, to) => {
      const pass = [{ datagram, from, to }];
      if (this.isIdle) return pass;
      this.#seen.push(datagram);
      const deed = random();
      const { deeds } = this;
      if (deed < 0.1) {
        deeds.dropped++;
        return [];
      }
      if (deed < 0.2) {
        deeds.repeated++;
        return [...pass, ...pass, { datagram: this.#any(this.#seen), from, to }];
      }
      if (deed < 0.3) {
        deeds.delayed++;
        setTimeout(() => this.#network.inject(datagram, from, to), 20 * random());
        return [];
      }
      if (deed < 0.45) {
        deeds.altered++;
        return [{ datagram: this.#altered(datagram), from, to }];
      }
      if (deed < 0.6) {
        deeds.invented++;
        const made = [this.#altered(this.#any(this.#seen)), this.#noise(), this.#forgery()];
        return [...pass, ...made.map((each) => ({ datagram: each, from, to }))];
      }
      return pass;
    };
  }

  #any<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #altered(datagram: Uint8Array): Uint8Array {
    const changed = datagram.slice();
    const kind = this.#random();
    if (kind < 0.2) return changed.subarray(0, Math.floor(this.#random() * changed.length));
    if (kind < 0.3) return Uint8Array.from([...changed, ...changed]);
    for (let i = 0; i < 3; i++) {
      changed[Math.floor(this.#random() * changed.length)]! ^= 1 << Math.floor(8 * this.#random());
    }
    return changed;
  }

  #noise(): Uint8Array {
    return Uint8Array.from({ length: 1 + 100 * this.#random() }, () => 256 * this.#random());
  }

  /** What needs no key: an alert in plaintext (RFC 9147 §4), such as close_notify, or another record. */
  #forgery(): Uint8Array {
    const below = (limit: number) => Math.floor(limit * this.#random());
    const isAlert = this.#random() < 0.7;
    const type = isAlert ? 21 : this.#any([22, 23, 26, 27]);
    const content = isAlert
      ? [1 + below(2), this.#any([0, 10, 20, 40, 50, 51, 70, 80, 90])]
      : [below(27), 0, 0, 0];
    const sequenceNumber = [0, 0, 0, 0, below(2), below(256)];
    return Uint8Array.of(type, 0xfe, 0xfd, 0, 0, ...sequenceNumber, 0, content.length, ...content);
  }
}

const key = new Uint8Array(32).fill(7);
const auth = psk({ identity: "alice", key });

/** Numbers as datagrams of many lengths that are theirs alone. */
function numbered(number: number): Uint8Array {
  const datagram = new Uint8Array(4 + (number % 97)).fill(number);
  new DataView(datagram.buffer).setUint32(0, number);
  return datagram;
}

function isNumbered(datagram: Uint8Array, number: number): boolean {
  const expected = numbered(number);
  return datagram.length === expected.length && datagram.every((byte, i) => byte === expected[i]);
}

const seeds = Array.from({ length: 6 }, (_, i) => 1000 + i);

test.each(seeds)("seed %i: all that arrives was sent by the peer, and arrives once", async (seed) => {
  // Half of the sessions know of acknowledgements and congestion.
  const streams = seed % 2 === 0 ? {} : { streams: false as const };
  const random = generator(seed);
  const network = new MemoryNetwork();
  const settings = forwarderSettings({
    targets: { game: "udp://10.0.0.5:4433" },
    limits: { datagramsPerSecond: 1e6, bytesPerSecond: 1e9, clientsPerAddress: 1e6 },
  });
  const sockets = new MemoryWebSockets(new Forwarder(settings, network, new Deadlines()));
  const platform = sharing(async () => ({
    ...(await nodePlatform(network, false)),
    webSocket: async () => sockets.class,
  }));
  const server = await listenOn(platform, "udp://10.0.0.5:4433", { auth });
  const hand = new HostileHand(network, random);
  // It may try its hand at the handshake too, but then the client may have to give up, which is no fault.
  const [client, { value: other }] = await Promise.all([
    connectOn(platform, "ws://gateway.example/game", { auth, ...streams }),
    server[Symbol.asyncIterator]().next(),
  ]);
  expect(client.peer).toEqual({ kind: "psk", identity: "alice" });
  hand.isIdle = false;

  /** Even numbers are the client's, odd ones the server's. */
  let number = 0;
  const received: [Set<number>, Set<number>] = [new Set(), new Set()];
  const latest = [-1, -1];
  const forgeries: string[] = [];
  for (const [side, session] of [client, other].entries()) {
    session.ondatagram = (datagram: Uint8Array) => {
      const got = datagram.length < 4 ? -1 : new DataView(datagram.slice().buffer).getUint32(0);
      if (!isNumbered(datagram, got) || got % 2 === side) forgeries.push(`forged ${got}`);
      if (received[side]!.has(got)) forgeries.push(`twice ${got}`);
      received[side]!.add(got);
      latest[side] = Math.max(latest[side]!, got);
    };
  }
  for (let round = 0; round < 60; round++) {
    // A connection that closes is only one more way to lose datagrams.
    if (round % 15 === 7) for (const socket of [...sockets.open]) socket.close();
    if (round % 20 === 9) client.updateKeys();
    const start = number;
    // Until both sides hear from each other again.
    while (Math.min(...latest) < start) {
      for (let i = 0; i < 10; i++, number += 2) {
        client.sendDatagram(numbered(number));
        other.sendDatagram(numbered(number + 1));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  // In the end it gives up: what is sent now comes through, on the same session.
  hand.isIdle = true;
  await Promise.all(
    [client, other].map(async (session, side) => {
      const last = number + side;
      const to = [client, other][1 - side]!;
      const before = to.ondatagram!;
      await new Promise<void>((resolve) => {
        const again = setInterval(() => session.sendDatagram(numbered(last)), 5);
        to.ondatagram = (datagram: Uint8Array) => {
          if (!isNumbered(datagram, last)) return before(datagram);
          // This one is sent more than once.
          clearInterval(again);
          resolve();
        };
      });
    }),
  );
  expect(forgeries, `seed ${seed}`).toEqual([]);
  expect(Math.min(received[0].size, received[1].size), `seed ${seed}`).toBeGreaterThan(100);
  expect(Math.min(...Object.values(hand.deeds)), `seed ${seed}`).toBeGreaterThan(10);
  expect(server.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
  client.close();
  expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
  await server.close();
});

test.each(seeds.slice(0, 3))(
  "seed %i: a handshake through it succeeds with the right peer, or fails",
  async (seed) => {
    const random = generator(seed);
    const network = new MemoryNetwork();
    const settings = forwarderSettings({ targets: { game: "udp://10.0.0.5:4433" } });
    const sockets = new MemoryWebSockets(new Forwarder(settings, network, new Deadlines()));
    const platform = sharing(async () => ({
      ...(await nodePlatform(network, false)),
      webSocket: async () => sockets.class,
    }));
    const server = await listenOn(platform, "udp://10.0.0.5:4433", { auth });
    const hand = new HostileHand(network, random);
    hand.isIdle = false;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        connectOn(platform, "ws://gateway.example/game", { auth, timeoutMs: 4_000 }),
      ),
    );
    let established = 0;
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ name: "SealgramError" });
      else {
        established++;
        expect(outcome.value.peer).toEqual({ kind: "psk", identity: "alice" });
        outcome.value.close();
      }
    }
    // What it alters of a handshake it can end, but not bend; most of what it does is only loss.
    expect(established, `seed ${seed}`).toBeGreaterThan(0);
    await server.abort();
  },
);
