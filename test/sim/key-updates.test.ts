/** Key updates that cross, wait and get lost (RFC 9846 §4.7.3, RFC 9147 §8): who sends which, seen on the wire. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { readFragments } from "../../src/dtls/fragment.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { clear } from "./network.ts";
import { createPair, type Pair } from "./pair.ts";
import { Random } from "./random.ts";
import { seeds } from "./seeds.ts";

type Name = "client" | "server";
const names: readonly Name[] = ["client", "server"];
const other = (name: Name): Name => (name === "client" ? "server" : "client");

const HEADER = 5;
const TYPE_AND_TAG = 1 + 32;
const HANDSHAKE = 22;

/** The KeyUpdates in a datagram of a suite that does not encrypt, by message_seq: whether each is a request. */
function keyUpdatesIn(datagram: Bytes): [messageSeq: number, isRequest: boolean][] {
  const found: [number, boolean][] = [];
  for (let at = 0; at < datagram.length; ) {
    const end = at + HEADER + ((datagram[at + 3]! << 8) | datagram[at + 4]!);
    const content = datagram.slice(at + HEADER, end - TYPE_AND_TAG);
    if (datagram[end - TYPE_AND_TAG] === HANDSHAKE) {
      for (const { type, messageSeq, data } of readFragments(content)) {
        if (type === HandshakeType.key_update) found.push([messageSeq, data[0] === 1]);
      }
    }
    at = end;
  }
  return found;
}

/** What one side has sent and received, as an observer has it: it counts each KeyUpdate once. */
class Side {
  readonly sent: Map<number, boolean> = new Map();
  readonly received: Map<number, boolean> = new Map();
  /** Calls of `updateKeys`. */
  wishes = 0;
  /** Its request was sent, and no KeyUpdate of the peer has come since. */
  hasRequested = false;
  /** The peer's request has come, and no KeyUpdate was sent since. */
  isRequested = false;
  readonly faults: string[] = [];

  send(messageSeq: number, isRequest: boolean): void {
    if (this.sent.has(messageSeq)) return;
    this.sent.set(messageSeq, isRequest);
    if (isRequest && this.hasRequested) this.faults.push("a second request");
    if (isRequest && this.isRequested) this.faults.push("a request for an answer");
    if (isRequest) this.hasRequested = true;
    this.isRequested = false;
    if (this.sent.size > this.wishes + this.requestsReceived) this.faults.push("an update for nothing");
  }

  receive(messageSeq: number, isRequest: boolean): void {
    if (this.received.has(messageSeq)) return;
    this.received.set(messageSeq, isRequest);
    this.hasRequested = false;
    if (isRequest) this.isRequested = true;
  }

  get requestsReceived(): number {
    return [...this.received.values()].filter((isRequest) => isRequest).length;
  }
}

interface Watched extends Pair {
  readonly side: Record<Name, Side>;
  /** Lines of the key log of either side that are about data. */
  readonly secrets: Record<Name, Set<string>>;
  update(name: Name, requestPeer: boolean): void;
  /** Lets everything arrive. */
  settle(): Promise<void>;
}

async function watched(seed = 1): Promise<Watched> {
  const secrets = { client: new Set<string>(), server: new Set<string>() };
  const configOf = (name: Name) => ({
    cipherSuites: [CipherSuite.TLS_SHA256_SHA256],
    keyLog: (line: string) => {
      if (line.includes("_TRAFFIC_SECRET_") && !line.includes("HANDSHAKE")) secrets[name].add(line);
    },
  });
  const pair = createPair({ seed, client: configOf("client"), server: configOf("server") });
  const { network } = pair;
  expect(await pair.connect()).toBe(true);
  const isAtRest = () => names.every((name) => !pair[name].connection.isBusy);
  await pair.until(isAtRest);
  const side = { client: new Side(), server: new Side() };
  for (const name of names) {
    const node = pair[name];
    const { handleDatagram } = node.connection;
    node.receive = (datagram, from) => {
      for (const update of keyUpdatesIn(datagram)) side[name].receive(...update);
      handleDatagram.call(node.connection, datagram, from);
    };
  }
  const { send } = network;
  network.send = (from, to, datagram) => {
    for (const update of keyUpdatesIn(datagram)) side[from as Name].send(...update);
    send.call(network, from, to, datagram);
  };
  return {
    ...pair,
    side,
    secrets,
    update(name, requestPeer) {
      side[name].wishes++;
      pair[name].connection.updateKeys(requestPeer);
    },
    async settle() {
      network.filter = undefined;
      network.weather = clear;
      await pair.until(() => false, 1);
      await pair.until(() => isAtRest() && names.every((name) => !side[name].isRequested), 300_000);
      await pair.until(() => false, 2_000);
    },
  };
}

