/** Recovery on simulated paths, in simulated time: every run is the same. */
import { describe, expect, test } from "vitest";
import type { CongestionAlgorithm } from "../../../src/session/recovery/congestion.ts";
import { defaultPathMtu } from "../../../src/session/recovery/path-mtu.ts";
import { defaultRecovery, type RecoveryOptions } from "../../../src/session/recovery/recovery.ts";
import { Random } from "../../sim/random.ts";
import { seeds } from "../../sim/seeds.ts";
import { Clock, Link, type LinkOptions } from "../link.ts";
import { Flow, type FlowOptions } from "./flow.ts";

/** 100 Mbit/s and a round trip of 50 ms: 625,000 bytes are under way. */
const BYTES_PER_MS = 12_500;
const DELAY_MS = 25;
const PRODUCT_BYTES = BYTES_PER_MS * 2 * DELAY_MS;
const DATAGRAM_BYTES = 1452;

const algorithms: readonly CongestionAlgorithm[] = ["new-reno", "cubic"];

class Path {
  readonly clock: Clock = new Clock();
  readonly random: Random;
  readonly forward: Link;
  readonly backward: Link;

  constructor(options: Partial<LinkOptions> = {}, seed = 1) {
    this.random = new Random(seed);
    this.forward = this.link(options);
    this.backward = this.link({});
  }

  link(options: Partial<LinkOptions>): Link {
    const defaults = { bytesPerMs: BYTES_PER_MS, delayMs: DELAY_MS, queueBytes: PRODUCT_BYTES };
    return new Link(this.clock, this.random, { ...defaults, ...options });
  }

  flow(algorithm: CongestionAlgorithm, options: Partial<FlowOptions> = {}): Flow {
    const recovery: RecoveryOptions = { ...defaultRecovery, algorithm };
    return new Flow(this.clock, this.forward, this.backward, { recovery, ...options });
  }
}

/** The share of the link's bytes that a bulk transfer delivers, from its beginning on. */
function utilisation(path: Path, flow: Flow, forMs: number): number {
  flow.start();
  path.clock.run(forMs);
  return flow.deliveredBytes / (BYTES_PER_MS * forMs);
}

for (const algorithm of algorithms) {
  describe(`${algorithm} on 100 Mbit/s and 50 ms`, () => {
    for (const [name, queueBytes] of [
      ["a queue of one round trip", PRODUCT_BYTES],
      ["a queue of half a round trip", PRODUCT_BYTES / 2],
    ] as const) {
      test(`uses at least 85 % of the link through ${name}, slow start included`, () => {
        const path = new Path({ queueBytes });
        const flow = path.flow(algorithm);
        expect(utilisation(path, flow, 10_000)).toBeGreaterThan(0.85);
        // What it keeps under way is what the path and its queue hold, and not more than the window.
        expect(flow.mostInFlightBytes).toBeLessThanOrEqual(flow.mostWindowBytes + 3 * DATAGRAM_BYTES);
        expect(flow.mostWindowBytes).toBeLessThan(2 * (PRODUCT_BYTES + queueBytes));
      });
    }

    test("with timers that are late by up to 4 ms as well", () => {
      const path = new Path();
      expect(utilisation(path, path.flow(algorithm, { timerGranularityMs: 4 }), 10_000)).toBeGreaterThan(
        0.85,
      );
    });

    test("with an ACK for every ten packets as well", () => {
      const path = new Path();
      expect(utilisation(path, path.flow(algorithm, { packetsPerAck: 10 }), 10_000)).toBeGreaterThan(0.85);
    });

    test("and through key updates, after each thousand packets and with records between that carry none", () => {
      const path = new Path();
      const flow = path.flow(algorithm, { packetsPerEpoch: 1000, firstSequenceNumber: 3 });
      expect(utilisation(path, flow, 10_000)).toBeGreaterThan(0.85);
      expect(flow.recovery.statistics.lateArrivals).toBe(0);
    });

    test("two flows that begin together share within 40 to 60", () => {
      for (const queueBytes of [PRODUCT_BYTES / 2, PRODUCT_BYTES]) {
        const path = new Path({ queueBytes });
        const flows = [path.flow(algorithm), path.flow(algorithm)] as const;
        for (const flow of flows) flow.start();
        path.clock.run(60_000);
        expectFairShare(flows[0].deliveredBytes, flows[1].deliveredBytes);
      }
    });

    test("one that comes three seconds later gets its share within half a minute, on the average of some paths", () => {
      // Without jitter a full queue drops the packets of whoever happens to be in step with it.
      const shares = [1, 2, 3, 4, 5].map((seed) => {
        const path = new Path({ queueBytes: PRODUCT_BYTES / 2, jitterMs: 1 }, seed);
        const [early, late] = [path.flow(algorithm), path.flow(algorithm)];
        early.start();
        path.clock.at(3000, () => late.start());
        path.clock.run(33_000);
        const before = [early.deliveredBytes, late.deliveredBytes] as const;
        path.clock.run(63_000);
        return [early.deliveredBytes - before[0], late.deliveredBytes - before[1]] as const;
      });
      const sum = (index: 0 | 1) => shares.reduce((total, each) => total + each[index], 0);
      expectFairShare(sum(0), sum(1));
    });
  });
}

