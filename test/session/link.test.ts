import { describe, expect, test } from "vitest";
import { Random } from "../sim/random.ts";
import { Clock, Link, Timer } from "./link.ts";

describe("the clock", () => {
  test("events happen in the order of their times, then of their planning", () => {
    const clock = new Clock();
    const log: number[] = [];
    const random = new Random(1);
    const times = Array.from({ length: 500 }, () => random.below(100));
    times.forEach((atMs, i) => void clock.at(atMs, () => log.push(atMs * 1000 + i)));
    clock.run(1000);
    expect(log).toEqual([...log].sort((a, b) => a - b));
    expect(log).toHaveLength(500);
    expect([clock.nowMs, clock.pending]).toEqual([1000, 0]);
  });

  test("a timer wakes at its last deadline, once, and as late as its granularity makes it", () => {
    const clock = new Clock();
    const woken: number[] = [];
    const timer = new Timer(clock, 4, () => woken.push(clock.nowMs));
    timer.set(5);
    timer.set(17);
    clock.run(100);
    expect(woken).toEqual([20]);
    timer.set(103);
    timer.set(Number.POSITIVE_INFINITY);
    clock.run(200);
    expect(woken).toEqual([20]);
  });
});

describe("a link", () => {
  const arrivals = (options: ConstructorParameters<typeof Link>[2], sizes: readonly number[]): number[] => {
    const clock = new Clock();
    const link = new Link(clock, new Random(1), options);
    const times: number[] = [];
    for (const bytes of sizes) link.send(bytes, () => times.push(clock.nowMs));
    clock.run(10_000);
    return times;
  };

  test("carries one after the other at its bandwidth, and delays each", () => {
    expect(arrivals({ bytesPerMs: 100, delayMs: 25 }, [1000, 1000, 500])).toEqual([35, 45, 50]);
  });

  test("drops what its queue has no room for, and what is too large", () => {
    expect(arrivals({ bytesPerMs: 100, queueBytes: 2000 }, [1000, 1000, 1000])).toEqual([10, 20]);
    expect(arrivals({ bytesPerMs: 100, mtuBytes: 1000 }, [1001, 1000])).toEqual([10]);
  });

  test("loses and repeats its share", () => {
    const sizes = new Array<number>(10_000).fill(1);
    expect(Math.abs(arrivals({ loss: 0.1 }, sizes).length - 9000)).toBeLessThan(200);
    expect(Math.abs(arrivals({ duplication: 0.1 }, sizes).length - 11_000)).toBeLessThan(200);
  });
});
