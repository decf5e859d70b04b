/** RFC 9147 §5.8.2. */
import { expect, test } from "vitest";
import { RetransmissionTimer } from "../../src/dtls/retransmission-timer.ts";
import { createPair } from "../sim/pair.ts";

const options = { initialTimeoutMs: 400, maxTimeoutMs: 60_000, adaptTimeout: true };

test("doubles with each retransmission, up to the longest", () => {
  const timer = new RetransmissionTimer(options);
  const timeouts = Array.from({ length: 12 }, () => {
    const { timeoutMs } = timer;
    timer.backOff();
    return timeoutMs;
  });
  expect(timeouts.slice(0, 4)).toEqual([400, 800, 1600, 3200]);
  expect(timeouts.slice(-3)).toEqual([60_000, 60_000, 60_000]);
  expect(timer.timeoutAfterMs(10_000)).toBe(60_000);
});

test("is 1.5 round trips once one was measured, however often it was doubled", () => {
  const timer = new RetransmissionTimer(options);
  timer.backOff();
  timer.measured(100);
  expect(timer.timeoutMs).toBe(150);
  expect(timer.rttMs).toBe(100);
});

test("follows a round trip that grows at once, and one that shrinks slowly", () => {
  const timer = new RetransmissionTimer(options);
  timer.measured(100);
  timer.measured(500);
  expect(timer.timeoutMs).toBe(750);
  timer.measured(100);
  expect(timer.timeoutMs).toBeGreaterThan(200);
  expect(timer.timeoutMs).toBeLessThan(250);
});

test("stays as it is behind a flight that was sent again, until a round trip is measured", () => {
  const timer = new RetransmissionTimer(options);
  timer.begin(0);
  timer.backOff();
  timer.backOff();
  timer.end(1300);
  expect(timer.rttMs).toBeUndefined();
  timer.begin(1300);
  expect(timer.timeoutMs).toBe(1600);
  timer.measured(1000);
  expect(timer.timeoutMs).toBe(1500);
});

test("is what it was at first after a long rest, if no round trip was ever measured", () => {
  const timer = new RetransmissionTimer(options);
  timer.begin(0);
  timer.backOff();
  timer.backOff();
  timer.end(1300);
  timer.begin(1300 + 15_999);
  expect(timer.timeoutMs).toBe(1600);
  timer.begin(1300 + 16_000);
  expect(timer.timeoutMs).toBe(400);
});

test("on a path slower than the first time-out, sends later flights once", async () => {
  const pair = createPair({ weather: { delayMs: 450 } });
  expect(await pair.connect()).toBe(true);
  await pair.until(() => !pair.client.connection.isBusy && !pair.server.connection.isBusy);
  // Only the ACK of the client's last flight tells which transmission it answers.
  expect(pair.client.connection.rttMs).toBe(900);
  // What the handshake sent in vain is still on its way.
  await pair.until(() => false, 5000);
  const before = pair.network.sent.length;
  pair.client.connection.updateKeys();
  await pair.until(() => !pair.client.connection.isBusy);
  expect(pair.network.sent.length - before).toBe(2);
  expect(pair.client.connection.rttMs).toBeGreaterThanOrEqual(900);
});
