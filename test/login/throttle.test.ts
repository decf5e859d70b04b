import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LoginThrottle, type ThrottleOptions } from "../../src/login/throttle.ts";

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
    for (let i = 0; i < 32; i++) {
      const before = clock.nowMs;
      while (throttle.begin("alice", `address ${i}`) === undefined) clock.nowMs += 1_000;
      waits.push((clock.nowMs - before) / 1_000);
    }
    expect(waits).toEqual([...new Array(20).fill(0), 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  test("count from all addresses together: a day has 288 guesses, however many the addresses", () => {
    for (const addresses of [1, 3, 20, 1_000, Number.POSITIVE_INFINITY]) {
      const state = throttleAt({ addressFailures: 1_000 });
      const admitted = guess(state, 86_400_000, (attempt) => `address ${attempt % addresses}`, 1_000);
      expect(admitted, `${addresses}`).toBeLessThanOrEqual(288 + 29);
    }
  });

  test("count while they are under way", () => {
    const { throttle } = throttleAt();
    const admitted = Array.from({ length: 100 }, (_, i) => throttle.begin("alice", `${i}`)).filter(Boolean);
    expect(admitted).toHaveLength(20);
  });

  test("leave others alone", () => {
    const state = throttleAt();
    guess(state, 600_000, (attempt) => `address ${attempt}`);
    expect(state.throttle.begin("alice", "elsewhere")).toBeUndefined();
    expect(state.throttle.begin("bob", "elsewhere")).toBeDefined();
  });

  test("that come too early change nothing: a flood does not keep the user out for longer", () => {
    const { clock, throttle } = throttleAt();
    for (let i = 0; i < 21; i++) {
      expect(throttle.begin("alice", `address ${i}`)).toBeDefined();
      clock.nowMs += i < 20 ? 1_000 : 0;
    }
    for (let i = 0; i < 1_000; i++) expect(throttle.begin("alice", "b")).toBeUndefined();
    clock.nowMs += 2_000;
    expect(throttle.begin("alice", "b")).toBeDefined();
  });

  test("are forgotten an hour after the last delay", () => {
    const state = throttleAt();
    guess(state, 600_000, (attempt) => `address ${attempt}`);
    state.clock.nowMs += 3_900_000;
    expect(guess(state, 2_000, (attempt) => `later ${attempt}`)).toBe(20);
  });
});

describe("failures of one identity at one address", () => {
  test("make each further attempt wait twice as long, up to an hour", () => {
    const { clock, throttle } = throttleAt({ identityFailures: 100, addressFailures: 100 });
    const waits: number[] = [];
    for (let i = 0; i < 25; i++) {
      const before = clock.nowMs;
      while (throttle.begin("alice", "a") === undefined) clock.nowMs += 1_000;
      waits.push((clock.nowMs - before) / 1_000);
    }
    expect(waits).toEqual([
      ...new Array(10).fill(0),
      ...Array.from({ length: 12 }, (_, i) => 2 ** i),
      ...[3600, 3600, 3600],
    ]);
  });

  test("do not keep the user waiting at another address", () => {
    const { clock, throttle } = throttleAt();
    let waited = 0;
    const day = 86_400;
    for (let second = 0; second < day; second++, clock.nowMs += 1_000) {
      throttle.begin("alice", "lair");
      if (second % 60 === 0) {
        const attempt = throttle.begin("alice", `hotel ${second}`);
        if (attempt === undefined) waited++;
        else attempt.succeeded();
      }
    }
    expect(waited / (day / 60)).toBeLessThan(0.15);
  });
});

