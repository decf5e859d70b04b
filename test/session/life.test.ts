import { describe, expect, test } from "vitest";
import type { PaddingPolicy } from "../../src/session/options.ts";
import { Random } from "../sim/random.ts";
import { seeds } from "../sim/seeds.ts";
import { DatagramTraffic } from "./datagram-traffic.ts";
import { Link, type LinkOptions } from "./link.ts";
import { SessionPair, type SimulatedSession } from "./pair.ts";
import { Referee } from "./referee.ts";
import { Workload } from "./workload.ts";

/** Longer than anything that is done to a session. */
const IDLE_TIMEOUT_MS = 400_000;

/** Any path, from a perfect one to one that hardly works. */
function weather(random: Random): Partial<LinkOptions> {
  return {
    delayMs: random.below(80),
    jitterMs: random.chance(0.5) ? 0 : random.below(60),
    loss: random.chance(0.3) ? 0 : random.next() * 0.15,
    duplication: random.chance(0.5) ? 0 : random.next() * 0.1,
    bytesPerMs: random.chance(0.3) ? Number.POSITIVE_INFINITY : 200 + random.below(20_000),
    queueBytes: 20_000 + random.below(200_000),
    mtuBytes: random.chance(0.7) ? 65_535 : 1200 + random.below(300),
  };
}

function padding(random: Random): PaddingPolicy {
  if (random.chance(0.8)) return { kind: "none" };
  if (random.chance(0.5)) return { kind: "block", blockBytes: 1 + random.below(300) };
  return { kind: "constant", packetBytes: 300 + random.below(900), intervalMs: 5 + random.below(20) };
}

interface Scene {
  readonly random: Random;
  readonly pair: SessionPair;
  /** What both directions go through at present. */
  links: Link[];
}

/** What may happen to a session at any time. */
const disturbances: Readonly<Record<string, (scene: Scene) => void>> = {
  "new keys": ({ random, pair }) => either(random, pair).nextEpoch(),
  "a clock jumps ahead": ({ random, pair }) => {
    either(random, pair).aheadMs += random.below(20_000);
  },
  "other weather": ({ random, links }) => {
    for (const link of links) link.options = { ...link.options, ...weather(random) };
  },
  "an outage": ({ random, pair, links }) => {
    for (const link of links) {
      link.isDown = true;
      pair.clock.at(pair.clock.nowMs + random.below(3000), () => {
        link.isDown = false;
      });
    }
  },
  // Below what was assumed, too: then datagrams have the least size that there is.
  "a black hole for large datagrams": ({ random, links }) => {
    const mtuBytes = random.chance(0.2) ? 600 + random.below(600) : 1200 + random.below(200);
    for (const link of links) link.options = { ...link.options, mtuBytes };
  },
  "another address": (scene) => {
    const { random, pair } = scene;
    scene.links = [pair.client, pair.server].map((side) => {
      const link = new Link(pair.clock, pair.random, weather(random));
      side.link = link;
      side.engine.pathChanged();
      return link;
    });
  },
  "a carrier without room": ({ random, pair }) => {
    const side = either(random, pair);
    side.hasRoom = false;
    pair.clock.at(pair.clock.nowMs + random.below(300), () => {
      side.hasRoom = true;
      if (!side.isCarrierClosed) side.flush();
    });
  },
  "a carrier that refuses": ({ random, pair }) => {
    const side = either(random, pair);
    side.refuses = true;
    pair.clock.at(pair.clock.nowMs + random.below(300), () => {
      side.refuses = false;
    });
  },
};
const kinds = Object.values(disturbances);

function either(random: Random, { client, server }: SessionPair): SimulatedSession {
  return random.chance(0.5) ? client : server;
}