function expectFairShare(a: number, b: number): void {
  expect(a / (a + b)).toBeGreaterThan(0.4);
  expect(a / (a + b)).toBeLessThan(0.6);
}

describe("random loss", () => {
  /** Mathis et al. 1997: MSS / RTT * sqrt(3/2) / sqrt(p), in bytes per millisecond; p after each window's first loss. */
  const mathis = (loss: number): number => (DATAGRAM_BYTES / (2 * DELAY_MS)) * Math.sqrt(3 / 2 / loss);

  /**
   * NewReno with nothing but its arithmetic: packets go one after the other, as many a round trip as the window has whole
   * ones; each adds 1/window; a loss halves it, once for the window that was under way. In bytes per millisecond.
   */
  function ideal(loss: number): number {
    const random = new Random(1);
    let [window, timeMs, delivered, recoveryUntil] = [10, 0, 0, 0];
    for (let packet = 0; packet < 300_000; packet++) {
      timeMs += (2 * DELAY_MS) / Math.floor(window);
      const isLost = random.chance(loss);
      if (!isLost) delivered++;
      if (packet < recoveryUntil) continue;
      if (isLost) {
        recoveryUntil = packet + window;
        window = Math.max(2, window / 2);
      } else window += 1 / window;
    }
    return (delivered * DATAGRAM_BYTES) / timeMs;
  }

  /** Over several seeds, two minutes each. */
  function measured(algorithm: CongestionAlgorithm, loss: number): number {
    const seedCount = 5;
    let total = 0;
    for (let seed = 1; seed <= seedCount; seed++) {
      const path = new Path({ loss }, seed);
      const flow = path.flow(algorithm);
      flow.start();
      path.clock.run(120_000);
      total += flow.deliveredBytes / 120_000;
    }
    return total / seedCount;
  }

  for (const loss of [0.01, 0.005]) {
    test(`at ${loss * 100} % NewReno is no slower than its ideal model`, () => {
      expect(measured("new-reno", loss)).toBeGreaterThan(ideal(loss));
    });

    test(`at ${loss * 100} % CUBIC is no slower than what Mathis' formula gives Reno`, () => {
      expect(measured("cubic", loss)).toBeGreaterThan(mathis(loss));
    });
  }
});

