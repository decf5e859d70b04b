import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Racing, race } from "../../src/race.ts";

/** An attempt of a way, as the test lets it end. */
interface Begun {
  readonly way: string;
  readonly signal: AbortSignal;
  alive(): void;
  succeed(result: string): void;
  fail(error: unknown): void;
}

const FINAL = new Error("final");

function bench(ways: readonly string[], options: Partial<Racing<string, string>> = {}) {
  const begun: Begun[] = [];
  const late: string[] = [];
  const stop = new AbortController();
  const result = race(ways, {
    signal: stop.signal,
    nextMs: 500,
    begin: (way, signal, alive) =>
      new Promise((succeed, fail) => {
        begun.push({ way, signal, alive, succeed, fail });
      }),
    isFinal: (error) => error === FINAL,
    blame: (failures) => failures[0],
    discard: (each) => void late.push(each),
    ...options,
  });
  result.catch(() => {});
  return { begun, late, stop, result, ways: () => begun.map(({ way }) => way).join("") };
}

/** Lets what has happened come to those who wait for it. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a race", () => {
  test("begins the next way when the one before is silent, and ends the others when one has won", async () => {
    const { begun, ways, result } = bench(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(499);
    expect(ways()).toBe("a");
    await vi.advanceTimersByTimeAsync(1);
    expect(ways()).toBe("ab");
    begun[1]!.succeed("b's");
    expect(await result).toBe("b's");
    expect(begun[0]!.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ways()).toBe("ab");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("begins the next way at once when one has failed", async () => {
    const { begun, ways, result } = bench(["a", "b", "c"]);
    begun[0]!.fail(new Error("refused"));
    await settle();
    expect(ways()).toBe("ab");
    begun[1]!.fail(new Error("refused"));
    await settle();
    expect(ways()).toBe("abc");
    begun[2]!.succeed("c's");
    expect(await result).toBe("c's");
  });

  test("does not begin two ways for one, silent at first and failed then", async () => {
    const { begun, ways } = bench(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(500);
    begun[0]!.fail(new Error("timed out"));
    await settle();
    expect(ways()).toBe("ab");
    await vi.advanceTimersByTimeAsync(500);
    expect(ways()).toBe("abc");
  });

  test("gives a way that is alive more time, and not for ever", async () => {
    const { begun, ways } = bench(["a", "b"]);
    await vi.advanceTimersByTimeAsync(400);
    begun[0]!.alive();
    await vi.advanceTimersByTimeAsync(3_000);
    // Only the first sign counts.
    begun[0]!.alive();
    expect(ways()).toBe("a");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ways()).toBe("ab");
  });

  test("goes on with a way that others have overtaken", async () => {
    const { begun, result } = bench(["a", "b"]);
    await vi.advanceTimersByTimeAsync(500);
    begun[1]!.fail(new Error("unreachable"));
    await settle();
    begun[0]!.succeed("a's");
    expect(await result).toBe("a's");
  });

  test("gives up what comes too late", async () => {
    const { begun, result, late } = bench(["a", "b"]);
    await vi.advanceTimersByTimeAsync(500);
    begun[1]!.succeed("b's");
    begun[0]!.succeed("a's");
    expect(await result).toBe("b's");
    await settle();
    expect(late).toEqual(["a's"]);
  });

  test("is lost for all ways by what is final", async () => {
    const { begun, ways, result } = bench(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(500);
    begun[1]!.fail(FINAL);
    await expect(result).rejects.toBe(FINAL);
    expect(begun[0]!.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ways()).toBe("ab");
  });

  test("is lost when all have failed, by what is chosen of their failures in the order of the ways", async () => {
    const errors = ["a", "b", "c"].map((way) => new Error(way));
    const blame = vi.fn((failures: readonly unknown[]) => failures[1]);
    const { begun, result } = bench(["a", "b", "c"], { blame });
    await vi.advanceTimersByTimeAsync(1_000);
    for (const place of [2, 0, 1]) begun[place]!.fail(errors[place]);
    await expect(result).rejects.toBe(errors[1]);
    expect(blame.mock.calls).toEqual([[errors]]);
  });

  test("ends with its signal, whatever its reason, and what succeeds then is given up", async () => {
    for (const reason of [new Error("changed my mind"), null]) {
      const { begun, stop, result, late } = bench(["a", "b"]);
      await vi.advanceTimersByTimeAsync(500);
      stop.abort(reason);
      await expect(result).rejects.toBe(reason);
      expect(begun.map(({ signal }) => signal.reason)).toEqual([reason, reason]);
      begun[0]!.fail(reason);
      begun[1]!.succeed("b's");
      await settle();
      expect(late).toEqual(["b's"]);
      expect(vi.getTimerCount()).toBe(0);
    }
    const { ways, result } = bench(["a"], { signal: AbortSignal.abort(FINAL) });
    await expect(result).rejects.toBe(FINAL);
    expect(ways()).toBe("");
  });
});