/** Both sides have the same keys, in both directions, and every request was answered. */
function expectAgreement(pair: Watched, context = ""): void {
  for (const name of names) {
    const { faults, sent, received, isRequested } = pair.side[name];
    expect(faults, context).toEqual([]);
    expect(isRequested, `${context}: a request is not answered`).toBe(false);
    expect([...received], context).toEqual([...pair.side[other(name)].sent]);
    expect(pair[name].connection.writeEpoch, context).toBe(3 + sent.size);
    expect(pair[name].error, context).toBeUndefined();
  }
  expect(pair.secrets.client, context).toEqual(pair.secrets.server);
}

async function expectData(pair: Watched): Promise<void> {
  for (const name of names) {
    const before = pair[other(name)].received.length;
    pair[name].connection.send(Uint8Array.of(1));
    expect(await pair.until(() => pair[other(name)].received.length > before, 1_000)).toBe(true);
  }
}

describe.each(names)("a %s", (name) => {
  const peer = other(name);

  test("does not request twice while the peer's KeyUpdate is withheld, and may after it", async () => {
    const pair = await watched();
    const { network, side } = pair;
    network.filter = ({ from, bytes }) => from === name || keyUpdatesIn(bytes).length === 0;
    pair.update(name, true);
    await pair.until(() => !pair[name].connection.isBusy, 10_000);
    pair.update(name, true);
    await pair.until(() => !pair[name].connection.isBusy, 10_000);
    expect([...side[name].sent.values()]).toEqual([true, false]);
    await pair.settle();
    expectAgreement(pair);
    await expectData(pair);
    pair.update(name, true);
    await pair.settle();
    expect([...side[name].sent.values()]).toEqual([true, false, true]);
    expect([...side[peer].sent.values()]).toEqual([false, false]);
    expectAgreement(pair);
    await expectData(pair);
  });

  test("answers a request that comes while its own update is not acknowledged", async () => {
    const pair = await watched();
    const { network, side } = pair;
    network.filter = ({ from }) => from === peer;
    pair.update(name, false);
    pair.update(peer, true);
    await pair.until(() => side[name].isRequested, 10_000);
    await pair.settle();
    expect([...side[name].sent.values()]).toEqual([false, false]);
    expect([...side[peer].sent.values()]).toEqual([true]);
    expectAgreement(pair);
    await expectData(pair);
  });

  test("asks the peer also while its own update is under way", async () => {
    const pair = await watched();
    pair.update(name, false);
    pair.update(name, true);
    await pair.settle();
    expect([...pair.side[name].sent.values()]).toEqual([false, true]);
    expect([...pair.side[peer].sent.values()]).toEqual([false]);
    expectAgreement(pair);
  });

  test("does not request what the peer has done before its request could be sent", async () => {
    const pair = await watched();
    const { network, side } = pair;
    network.filter = ({ from }) => from === peer;
    pair.update(name, false);
    pair.update(name, true);
    pair.update(peer, true);
    await pair.until(() => side[name].isRequested, 10_000);
    await pair.settle();
    expect([...side[name].sent.values()]).toEqual([false, false]);
    expect([...side[peer].sent.values()]).toEqual([true]);
    expectAgreement(pair);
  });
});

test("requests that cross are both answered: each side goes on by two generations", async () => {
  const pair = await watched();
  for (const name of names) pair.update(name, true);
  await pair.settle();
  for (const name of names) expect([...pair.side[name].sent.values()]).toEqual([true, false]);
  expectAgreement(pair);
  await expectData(pair);
});

describe("from any seed: updates of both sides, withheld, reordered, lost and repeated", () => {
  test.each(seeds(1_000, 500))("schedules %i to %i agree in the end", async (from, to) => {
    const pair = await watched(from);
    for (let seed = from; seed <= to; seed++) {
      const random = new Random(seed);
      pair.network.weather = {
        ...clear,
        delayMs: random.below(50),
        jitterMs: random.below(100),
        loss: random.next() * 0.4,
        duplication: random.next() * 0.3,
      };
      const withheld = random.chance(0.3) ? names[random.below(2)] : undefined;
      pair.network.filter = ({ from: sender, bytes }) =>
        sender !== withheld || keyUpdatesIn(bytes).length === 0;
      for (let wish = random.below(5); wish >= 0; wish--) {
        pair.update(names[random.below(2)]!, random.chance(0.6));
        if (random.chance(0.6)) await pair.until(() => false, random.below(400));
      }
      await pair.settle();
      expectAgreement(pair, `seed ${seed}`);
    }
    await expectData(pair);
  });
});
