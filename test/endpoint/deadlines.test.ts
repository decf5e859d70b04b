/** Timers that are late, as on a busy machine. */
import { expect, onTestFinished, test, vi } from "vitest";
import { Deadlines, type Scheduled } from "../../src/endpoint/deadlines.ts";

function scheduled(deadlineMs: number) {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const clock = { nowMs: 0, ended: 0 };
  vi.spyOn(performance, "now").mockImplementation(() => clock.nowMs);
  onTestFinished(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  const entry: Scheduled & { deadlineMs: number } = {
    deadlineMs,
    queuedAt: -1,
    queuedForMs: 0,
    handleTimeout: () => void clock.ended++,
  };
  new Deadlines().update(entry);
  return { clock, entry };
}

test("what has come while a timer was held back is read before the deadline counts", () => {
  const { clock, entry } = scheduled(1_000);
  clock.nowMs = 60_000;
  vi.advanceTimersToNextTimer();
  expect(clock.ended).toBe(0);
  // Something was there to be read: the peer lives.
  entry.deadlineMs = 61_000;
  vi.advanceTimersToNextTimer();
  expect(clock.ended).toBe(0);
  // Nothing was.
  clock.nowMs = 70_000;
  vi.advanceTimersToNextTimer();
  expect(clock.ended).toBe(0);
  vi.advanceTimersToNextTimer();
  expect(clock.ended).toBe(1);
});

test("a timer in time counts at once", () => {
  const { clock } = scheduled(50);
  clock.nowMs = 51;
  vi.advanceTimersToNextTimer();
  expect(clock.ended).toBe(1);
});
