/** Whose work is done when: on a clock that goes on by what is done. */
import { expect, test } from "vitest";
import { Turns } from "../../src/apps/chat/server/turns.ts";

function clocked() {
  let nowMs = 0;
  const turns = new Turns<string>(() => nowMs);
  const done: string[] = [];
  const work = (key: string, ms: number, what = key) =>
    turns.run(key, () => {
      nowMs += ms;
      done.push(what);
    });
  return { turns, done, work };
}

test("as long as nothing waits, work is done at once, and says how long it took", async () => {
  const { done, work } = clocked();
  const took = work("ann", 1.5);
  expect(done).toEqual(["ann"]);
  expect(await took).toBe(1.5);
});

test("of several that keep asking, each has as much of the time, whatever its requests cost", async () => {
  const { done, work } = clocked();
  const asking = (key: string, ms: number) => Array.from({ length: 200 }, () => work(key, ms));
  const first = Promise.all([asking("cheap", 1), asking("dear", 10)].flat());
  let atHalf: string[] = [];
  void work("last", 1).then(() => {
    atHalf = [...done];
  });
  await first;
  expect(atHalf.length).toBeLessThan(50);
  const had = (key: string, ms: number) => done.slice(0, 200).filter((each) => each === key).length * ms;
  expect(had("dear", 10) / had("cheap", 1)).toBeGreaterThan(0.8);
  expect(had("dear", 10) / had("cheap", 1)).toBeLessThan(1.25);
});

test("whoever asks now and then does not wait for those who ask all the time", async () => {
  const { done, work } = clocked();
  const floods = Array.from({ length: 10 }, (_, i) =>
    Promise.all(Array.from({ length: 50 }, () => work(`flood ${i}`, 10))),
  );
  // At first all of them are new.
  await work("ann", 0.1);
  for (let i = 0; i < 20; i++) {
    const before = done.length;
    await work("ann", 0.1);
    // The one that is being done, and a tie.
    expect(done.length - before).toBeLessThanOrEqual(3);
  }
  await Promise.all(floods);
});

test("one's own work is done in order, and a fault is told to its owner alone", async () => {
  const { turns, done, work } = clocked();
  const all = ["a", "b", "c"].map((what) => work("ann", 3, what));
  const failing = turns.run("bob", () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  await Promise.all(all);
  expect(done).toEqual(["a", "b", "c"]);
  await work("bob", 1);
});
