/** RFC 9147 §5.8.2. */
import { expect, test } from "vitest";
import { RetransmissionTimer } from "../../src/dtls/retransmission-timer.ts";
import { createPair } from "../sim/pair.ts";

const options = { initialTimeoutMs: 400, maxTimeoutMs: 60_000, adaptTimeout: true };

test("doubles with each retransmission, up to the longest", () => {
  const timer = new RetransmissionTimer(options);
  const timeouts = Array.from({ length: 12 }, (_, i) => timer.timeoutMs(i + 1));
  expect(timeouts.slice(0, 4)).toEqual([400, 800, 1600, 3200]);
  expect(timeouts.slice(-3)).toEqual([60_000, 60_000, 60_000]);
  expect(timer.timeoutMs(10_000)).toBe(60_000);
});

test("is 1.5 round trips once a flight was acknowledged that was sent once", () => {
  const timer = new RetransmissionTimer(options);
  timer.begin(0);
  timer.end(1, 0, 100);
  expect(timer.timeoutMs(1)).toBe(150);
  expect(timer.rttMs).toBe(100);
});

test("stays as it is behind a flight that was sent again, until one is sent once", () => {
  const timer = new RetransmissionTimer(options);
  timer.begin(0);
  timer.end(3, 1200, 1300);
  expect(timer.rttMs).toBeUndefined();
  expect(timer.timeoutMs(1)).toBe(1600);
  timer.begin(1300);
  timer.end(1, 1300, 2300);
  expect(timer.timeoutMs(1)).toBe(1500);
});

test("is what it was at first after a long rest, if no round trip was ever measured", () => {
  const timer = new RetransmissionTimer(options);
  timer.begin(0);
  timer.end(3, 1200, 1300);
  timer.begin(1300 + 15_999);
  expect(timer.timeoutMs(1)).toBe(1600);
  timer.begin(1300 + 16_000);
  expect(timer.timeoutMs(1)).toBe(400);
});

test("on a path slower than the first time-out, sends later flights once", async () => {
  const pair = createPair({ weather: { delayMs: 450 } });
  expect(await pair.connect()).toBe(true);
  await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
  expect(pair.client.connection.rttMs).toBeUndefined();
  // What the handshake sent in vain is still on its way.
  await pair.until(() => false, 5000);
  const before = pair.network.sent.length;
  pair.client.connection.updateKeys();
  await pair.until(() => !pair.client.connection.isBusy);
  expect(pair.network.sent.length - before).toBe(2);
  expect(pair.client.connection.rttMs).toBeGreaterThanOrEqual(900);
});
