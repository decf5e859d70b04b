/** What a clean end promises, and how a peer is noticed that is gone. */
import { describe, expect, test } from "vitest";
import { SessionPair, type SimulatedSession } from "./pair.ts";

const all = (side: SimulatedSession) => side.datagrams.map(([first]) => first);

describe("datagrams that were taken before close()", () => {
  test("arrive, even in a session's first moments", () => {
    const pair = new SessionPair();
    const fates: boolean[] = [];
    for (const i of [1, 2, 3]) {
      expect(pair.client.engine.sendDatagram(Uint8Array.of(i), (it) => fates.push(it))).toBe("taken");
    }
    pair.client.engine.close(7, "said");
    expect(pair.client.engine.isOver).toBe(true);
    expect(pair.client.engine.sendDatagram(Uint8Array.of(4))).toBe("refused");
    pair.client.flush();
    expect(pair.until(() => pair.server.end !== undefined)).toBe(true);
    expect(all(pair.server)).toEqual([1, 2, 3]);
    expect(pair.server.end).toMatchObject({ closeCode: 7, reason: "said" });
    expect(pair.client.end).toMatchObject({ closeCode: 7, error: undefined });
    expect(fates).toHaveLength(3);
  });

  test("arrive although there are more than the window takes", () => {
    const pair = new SessionPair().ready();
    for (let i = 0; i < 100; i++) pair.client.engine.sendDatagram(new Uint8Array(1000).fill(i));
    pair.client.engine.close();
    pair.client.flush();
    expect(pair.until(() => pair.server.end !== undefined)).toBe(true);
    expect(all(pair.server)).toEqual([...new Array(100).keys()]);
  });

  test("do not keep a session whose peer is silent for longer than three probe time-outs", () => {
    const pair = new SessionPair({ link: { delayMs: 10, loss: 1 } });
    const fates: boolean[] = [];
    pair.client.engine.sendDatagram(Uint8Array.of(1), (it) => fates.push(it));
    const { probeTimeoutMs } = pair.client.engine.recovery.rtt;
    pair.client.engine.close(5, "");
    pair.client.flush();
    pair.clock.run(3 * probeTimeoutMs - 1);
    expect(pair.client.end).toBeUndefined();
    pair.clock.run(3 * probeTimeoutMs + 2);
    expect(pair.client.end).toMatchObject({ closeCode: 5, error: undefined });
    expect([fates, pair.client.engine.datagrams.drops.unsent]).toEqual([[false], 1]);
  });

  test("learn their fate at the end at the latest, those on their way too", () => {
    const pair = new SessionPair().ready();
    pair.clock.run(pair.clock.nowMs + 1000);
    const fates: boolean[] = [];
    expect(pair.client.engine.sendDatagramNow(Uint8Array.of(1), (it) => fates.push(it))).toBe(true);
    pair.client.engine.close();
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 1000);
    expect(fates).toEqual([false]);
    expect(all(pair.server)).toEqual([1]);
  });

  test("do not wait where the carrier is about to be closed: the code is told", () => {
    const pair = new SessionPair();
    pair.client.engine.sendDatagram(Uint8Array.of(1));
    pair.client.engine.close(9, "");
    pair.client.engine.hurry();
    expect(pair.until(() => pair.server.end !== undefined)).toBe(true);
    expect(pair.server.end?.closeCode).toBe(9);
  });
});

describe("a peer that gives no sign of life", () => {
  const lost = (keepAliveMs: number | undefined, delayMs: number) => {
    const pair = new SessionPair({
      link: { delayMs },
      client: { keepAliveMs, idleTimeoutMs: 300_000 },
    }).ready();
    pair.clock.run(pair.clock.nowMs + 20 * delayMs);
    const stream = pair.client.engine.streams.open(false, 0)!;
    pair.client.engine.streams.write(stream, Uint8Array.of(1));
    pair.server.filter = () => false;
    pair.client.flush();
    const sinceMs = pair.clock.nowMs;
    pair.until(() => pair.client.end !== undefined, 600_000);
    return { afterMs: pair.clock.nowMs - sinceMs, code: pair.client.end?.error?.code };
  };

  test("is lost after three questions, each a keep-alive time after the one before", () => {
    const { afterMs, code } = lost(3000, 10);
    expect(code).toBe("peer_lost");
    expect(afterMs).toBeGreaterThan(3 * 3000);
    expect(afterMs).toBeLessThan(5 * 3000);
  });

  test("is given the time that an answer takes", () => {
    const { afterMs, code } = lost(100, 2000);
    expect(code).toBe("peer_lost");
    expect(afterMs).toBeGreaterThan(3 * 4000);
  });

  test("is lost by the idle time-out alone where nothing asks for one", () => {
    const { afterMs, code } = lost(undefined, 10);
    expect(code).toBe("idle_timeout");
    expect(afterMs).toBeGreaterThanOrEqual(299_000);
  });

  test("is not lost while it answers, nor while it cannot be asked", () => {
    const pair = new SessionPair({ client: { keepAliveMs: 100, idleTimeoutMs: 300_000 } }).ready();
    pair.clock.run(pair.clock.nowMs + 60_000);
    expect(pair.client.end).toBeUndefined();
    pair.client.hasRoom = false;
    pair.clock.run(pair.clock.nowMs + 60_000);
    expect(pair.client.end).toBeUndefined();
  });

  test("is not lost by a clock that jumps, as where a machine sleeps", () => {
    const pair = new SessionPair({ client: { keepAliveMs: 1000, idleTimeoutMs: undefined } }).ready();
    pair.clock.run(pair.clock.nowMs + 5_000);
    pair.client.aheadMs += 3_600_000;
    pair.clock.run(pair.clock.nowMs + 5_000);
    expect(pair.client.end).toBeUndefined();
  });
});