describe("an address where the user has logged in", () => {
  const attack = (state: ReturnType<typeof throttleAt>, forMs: number) =>
    guess(state, forMs, (attempt) => `bot ${attempt}`, 500);

  test("lets the user in while everybody else guesses", () => {
    const state = throttleAt();
    state.throttle.begin("alice", "home")!.succeeded();
    for (let hour = 0; hour < 24; hour++) {
      attack(state, 3_600_000);
      expect(state.throttle.begin("alice", "hotel")).toBeUndefined();
      const attempt = state.throttle.begin("alice", "home");
      expect(attempt).toBeDefined();
      attempt!.succeeded();
    }
  });

  test("is no place to guess from: it has its own delays, and they are nobody else's", () => {
    const state = throttleAt();
    state.throttle.begin("alice", "home")!.succeeded();
    expect(guess(state, 86_400_000, () => "home", 1_000)).toBeLessThanOrEqual(24 + 22);
    expect(state.throttle.begin("alice", "home")).toBeUndefined();
    expect(state.throttle.begin("alice", "hotel")).toBeDefined();
    expect(state.throttle.begin("bob", "hotel")).toBeDefined();
  });

  test("is of that user alone, and of the 64 latest", () => {
    const state = throttleAt({ addressFailures: 1_000 });
    const isOpen = (identity: string, i: number) => state.throttle.begin(identity, `home ${i}`) !== undefined;
    state.throttle.begin("bob", "home 0")!.succeeded();
    for (let i = 1; i <= 65; i++) state.throttle.begin("alice", `home ${i}`)!.succeeded();
    state.throttle.begin("alice", "home 2")!.succeeded();
    attack(state, 600_000);
    const open = Array.from({ length: 66 }, (_, i) => isOpen("alice", i));
    expect(open).toEqual([false, false, ...new Array(64).fill(true)]);
  });

  test("is forgotten before memory runs out", () => {
    const { throttle } = throttleAt({ places: 100 });
    for (let i = 0; i < 10_000; i++) throttle.begin(`user ${i >> 4}`, `address ${i}`)!.succeeded();
    expect(throttle.size).toBe(800);
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
    // The address where it did.
    expect(throttle.size).toBe(1);
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
    expect(admitted).toBeLessThan(55);
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
  expect(largest).toBeLessThanOrEqual(6_000);
  expect(throttle.begin("alice", "y")).toBeUndefined();
  for (let i = 0; i < 100_000; i++) throttle.begin(`user ${i % 10_000}`, `address ${i >> 4}`);
  expect(throttle.size).toBeLessThanOrEqual(6_000);
});

test("no order of attempts and successes admits more failures than the delays allow", () => {
  const attempt = fc.record({
    identity: fc.constantFrom("a", "b"),
    address: fc.constantFrom("x", "y", "z"),
    waitMs: fc.nat(5_000),
    succeeds: fc.boolean(),
  });
  const run = fc.property(fc.array(attempt, { maxLength: 300 }), (attempts) => {
    const { clock, throttle } = throttleAt({
      placeFailures: 2,
      identityFailures: 3,
      maxDelayMs: 8_000,
      maxPlaceDelayMs: 16_000,
      addressFailures: 1_000,
    });
    const known = new Set<string>();
    const failures = new Map<string, number[]>();
    for (const { identity, address, waitMs, succeeds } of attempts) {
      clock.nowMs += waitMs;
      const place = `${identity} ${address}`;
      const admitted = throttle.begin(identity, address);
      if (admitted === undefined) continue;
      if (succeeds) {
        admitted.succeeded();
        known.add(place);
        continue;
      }
      for (const key of known.has(place) ? [place] : [place, identity]) {
        failures.set(key, [...(failures.get(key) ?? []), clock.nowMs]);
      }
    }
    for (const [key, times] of failures) {
      const [free, longestMs] = key.includes(" ") ? [2, 16_000] : [3, 8_000];
      for (let i = free; i < times.length; i++) {
        const leastMs = Math.min(longestMs, 1_000 * 2 ** (i - free));
        expect(times[i]! - times[i - 1]!, key).toBeGreaterThanOrEqual(leastMs);
      }
    }
  });
  fc.assert(run);
});
