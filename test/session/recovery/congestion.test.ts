/** Congestion controllers against the formulas of their RFCs, computed apart from the code: in segments and seconds, in closed form. */
import { describe, expect, test } from "vitest";
import { Cubic } from "../../../src/session/recovery/cubic.ts";
import { NewReno } from "../../../src/session/recovery/new-reno.ts";
import { RttEstimator } from "../../../src/session/recovery/rtt.ts";

const SEGMENT = 1200;
const C = 0.4;
const BETA = 0.7;
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

function cubicAt(rttMs: number): Cubic {
  const rtt = new RttEstimator(0);
  rtt.sample(rttMs, 0, 0);
  return new Cubic(SEGMENT, rtt);
}

/** Opens the window to this many segments in slow start. */
function open(cubic: Cubic, segments: number, atMs: number): void {
  for (let i = cubic.windowBytes / SEGMENT; i < segments; i++) cubic.onAcked(SEGMENT, atMs, atMs, true);
}

/** Acknowledges whole windows for a time, spread over each round trip. */
function acknowledge(cubic: Cubic, fromMs: number, toMs: number, rttMs: number): void {
  let atMs = fromMs;
  while (atMs < toMs) {
    cubic.onAcked(SEGMENT, atMs, atMs, true);
    atMs += (rttMs * SEGMENT) / cubic.windowBytes;
  }
}

describe("the window increase function (RFC 9438 §4.2)", () => {
  test("the window falls to 0.7 and follows W_cubic(t), through the concave and the convex region", () => {
    const rttMs = 100;
    const cubic = cubicAt(rttMs);
    open(cubic, 2000, 0);
    expect(cubic.onCongestion(1, 10)).toBe(true);
    expect(cubic.windowBytes).toBeCloseTo(2000 * BETA * SEGMENT, 6);
    const K = Math.cbrt((2000 - 1400) / C);
    let beganMs = 11;
    for (const seconds of [2, 5, 8, K, 14, 16]) {
      acknowledge(cubic, beganMs, 11 + seconds * 1000, rttMs);
      beganMs = 11 + seconds * 1000;
      const expected = C * (seconds - K) ** 3 + 2000;
      // Acknowledgements of a round trip close in on the value that the curve has one round trip ahead.
      const ahead = C * (seconds + rttMs / 1000 - K) ** 3 + 2000;
      expect(cubic.windowBytes / SEGMENT).toBeGreaterThan(expected - 0.005 * expected);
      expect(cubic.windowBytes / SEGMENT).toBeLessThan(ahead + 0.005 * ahead);
    }
  });

  test("each acknowledgement adds (target - cwnd) / cwnd (§4.4)", () => {
    const cubic = cubicAt(100);
    open(cubic, 1000, 0);
    cubic.onCongestion(1, 1);
    // W_cubic(0) is the window itself, so that the first acknowledgement adds what Reno would.
    cubic.onAcked(SEGMENT, 2, 1000, true);
    const window = 700 + ALPHA / 700;
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(window, 9);
    cubic.onAcked(SEGMENT, 3, 6000, true);
    const K = Math.cbrt((1000 - 700) / C);
    const target = C * (5.1 - K) ** 3 + 1000;
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(window + (target - window) / window, 9);
  });

  test("the target is at most 1.5 times the window", () => {
    const cubic = cubicAt(100);
    open(cubic, 100, 0);
    cubic.onCongestion(1, 1);
    cubic.onAcked(SEGMENT, 2, 2, true);
    const before = cubic.windowBytes / SEGMENT;
    cubic.onAcked(SEGMENT, 3, 100_000, true);
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(before + 0.5, 9);
  });

  test("time in which the application limits what is sent does not count", () => {
    const idle = cubicAt(100);
    const busy = cubicAt(100);
    for (const cubic of [idle, busy]) {
      open(cubic, 1000, 0);
      cubic.onCongestion(1, 1);
      cubic.onAcked(SEGMENT, 2, 1000, true);
    }
    idle.onAcked(SEGMENT, 3, 2000, false);
    idle.onAcked(SEGMENT, 3, 30_000, false);
    idle.onAcked(SEGMENT, 3, 60_000, true);
    busy.onAcked(SEGMENT, 3, 2000, true);
    expect(idle.windowBytes).toBeCloseTo(busy.windowBytes, 6);
  });
});

describe("the Reno-friendly region (RFC 9438 §4.3)", () => {
  test("on a short path the window grows as W_est: alpha segments a window, then one", () => {
    const cubic = cubicAt(1);
    open(cubic, 40, 0);
    cubic.onCongestion(1, 1);
    let window = 40 * BETA;
    let estimate = window;
    for (let i = 1; i <= 3000; i++) {
      const atMs = 2 + i / 50;
      cubic.onAcked(SEGMENT, atMs, atMs, true);
      estimate += (estimate < 40 ? ALPHA : 1) / window;
      const seconds = (i - 1) / 50_000;
      const curve = C * (seconds - Math.cbrt((40 - 28) / C)) ** 3 + 40;
      expect(curve).toBeLessThan(estimate);
      window = estimate;
    }
    expect(window).toBeGreaterThan(60);
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(window, 6);
  });
});

