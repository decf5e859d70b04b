import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressKey, LoginThrottle, type ThrottleOptions } from "../../src/login/throttle.ts";

function throttleAt(options: ThrottleOptions = {}) {
  const clock = { nowMs: 1_000_000 };
  return { clock, throttle: new LoginThrottle({ now: () => clock.nowMs, ...options }) };
}

/** Fails as often as it may for so long, trying all the time; answers how often. */
function guess(
  { clock, throttle }: ReturnType<typeof throttleAt>,
  forMs: number,
  address: (attempt: number) => string = () => "a",
  stepMs = 100,
): number {
  let admitted = 0;
  for (const endMs = clock.nowMs + forMs; clock.nowMs < endMs; clock.nowMs += stepMs) {
    if (throttle.begin("alice", address(admitted)) !== undefined) admitted++;
  }
  return admitted;
}

describe("failures of one identity", () => {
  test("make each further attempt wait twice as long, up to the longest delay", () => {
    const { clock, throttle } = throttleAt();
    const waits: number[] = [];
    for (let i = 0; i < 16; i++) {
      const before = clock.nowMs;
      while (throttle.begin("alice", `address ${i}`) === undefined) clock.nowMs += 1_000;
      waits.push((clock.nowMs - before) / 1_000);
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test("count from all addresses together: a day has 288 guesses, however many the addresses", () => {
    const state = throttleAt();
    const admitted = guess(state, 86_400_000, (attempt) => `address ${attempt}`, 1_000);
    expect(admitted).toBeLessThanOrEqual(288 + 14);
  });

  test("count while they are under way", () => {
    const { throttle } = throttleAt();
    const admitted = Array.from({ length: 100 }, (_, i) => throttle.begin("alice", `${i}`)).filter(Boolean);
    expect(admitted).toHaveLength(5);
  });

  test("leave others alone", () => {
    const state = throttleAt();
    guess(state, 600_000, (attempt) => `address ${attempt}`);
    expect(state.throttle.begin("alice", "elsewhere")).toBeUndefined();
    expect(state.throttle.begin("bob", "elsewhere")).toBeDefined();
  });

  test("that come too early change nothing: a flood does not keep the user out for longer", () => {
    const { clock, throttle } = throttleAt();
    for (let i = 0; i < 6; i++) {
      throttle.begin("alice", "a");
      clock.nowMs += i < 5 ? 1_000 : 0;
    }
    for (let i = 0; i < 1_000; i++) expect(throttle.begin("alice", "b")).toBeUndefined();
    clock.nowMs += 2_000;
    expect(throttle.begin("alice", "b")).toBeDefined();
  });

  test("are forgotten an hour after the last", () => {
    const state = throttleAt();
    guess(state, 600_000, (attempt) => `address ${attempt}`);
    state.clock.nowMs += 3_600_000;
    expect(guess(state, 1_000, (attempt) => `later ${attempt}`)).toBe(5);
  });
});

describe("a login that succeeds", () => {
  test("is no failure, and waits for nothing", () => {
    const { throttle } = throttleAt();
    for (let i = 0; i < 100; i++) {
      const attempt = throttle.begin("alice", "home");
      expect(attempt).toBeDefined();
      attempt!.succeeded();
      attempt!.succeeded();
    }
    expect(throttle.size).toBe(0);
  });

  test("does not clear the address for guesses at others", () => {
    const { clock, throttle } = throttleAt({ addressFailures: 3, maxDelayMs: 60_000 });
    let guesses = 0;
    for (let i = 0; i < 3_600; i++, clock.nowMs += 1_000) {
      throttle.begin("mallory", "lair")?.succeeded();
      if (throttle.begin(`victim ${i}`, "lair") !== undefined) guesses++;
    }
    expect(guesses).toBeLessThan(70);
  });
});

describe("failures of one address", () => {
  test("are slowed down as well, over all identities", () => {
    const { clock, throttle } = throttleAt();
    let admitted = 0;
    for (let i = 0; i < 60_000; i++, clock.nowMs += 10) {
      if (throttle.begin(`user ${i}`, "lair") !== undefined) admitted++;
    }
    expect(admitted).toBeLessThan(35);
  });
});

test("100,000 attempts from as many addresses keep memory bounded, and who is delayed stays delayed", () => {
  const state = throttleAt({ places: 1_000, maxDelayMs: 3_000_000 });
  const { clock, throttle } = state;
  guess(state, 120_000, (attempt) => `first ${attempt}`);
  expect(throttle.begin("alice", "x")).toBeUndefined();
  let largest = 0;
  for (let i = 0; i < 100_000; i++) {
    throttle.begin(`user ${i}`, `address ${i}`);
    if (i % 100 === 0) clock.nowMs += 1;
    largest = Math.max(largest, throttle.size);
  }
  expect(largest).toBeLessThanOrEqual(4_000);
  expect(throttle.begin("alice", "y")).toBeUndefined();
  for (let i = 0; i < 100_000; i++) throttle.begin(`user ${i % 10_000}`, `address ${i >> 4}`);
  expect(throttle.size).toBeLessThanOrEqual(4_000);
});

test("no order of attempts and successes admits more failures than the delays allow", () => {
  const attempt = fc.record({
    identity: fc.constantFrom("a", "b"),
    waitMs: fc.nat(5_000),
    succeeds: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(attempt, { maxLength: 300 }), (attempts) => {
      const { clock, throttle } = throttleAt({
        identityFailures: 3,
        maxDelayMs: 8_000,
        addressFailures: 1_000,
      });
      const failures = new Map<string, number[]>();
      for (const { identity, waitMs, succeeds } of attempts) {
        clock.nowMs += waitMs;
        const admitted = throttle.begin(identity, "x");
        if (admitted === undefined) continue;
        if (succeeds) admitted.succeeded();
        else failures.set(identity, [...(failures.get(identity) ?? []), clock.nowMs]);
      }
      for (const times of failures.values()) {
        for (let i = 3; i < times.length; i++) {
          const leastMs = Math.min(8_000, 1_000 * 2 ** (i - 3));
          expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(leastMs);
        }
      }
    }),
  );
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:ffff::2", "2001:db8:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
])("the address %s counts as %s", (host, key) => {
  expect(addressKey(host)).toBe(key);
});
