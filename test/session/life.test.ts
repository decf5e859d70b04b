import { describe, expect, test } from "vitest";
import { Random } from "../sim/random.ts";
import { seeds } from "../sim/seeds.ts";
import { Link, type LinkOptions } from "./link.ts";
import { SessionPair } from "./pair.ts";
import { Workload } from "./workload.ts";

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

/** One session from its beginning to its end. */
function live(seed: number): void {
  const random = new Random(seed * 7919);
  const smallWindow = { initialBytes: 1 + random.below(3000), maxBytes: 4000 };
  const limits = random.chance(0.3) ? { streamWindow: smallWindow, sessionWindow: smallWindow } : {};
  const streams = { maxIncomingBidi: 1 + random.below(20), maxIncomingUni: 1 + random.below(20) };
  const pair = new SessionPair({
    seed,
    link: weather(random),
    client: { ...limits, ...streams },
    server: { ...limits, ...streams },
  }).ready();
  const { client, server, clock } = pair;
  const workload = new Workload(pair, random.below(40), seed);
  const disturb = () => {
    const what = random.below(8);
    if (what === 0) client.nextEpoch();
    else if (what === 1) server.nextEpoch();
    else if (what === 2) client.aheadMs += random.below(20_000);
    else if (what === 3) pair.up.options = { ...pair.up.options, ...weather(random) };
    else if (what === 4) {
      client.link = new Link(clock, pair.random, weather(random));
      server.link = new Link(clock, pair.random, weather(random));
      client.engine.pathChanged();
      server.engine.pathChanged();
    } else if (what === 5) {
      client.hasRoom = false;
      clock.at(clock.nowMs + random.below(300), () => {
        client.hasRoom = true;
        if (!client.isCarrierClosed) client.flush();
      });
    } else if (what === 6) {
      server.refuses = true;
      clock.at(clock.nowMs + random.below(300), () => {
        server.refuses = false;
      });
    }
    if (clock.nowMs < 20_000) clock.at(clock.nowMs + random.below(2000), disturb);
  };
  if (random.chance(0.5)) clock.at(random.below(1000), disturb);
  const isDone = pair.until(() => {
    workload.step();
    return workload.isDone || client.end !== undefined || server.end !== undefined;
  }, 1_800_000);
  expect([client.end, server.end]).toEqual([undefined, undefined]);
  expect(isDone, workload.describe()).toBe(true);
  expect(workload.isConsistent).toBe(true);
  // What both have done with is forgotten, once the last frames are acknowledged.
  const settled = () => client.engine.streams.size === 0 && server.engine.streams.size === 0;
  expect(pair.until(settled, 300_000), `${client.engine.streams.size} ${server.engine.streams.size}`).toBe(
    true,
  );
  const [one, other] = random.chance(0.5) ? [client, server] : [server, client];
  one.engine.close(1234, "done");
  one.flush();
  clock.run(clock.nowMs + 600_000);
  expect(one.end).toMatchObject({ closeCode: 1234, reason: "done", error: undefined });
  expect(one.isCarrierClosed).toBe(true);
  // Unless everything that was said about it got lost.
  if (other.end !== undefined && other.end.closeCode !== 0) {
    expect(other.end).toMatchObject({ closeCode: 1234, reason: "done", error: undefined });
  }
  expect(one.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
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