describe("faults of the path", () => {
  test("CUBIC takes back what 3 ms of jitter, which reorder everything, made it conclude", () => {
    const path = new Path({ jitterMs: 3 });
    const flow = path.flow("cubic");
    expect(utilisation(path, flow, 10_000)).toBeGreaterThan(0.85);
    expect(flow.recovery.statistics.lateArrivals).toBeGreaterThan(0);
  });

  test("an outage of five seconds is persistent congestion, and is over within a probe time-out or two", () => {
    const path = new Path();
    const flow = path.flow("cubic");
    flow.start();
    path.clock.run(3000);
    const { options } = path.forward;
    path.forward.options = { ...options, loss: 1 };
    path.clock.run(8000);
    path.forward.options = options;
    const before = flow.deliveredBytes;
    path.clock.run(20_000);
    expect(flow.recovery.statistics.persistentCongestionEvents).toBeGreaterThan(0);
    expect((flow.deliveredBytes - before) / (BYTES_PER_MS * 12_000)).toBeGreaterThan(0.5);
  });

  test("a path whose MTU shrinks is a black hole for a second, and then used at its new MTU", () => {
    const path = new Path();
    const flow = path.flow("cubic");
    flow.start();
    path.clock.run(3000);
    expect(flow.recovery.mtu.currentBytes).toBe(DATAGRAM_BYTES);
    path.forward.options = { ...path.forward.options, mtuBytes: 1300 };
    path.clock.run(10_000);
    const { currentBytes } = flow.recovery.mtu;
    expect(currentBytes).toBeGreaterThan(1300 - 32);
    expect(currentBytes).toBeLessThanOrEqual(1300);
    const before = flow.deliveredBytes;
    path.clock.run(20_000);
    expect((flow.deliveredBytes - before) / (BYTES_PER_MS * 10_000)).toBeGreaterThan(0.85);
  });

  test("a path that swallows even datagrams of base size goes on with the smallest, and with base when it takes that again", () => {
    const path = new Path();
    const flow = path.flow("cubic");
    flow.start();
    path.clock.run(3000);
    path.forward.options = { ...path.forward.options, mtuBytes: 1000 };
    path.clock.run(15_000);
    expect(flow.recovery.mtu.currentBytes).toBe(defaultPathMtu.minBytes);
    const before = flow.deliveredBytes;
    path.clock.run(20_000);
    expect((flow.deliveredBytes - before) / (BYTES_PER_MS * 5000)).toBeGreaterThan(0.5);
    path.forward.options = { ...path.forward.options, mtuBytes: 65_535 };
    path.clock.run(20_000 + defaultPathMtu.raiseMs);
    expect(flow.recovery.mtu.currentBytes).toBe(DATAGRAM_BYTES);
  });

  test("an outage is no black hole: once it is over, datagrams are as large as before within seconds", () => {
    const path = new Path();
    const flow = path.flow("cubic");
    flow.start();
    path.clock.run(3000);
    path.forward.isDown = true;
    path.clock.run(33_000);
    expect(flow.recovery.mtu.currentBytes).toBe(defaultPathMtu.minBytes);
    path.forward.isDown = false;
    const { deadlineMs } = flow.recovery;
    path.clock.run(deadlineMs + 2000);
    expect(flow.recovery.mtu.currentBytes).toBe(DATAGRAM_BYTES);
  });

  test("a path of 16 kB datagrams is found, and filled", () => {
    const path = new Path();
    const mtu = { ...defaultPathMtu, maxBytes: 16_000 };
    const flow = path.flow("cubic", { recovery: { ...defaultRecovery, mtu } });
    expect(utilisation(path, flow, 10_000)).toBeGreaterThan(0.85);
    expect(flow.recovery.mtu.currentBytes).toBe(16_000);
  });

  test("after a change of address to a slower path, what was learnt of the faster one is forgotten", () => {
    const path = new Path();
    const totalBytes = 20_000_000;
    const flow = path.flow("cubic", { totalBytes });
    flow.start();
    path.clock.run(1000);
    const slow = path.link({ bytesPerMs: 2000, delayMs: 60, queueBytes: 200_000, mtuBytes: 1280 });
    flow.move(slow, path.link({ delayMs: 60 }));
    expect(flow.recovery.windowBytes).toBe(12_000);
    path.clock.run(2000);
    // 120 ms of delay, and up to 100 ms of queue.
    expect(flow.recovery.rtt.minMs).toBeGreaterThan(119);
    path.clock.run(30_000);
    expect(flow.deliveredBytes).toBe(totalBytes);
  });

  const groups = seeds(40, 10);
  for (const [from, to] of groups) {
    test(`whatever a path does, all bytes arrive, and then nothing is left to do: seeds ${from} to ${to}`, () => {
      for (let seed = from; seed <= to; seed++) expectDelivery(seed);
    });
  }
});

/** A path of random faults, in the middle of which the faults change. */
function expectDelivery(seed: number): void {
  const random = new Random(seed);
  const faults = (): Partial<LinkOptions> => ({
    bytesPerMs: 50 * 10 ** (random.next() * 3),
    delayMs: random.next() * 200,
    queueBytes: 20_000 + random.below(500_000),
    loss: random.chance(0.5) ? random.next() * 0.2 : 0,
    jitterMs: random.chance(0.5) ? random.next() * 40 : 0,
    duplication: random.next() * 0.1,
    mtuBytes: 1200 + random.below(500),
  });
  const path = new Path(faults(), seed);
  const totalBytes = 50_000 + random.below(500_000);
  const algorithm = algorithms[random.below(2)]!;
  const flow = path.flow(algorithm, { totalBytes, packetsPerEpoch: 1 + random.below(300) });
  flow.start();
  path.clock.run(random.below(3000));
  path.forward.options = { ...path.forward.options, ...faults() };
  if (random.chance(0.3)) flow.move(path.link(faults()), path.link(faults()));
  path.clock.run(600_000);
  const seen = `seed ${seed}`;
  expect(flow.deliveredBytes, seen).toBe(totalBytes);
  expect(flow.finishedAtMs, seen).toBeLessThan(400_000);
  expect(flow.recovery.bytesInFlight, seen).toBe(0);
  expect(flow.recovery.deadlineMs, seen).toBe(Number.POSITIVE_INFINITY);
}