/** One session from its beginning to its end. */
function live(seed: number): void {
  const random = new Random(seed * 7919);
  const smallWindow = { initialBytes: 1 + random.below(3000), maxBytes: 4000 };
  const limits = random.chance(0.3) ? { streamWindow: smallWindow, sessionWindow: smallWindow } : {};
  const streams = { maxIncomingBidi: 1 + random.below(20), maxIncomingUni: 1 + random.below(20) };
  const idleTimeoutMs = IDLE_TIMEOUT_MS;
  let referee!: Referee;
  const pair = new SessionPair({
    seed,
    link: weather(random),
    client: { ...limits, ...streams, idleTimeoutMs, padding: padding(random) },
    server: { ...limits, ...streams, idleTimeoutMs, padding: padding(random) },
    watch: (each) => {
      referee = new Referee(each);
    },
  }).ready();
  const { client, server, clock } = pair;
  const sides = [client, server];
  const workload = new Workload(pair, random.below(40), seed);
  const datagrams = new DatagramTraffic(pair);
  const scene: Scene = { random, pair, links: [pair.up, pair.down] };
  const startMs = clock.nowMs;
  const disturb = () => {
    kinds[random.below(kinds.length)]!(scene);
    if (clock.nowMs < startMs + 20_000) clock.at(clock.nowMs + random.below(2000), disturb);
  };
  if (random.chance(0.7)) clock.at(startMs + random.below(1000), disturb);
  const talk = () => {
    datagrams.send(either(random, pair), random.below(1500));
    if (clock.nowMs < startMs + 5000) clock.at(clock.nowMs + random.below(300), talk);
  };
  if (random.chance(0.5)) talk();
  const isDone = pair.until(() => {
    workload.step();
    return workload.isDone || sides.some(({ end }) => end !== undefined);
  }, 1_800_000);
  expect(sides.map(({ end }) => end)).toEqual([undefined, undefined]);
  expect(isDone, workload.describe()).toBe(true);
  expect(workload.isConsistent).toBe(true);
  // What both have done with is forgotten, once the last frames are acknowledged; nothing is in flight that nobody waits for.
  // At a constant rate there is always something on its way.
  const isQuiet = ({ engine, options }: SimulatedSession) =>
    options.padding.kind === "constant" || engine.recovery.bytesInFlight === 0;
  const settled = () =>
    sides.every(({ engine }) => engine.streams.size === 0) && datagrams.isSettled && sides.every(isQuiet);
  const state = () =>
    JSON.stringify(sides.map(({ engine }) => [engine.streams.size, engine.recovery.bytesInFlight]));
  expect(pair.until(settled, 300_000), state()).toBe(true);
  expect(datagrams.wrong).toEqual([]);
  for (const side of sides) {
    const { window } = side.engine.streams;
    const total = referee.totalOf(side.peer);
    expect([side.peer.engine.streams.credit.sent, window.received, window.consumed]).toEqual([
      total,
      total,
      total,
    ]);
  }
  end(random, pair);
}

/** One side ends it: the other hears of it, and neither has anything left. */
function end(random: Random, pair: SessionPair): void {
  const { clock } = pair;
  const one = either(random, pair);
  const { peer: other } = one;
  // Some of it in the middle of something.
  other.onincoming = undefined;
  const stream = random.chance(0.5) ? one.engine.streams.open(true, 0) : undefined;
  if (stream !== undefined) one.engine.streams.write(stream, new Uint8Array(random.below(100_000)));
  one.flush();
  clock.run(clock.nowMs + random.below(30));
  one.engine.close(1234, "done");
  one.flush();
  clock.run(clock.nowMs + 2 * IDLE_TIMEOUT_MS);
  expect(one.end).toMatchObject({ closeCode: 1234, reason: "done", error: undefined });
  expect(one.isCarrierClosed).toBe(true);
  // If everything that was said about it got lost, silence tells.
  if (other.end?.error !== undefined) expect(other.end.error.code).toBe("idle_timeout");
  else if (other.end?.closeCode !== 0) expect(other.end).toMatchObject({ closeCode: 1234, reason: "done" });
  expect(other.isCarrierClosed).toBe(true);
  for (const { engine } of [one, other]) {
    expect(engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(engine.streams.size).toBe(0);
    expect(engine.recovery.outstanding(1).filter((sent) => sent !== undefined)).toEqual([]);
  }
}

describe("sessions on any path: all bytes once and in order, or a reset; nothing hangs, nothing stays", () => {
  test.each(seeds(60, 10))("seeds %d to %d", (from, to) => {
    for (let seed = from; seed <= to; seed++) {
      try {
        live(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});
