import { describe, expect, test } from "vitest";
import { Pacer } from "../../../src/session/recovery/pacer.ts";

const BYTES = 1200;

/** Sends whenever it may, waking when told, and late by up to `lateMs`. Answers bytes per millisecond. */
function rate(windowBytes: number, rttMs: number, lateMs: number, forMs: number): number {
  const pacer = new Pacer(BYTES, 0);
  let nowMs = 0;
  let sent = 0;
  while (nowMs < forMs) {
    pacer.setRate(windowBytes, rttMs, false, nowMs);
    if (pacer.allows(BYTES)) {
      pacer.onSent(BYTES);
      sent += BYTES;
    } else nowMs = pacer.allowedAtMs(BYTES, nowMs) + lateMs;
  }
  return sent / forMs;
}

describe("the pacer (RFC 9002 §7.7)", () => {
  test("sends 1.25 windows a round trip, as timers of a millisecond, late by two, allow", () => {
    for (const windowBytes of [12_000, 120_000, 1_200_000]) {
      for (const lateMs of [0, 0.5, 2]) {
        const ideal = (1.25 * windowBytes) / 100;
        expect(rate(windowBytes, 100, lateMs, 10_000)).toBeGreaterThan(0.97 * ideal);
        expect(rate(windowBytes, 100, lateMs, 10_000)).toBeLessThan(1.02 * ideal);
      }
    }
  });

  test("twice as much as the window in slow start", () => {
    const pacer = new Pacer(BYTES, 0);
    pacer.setRate(120_000, 100, true, 0);
    while (pacer.allows(BYTES)) pacer.onSent(BYTES);
    expect(pacer.allowedAtMs(12_000, 0)).toBe(5);
  });

  test("a burst is ten datagrams, or what four milliseconds give, however long it was idle", () => {
    for (const [windowBytes, burst] of [
      [12_000, 10],
      [1_200_000, 50],
    ] as const) {
      const pacer = new Pacer(BYTES, 0);
      pacer.setRate(windowBytes, 100, false, 0);
      pacer.setRate(windowBytes, 100, false, 60_000);
      let sent = 0;
      while (pacer.allows(BYTES)) {
        pacer.onSent(BYTES);
        sent++;
      }
      expect(sent).toBe(burst);
    }
  });

  test("a datagram larger than a burst waits for a whole one, and then delays what follows", () => {
    const pacer = new Pacer(BYTES, 0);
    pacer.setRate(12_000, 100, false, 0);
    pacer.onSent(BYTES);
    expect(pacer.allows(16_000)).toBe(false);
    expect(pacer.allowedAtMs(16_000, 0)).toBe(8);
    pacer.setRate(12_000, 100, false, 8);
    expect(pacer.allows(16_000)).toBe(true);
    pacer.onSent(16_000);
    expect(pacer.allowedAtMs(BYTES, 8)).toBeCloseTo(8 + (4000 + BYTES) / 150, 9);
  });

  test("a timer is never asked for less than a millisecond", () => {
    const pacer = new Pacer(BYTES, 0);
    pacer.setRate(10_000_000, 1, false, 0);
    while (pacer.allows(BYTES)) pacer.onSent(BYTES);
    expect(pacer.allowedAtMs(BYTES, 7)).toBe(8);
  });

  test("what is sent in spite of it delays what follows by a burst at most", () => {
    const pacer = new Pacer(BYTES, 0);
    pacer.setRate(12_000, 100, false, 0);
    for (let i = 0; i < 1000; i++) pacer.onSent(BYTES);
    pacer.setRate(12_000, 100, false, 0);
    expect(pacer.allowedAtMs(BYTES, 0)).toBeLessThanOrEqual((12_000 + BYTES) / 150);
  });

  test("a clock that goes back pays nothing in", () => {
    const pacer = new Pacer(BYTES, 1000);
    pacer.setRate(12_000, 100, false, 1000);
    while (pacer.allows(BYTES)) pacer.onSent(BYTES);
    pacer.setRate(12_000, 100, false, 500);
    expect(pacer.allows(BYTES)).toBe(false);
  });
});
