import { expect, onTestFinished, test, vi } from "vitest";
import { ticketProtector } from "../../src/endpoint/tickets.ts";
import { crypto } from "../sim/pair.ts";

const YEAR_MS = 365 * 86_400_000;
const LIFETIME_MS = 7_200_000;
const state = Uint8Array.of(1, 2, 3);

function at(nowMs: number) {
  vi.useFakeTimers({ toFake: ["Date", "performance"], now: nowMs });
  onTestFinished(() => void vi.useRealTimers());
}

/** The name of the key is what a ticket begins with. */
const keyOf = (ticket: Uint8Array | undefined) => String(ticket?.slice(0, 16));

test.each([
  ["ahead", YEAR_MS],
  ["behind", -YEAR_MS],
])("secrets made while the date stood a year %s serve no longer than others", async (_, offMs) => {
  const right = Date.UTC(2026, 0, 1);
  at(right + offMs);
  const tickets = ticketProtector(crypto, { lifetimeMs: LIFETIME_MS });
  const wrong = await tickets.seal(state);
  expect(await tickets.open(wrong!)).toEqual(state);
  vi.setSystemTime(right);
  // A ticket of another time is not taken; the next one is good at once.
  expect(await tickets.open(wrong!)).toBeUndefined();
  const good = await tickets.seal(state);
  expect(await tickets.open(good!)).toEqual(state);
  vi.advanceTimersByTime(LIFETIME_MS);
  const next = await tickets.seal(state);
  expect(keyOf(next)).not.toBe(keyOf(wrong));
  expect(await tickets.open(good!)).toEqual(state);
  vi.advanceTimersByTime(LIFETIME_MS);
  expect(keyOf(await tickets.seal(state))).not.toBe(keyOf(next));
  vi.setSystemTime(right + offMs);
  expect(await tickets.open(wrong!)).toBeUndefined();
});

test("a date that jumps to and fro changes no secret", async () => {
  at(Date.UTC(2026, 0, 1));
  const tickets = ticketProtector(crypto, { lifetimeMs: LIFETIME_MS });
  const first = await tickets.seal(state);
  for (let i = 0; i < 40; i++) {
    vi.setSystemTime(Date.UTC(2026 + (i % 2), 0, 1));
    expect(keyOf(await tickets.seal(state))).toBe(keyOf(first));
  }
});