describe("congestion (RFC 9438 §4.6 to §4.9)", () => {
  test("fast convergence: a lower window than W_max at the next congestion takes W_max further down (§4.7)", () => {
    const cubic = cubicAt(100);
    open(cubic, 1000, 0);
    cubic.onCongestion(1, 1);
    cubic.onCongestion(2, 2);
    // W_max = 700 * (1 + 0.7) / 2; the window is 490, and grows towards it.
    const K = Math.cbrt((595 - 490) / C);
    cubic.onAcked(SEGMENT, 3, 3, true);
    cubic.onAcked(SEGMENT, 3, 3003, true);
    const window = 490 + ALPHA / 490;
    const target = C * (3.1 - K) ** 3 + 595;
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(window + (target - window) / window, 9);
  });

  for (const [name, create, factor] of [
    ["NewReno", () => new NewReno(SEGMENT), 0.5],
    ["CUBIC", () => cubicAt(100), BETA],
  ] as const) {
    test(`${name}: one reduction for all that was sent before recovery, and no growth by it (RFC 9002 §7.3.2)`, () => {
      const controller = create();
      expect(controller.onCongestion(5, 10)).toBe(true);
      expect(controller.onCongestion(10, 11)).toBe(false);
      controller.onAcked(SEGMENT, 10, 20, true);
      expect(controller.windowBytes).toBeCloseTo(10 * factor * SEGMENT, 6);
      expect(controller.onCongestion(11, 21)).toBe(true);
    });
  }

  test("never below two datagrams (RFC 9002 §7.2)", () => {
    const cubic = cubicAt(100);
    for (let i = 1; i < 30; i++) cubic.onCongestion(i, i);
    expect(cubic.windowBytes).toBe(2 * SEGMENT);
    expect(cubic.slowStartThresholdBytes).toBe(2 * SEGMENT);
  });

  test("congestion that proves spurious is taken back (§4.9.2)", () => {
    const cubic = cubicAt(100);
    open(cubic, 100, 0);
    cubic.onCongestion(1, 1);
    cubic.onSpuriousCongestion();
    expect(cubic.windowBytes).toBe(100 * SEGMENT);
    expect(cubic.slowStartThresholdBytes).toBe(Number.POSITIVE_INFINITY);
    cubic.onSpuriousCongestion();
    expect(cubic.windowBytes).toBe(100 * SEGMENT);
  });

  test("but not from a window that has grown beyond what it was (§4.9.2)", () => {
    const cubic = cubicAt(100);
    open(cubic, 100, 0);
    cubic.onCongestion(1, 1);
    acknowledge(cubic, 2, 20_000, 100);
    const { windowBytes } = cubic;
    expect(windowBytes).toBeGreaterThan(100 * SEGMENT);
    cubic.onSpuriousCongestion();
    expect(cubic.windowBytes).toBe(windowBytes);
  });

  test("after persistent congestion it starts slowly, and then K is 0 and W_max the window (§4.8)", () => {
    const cubic = cubicAt(100);
    open(cubic, 100, 0);
    cubic.onCongestion(1, 1);
    cubic.onPersistentCongestion();
    expect(cubic.windowBytes).toBe(2 * SEGMENT);
    open(cubic, 70, 2);
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(70, 9);
    cubic.onAcked(SEGMENT, 3, 3, true);
    cubic.onAcked(SEGMENT, 3, 4003, true);
    const window = 70 + ALPHA / 70;
    const target = C * 4.1 ** 3 + 70;
    expect(cubic.windowBytes / SEGMENT).toBeCloseTo(window + (target - window) / window, 9);
  });
});

describe("HyStart++ (RFC 9406)", () => {
  for (const [name, create] of [
    ["NewReno", () => new NewReno(SEGMENT)],
    ["CUBIC", () => cubicAt(100)],
  ] as const) {
    /** Rounds of 10 samples each, every one acknowledging a packet, of which the first was sent within the round. */
    const rounds = (controller: NewReno | Cubic, count: number, rttMs: number, fromMs: number): number => {
      let atMs = fromMs;
      for (let round = 0; round < count; round++) {
        const sentMs = atMs + 1;
        atMs += rttMs + 2;
        for (let i = 0; i < 10; i++) {
          controller.onRttSample(rttMs, sentMs, atMs);
          controller.onAcked(SEGMENT, sentMs, atMs, true);
        }
      }
      return atMs;
    };

    test(`${name}: while round trips stay as they are, slow start goes on`, () => {
      const controller = create();
      rounds(controller, 20, 100, 0);
      expect(controller.windowBytes).toBe((10 + 200) * SEGMENT);
      expect(controller.slowStartThresholdBytes).toBe(Number.POSITIVE_INFINITY);
    });

    test(`${name}: round trips that grow by an eighth make it conservative for five rounds, then end it`, () => {
      const controller = create();
      const atMs = rounds(controller, 3, 100, 0);
      const { windowBytes } = controller;
      rounds(controller, 1, 112.5, atMs);
      // Seven samples of the round before there are enough; then a quarter each.
      expect(controller.windowBytes - windowBytes).toBe((7 + 3 / 4) * SEGMENT);
      rounds(controller, 5, 130, atMs + 200);
      expect(controller.slowStartThresholdBytes).toBeLessThanOrEqual(controller.windowBytes);
    });

    test(`${name}: growth of less than an eighth changes nothing`, () => {
      const controller = create();
      const atMs = rounds(controller, 3, 100, 0);
      rounds(controller, 5, 112, atMs);
      expect(controller.windowBytes).toBe((10 + 80) * SEGMENT);
    });

    test(`${name}: when the delay goes away, slow start resumes`, () => {
      const controller = create();
      let atMs = rounds(controller, 3, 100, 0);
      atMs = rounds(controller, 1, 130, atMs);
      atMs = rounds(controller, 1, 100, atMs);
      const { windowBytes } = controller;
      rounds(controller, 1, 100, atMs);
      expect(controller.windowBytes - windowBytes).toBe(10 * SEGMENT);
      expect(controller.slowStartThresholdBytes).toBe(Number.POSITIVE_INFINITY);
    });
  }
});
