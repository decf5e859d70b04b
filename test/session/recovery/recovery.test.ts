/** RFC 9002 appendices A and B, event by event. */
import { describe, expect, test } from "vitest";
import { TransportError } from "../../../src/session/errors.ts";
import { defaultPathMtu } from "../../../src/session/recovery/path-mtu.ts";
import { PacketKind } from "../../../src/session/recovery/sent-packets.ts";
import { EPOCH, Harness } from "./harness.ts";

const GRANULARITY_MS = 1;

describe("loss by packet threshold (RFC 9002 §6.1.1)", () => {
  test("a packet is lost when one is acknowledged that was sent three packets later", () => {
    const h = new Harness();
    for (let i = 0; i < 4; i++) h.send(i);
    h.ack(100, [2]);
    expect(h.lost).toEqual([]);
    h.ack(101, [2, 3]);
    expect(h.lost).toEqual([0]);
  });

  test("packets sent after the largest acknowledged are not lost", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(i);
    h.ack(100, [3]);
    expect(h.lost).toEqual([0]);
    expect(h.recovery.bytesInFlight).toBe(8 * 1200);
  });

  test("numbers that records without packets took do not count as packets", () => {
    const h = new Harness();
    h.send(0);
    h.skip(10);
    const later = h.send(1);
    h.ack(100, [later]);
    expect(h.lost).toEqual([]);
  });

  test("packets are counted across a change of epoch", () => {
    const h = new Harness();
    for (let i = 0; i < 2; i++) h.send(i);
    for (let i = 0; i < 2; i++)
      h.recovery.onPacketSent(EPOCH + 1, i, PacketKind.ackEliciting, 1200, 100 + i, 2);
    h.recovery.onAckBegin();
    h.recovery.onAckRange(EPOCH + 1, 0, 1);
    h.recovery.onAckEnd(0, 100);
    expect(h.acknowledged).toEqual([100, 101]);
    expect(h.lost).toEqual([0]);
  });

  test("a packet that arrives after it was declared lost raises the threshold to what it saw (§6.1.1)", () => {
    const h = new Harness();
    for (let i = 0; i < 20; i++) h.send(i / 100);
    h.ack(100, [6]);
    expect(h.lost).toEqual([0, 1, 2, 3]);
    h.ack(100, [0, 6]);
    expect(h.recovery.statistics.lateArrivals).toBe(1);
    h.ack(100, [0, 6, 10]);
    expect(h.lost).toEqual([0, 1, 2, 3]);
    h.ack(100, [0, 6, 12]);
    expect(h.lost).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("congestion is taken back when all that was lost in it has arrived, and not before (RFC 9438 §4.9)", () => {
    const h = new Harness({ algorithm: "cubic" });
    for (let i = 0; i < 10; i++) h.send(i / 100);
    h.ack(100, [3]);
    expect(h.lost).toEqual([0]);
    h.ack(100, [3, 4, 5]);
    expect(h.lost).toEqual([0, 1, 2]);
    const { windowBytes } = h.recovery;
    h.ack(101, [0, 3, 4, 5]);
    h.ack(102, [0, 1, 3, 4, 5]);
    expect(h.recovery.windowBytes).toBe(windowBytes);
    h.ack(103, [0, 1, 2, 3, 4, 5]);
    expect(h.recovery.windowBytes).toBeGreaterThan(windowBytes);
    expect(h.recovery.slowStartThresholdBytes).toBe(Number.POSITIVE_INFINITY);
  });

  test("a lost packet that arrives long after is not mistaken for another", () => {
    const h = new Harness();
    h.send(0);
    for (let i = 1; i < 256; i++) h.send(0);
    h.ack(
      10,
      Array.from({ length: 255 }, (_, i) => i + 1),
    );
    expect(h.lost).toEqual([0]);
    for (let i = 0; i < 4; i++) h.send(20);
    h.ack(30, [259]);
    expect(h.lost).toEqual([0, 256]);
    h.ack(31, [0, 259]);
    expect(h.recovery.statistics.lateArrivals).toBe(1);
    h.ack(32, [0, 256, 259]);
    expect(h.recovery.statistics.lateArrivals).toBe(2);
  });

  test("acknowledging once more what had arrived late counts once", () => {
    const h = new Harness();
    for (let i = 0; i < 4; i++) h.send(i);
    h.ack(100, [3]);
    h.ack(101, [0, 3]);
    h.ack(102, [0, 3]);
    expect(h.recovery.statistics.lateArrivals).toBe(1);
    expect(h.arrivedLate).toEqual([0]);
  });

  test("what a lost packet has carried is kept for a PTO, and no longer (RFC 9000 §13.3)", () => {
    const h = new Harness();
    for (let i = 0; i < 5; i++) h.send(i);
    h.ack(100, [4]);
    expect(h.lost).toEqual([0, 1]);
    h.ack(101, [0, 4]);
    expect([h.arrivedLate, h.acknowledged]).toEqual([[0], [4]]);
    const later = h.send(1000);
    h.ack(1100, [2, 3, 4, later]);
    h.ack(1101, [1, 2, 3, 4, later]);
    expect(h.recovery.statistics.lateArrivals).toBe(2);
    expect(h.arrivedLate).toEqual([0]);
  });

  test("nothing of it is kept behind the session's end", () => {
    const h = new Harness();
    for (let i = 0; i < 4; i++) h.send(i);
    h.ack(100, [3]);
    h.recovery.end();
    h.ack(101, [0, 3]);
    expect(h.arrivedLate).toEqual([]);
  });
});

describe("loss by time threshold (RFC 9002 §6.1.2)", () => {
  test("a packet is lost 9/8 of a round trip after it was sent, when a later one is acknowledged", () => {
    const h = new Harness();
    h.send(0);
    h.send(10);
    h.ack(90, [1]);
    expect(h.recovery.rtt.smoothedMs).toBe(80);
    expect(h.lost).toEqual([0]);
  });

  test("before that a timer is set, for the remaining time", () => {
    const h = new Harness();
    h.send(0);
    h.send(4);
    h.ack(84, [1]);
    expect(h.lost).toEqual([]);
    expect(h.recovery.deadlineMs).toBe(90);
    h.recovery.handleTimeout(89.9);
    expect(h.lost).toEqual([]);
    h.recovery.handleTimeout(90);
    expect(h.lost).toEqual([0]);
    expect(h.recovery.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(h.recovery.statistics.probeTimeouts).toBe(0);
  });

  test("the larger of the smoothed and the latest round trip counts", () => {
    const h = new Harness();
    const atMs = h.settleRtt(100);
    const number = h.send(atMs);
    h.send(atMs + 1);
    h.ack(atMs + 161, [number + 1]);
    expect(h.recovery.rtt.latestMs).toBe(160);
    expect(h.lost).toEqual([]);
    expect(h.recovery.deadlineMs).toBe(atMs + 180);
  });

  test("every deadline, rounded as numbers are, leads to a loss and no second timer", () => {
    for (let i = 1; i < 200; i++) {
      const h = new Harness();
      h.send(i / 7);
      h.send(i / 7 + 0.1);
      h.ack(i / 7 + 0.1 + i / 3, [1]);
      const { deadlineMs } = h.recovery;
      if (deadlineMs !== Number.POSITIVE_INFINITY) h.recovery.handleTimeout(deadlineMs);
      expect(h.lost).toEqual([0]);
    }
  });
});

describe("probe time-out (RFC 9002 §6.2)", () => {
  test("no timer without ack-eliciting packets in flight (§A.8)", () => {
    const h = new Harness();
    expect(h.recovery.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    h.send(0, 40, PacketKind.ackOnly);
    expect(h.recovery.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    h.send(5);
    expect(h.recovery.deadlineMs).toBe(5 + 999 + 25);
    h.ack(100, [0, 1]);
    expect(h.recovery.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("it is smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay after the last ack-eliciting packet", () => {
    const h = new Harness();
    h.send(0);
    h.ack(80, [0]);
    h.send(100);
    h.send(120);
    h.send(130, 40, PacketKind.ackOnly);
    expect(h.recovery.deadlineMs).toBe(120 + 80 + 4 * 40 + 25);
    const atMs = h.settleRtt(50, 1000);
    h.send(atMs);
    expect(h.recovery.deadlineMs - atMs).toBeCloseTo(50 + GRANULARITY_MS + 25, 6);
  });

  test("its expiry asks for two probes, loses nothing, and doubles the next", () => {
    const h = new Harness();
    h.send(0);
    h.ack(80, [0]);
    h.send(100);
    const pto = 80 + 160 + 25;
    h.recovery.handleTimeout(100 + pto);
    expect(h.recovery.probesDue).toBe(2);
    expect(h.lost).toEqual([]);
    expect(h.recovery.windowBytes).toBe(12_000);
    expect(h.recovery.deadlineMs).toBe(100 + 2 * pto);
    h.send(400);
    h.send(401);
    expect(h.recovery.probesDue).toBe(0);
    expect(h.recovery.deadlineMs).toBe(401 + 2 * pto);
    h.recovery.handleTimeout(401 + 2 * pto);
    expect(h.recovery.deadlineMs).toBe(401 + 4 * pto);
    expect(h.recovery.consecutiveProbeTimeouts).toBe(2);
  });

  test("before its time it does nothing", () => {
    const h = new Harness();
    h.send(0);
    h.recovery.handleTimeout(1000);
    expect(h.recovery.statistics.probeTimeouts).toBe(0);
  });

  test("an ACK of something new resets the back-off, one of nothing new does not", () => {
    const h = new Harness();
    h.send(0);
    h.send(0);
    h.ack(80, [0]);
    h.recovery.handleTimeout(1000);
    h.ack(1001, [0]);
    expect(h.recovery.consecutiveProbeTimeouts).toBe(1);
    h.ack(1002, [0, 1]);
    expect(h.recovery.consecutiveProbeTimeouts).toBe(0);
    expect(h.recovery.probesDue).toBe(0);
  });

  test("no PTO while a loss timer is set", () => {
    const h = new Harness();
    h.send(0);
    h.send(4);
    h.send(5);
    h.ack(84, [1]);
    expect(h.recovery.deadlineMs).toBe(90);
  });

  test("probes may exceed the congestion window, and count in flight (§7.5)", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    expect(h.recovery.canSend(1200, 0)).toBe(false);
    h.recovery.handleTimeout(2000);
    expect(h.recovery.canSend(1200, 2000)).toBe(true);
    h.send(2000);
    expect(h.recovery.canSend(1200, 2000)).toBe(true);
    h.send(2000);
    expect(h.recovery.canSend(1200, 2000)).toBe(false);
    expect(h.recovery.bytesInFlight).toBe(12 * 1200);
  });

  test("the oldest packets are at hand to be repeated (§6.2.4)", () => {
    const h = new Harness();
    h.send(0);
    h.send(0, 40, PacketKind.ackOnly);
    h.send(0);
    h.send(0);
    expect(h.recovery.outstanding(2)).toEqual([0, 2]);
    h.ack(80, [0]);
    expect(h.recovery.outstanding(9)).toEqual([2, 3]);
  });
});

/** Sends at 30,000 ms what a pacer allows at once, which is half of the window. */
function paced(): Harness {
  const h = new Harness();
  h.settleRtt(100);
  const numbers = Array.from({ length: 10 }, () => h.send(29_000));
  h.ack(29_100, numbers);
  while (h.recovery.canSend(1200, 30_000)) h.send(30_000);
  expect(h.recovery.windowBytes).toBe(24_000);
  expect(h.recovery.bytesInFlight).toBe(12_000);
  return h;
}

describe("the time to try again", () => {
  test("is told by a pacer that refuses, and by a full window not", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    expect(h.recovery.canSend(1200, 0)).toBe(false);
    expect(h.recovery.nextSendMs).toBe(Number.POSITIVE_INFINITY);
    const { nextSendMs } = paced().recovery;
    expect(nextSendMs).toBeLessThan(30_100);
  });

  test("is forgotten when it has come, or something was sent: nothing may be left to send", () => {
    const woken = paced();
    const { nextSendMs } = woken.recovery;
    woken.recovery.handleTimeout(nextSendMs - 0.5);
    expect(woken.recovery.nextSendMs).toBe(nextSendMs);
    woken.recovery.handleTimeout(nextSendMs);
    expect(woken.recovery.nextSendMs).toBe(Number.POSITIVE_INFINITY);
    const sent = paced();
    sent.send(30_001);
    expect(sent.recovery.nextSendMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("congestion (RFC 9002 §7, appendix B)", () => {
  test("the window begins at ten datagrams or 14,720 bytes, twice a datagram at least (§7.2)", () => {
    for (const [bytes, window] of [
      [1200, 12_000],
      [1472, 14_720],
      [9000, 18_000],
    ] as const) {
      const h = new Harness({ mtu: { ...defaultPathMtu, baseBytes: bytes, maxBytes: bytes } });
      expect(h.recovery.windowBytes).toBe(window);
    }
  });

  test("in slow start it grows by what is acknowledged (§7.3.1)", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    h.ack(80, [0, 1, 2]);
    expect(h.recovery.windowBytes).toBe(12_000 + 3600);
    expect(h.recovery.bytesInFlight).toBe(8400);
  });

  test("it does not grow while the application limits what is sent (§7.8)", () => {
    const h = new Harness();
    for (let i = 0; i < 5; i++) h.send(0);
    h.ack(80, [0, 1]);
    expect(h.recovery.windowBytes).toBe(12_000);
  });

  test("it grows while pacing limits what is sent (§7.8)", () => {
    const h = paced();
    const [oldest] = h.recovery.outstanding(1);
    h.ack(30_100, [oldest!]);
    expect(h.recovery.windowBytes).toBe(24_000 + 1200);
  });

  test("loss halves it, once for all that was sent before (§7.3.2)", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    h.ack(80, [3]);
    expect(h.lost).toEqual([0]);
    expect(h.recovery.windowBytes).toBe(6000);
    expect(h.recovery.slowStartThresholdBytes).toBe(6000);
    h.ack(81, [3, 5]);
    expect(h.lost).toEqual([0, 1, 2]);
    expect(h.recovery.windowBytes).toBe(6000);
    expect(h.recovery.statistics.congestionEvents).toBe(1);
  });

  test("one packet may be sent on entering recovery (§7.3.2)", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    h.ack(80, [3]);
    expect(h.recovery.bytesInFlight).toBeGreaterThan(h.recovery.windowBytes);
    expect(h.recovery.canSend(1200, 80)).toBe(true);
    h.send(80);
    expect(h.recovery.canSend(1200, 80)).toBe(false);
  });

  test("recovery ends with the acknowledgement of a packet sent in it; then a datagram a window is added (§7.3.3)", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    h.ack(80, [3]);
    const later = [100, 101, 102].map((atMs) => h.send(atMs));
    h.ack(110, [3, 4, 5, 6, 7, 8, 9]);
    expect(h.recovery.windowBytes).toBe(6000);
    expect(h.recovery.canSend(6000, 111)).toBe(false);
    h.ack(180, [3, 4, 5, 6, 7, 8, 9, later[0]!]);
    expect(h.recovery.windowBytes).toBe(6000 + (1200 * 1200) / 6000);
  });

  test("the window never falls below two datagrams (§7.2)", () => {
    const h = new Harness();
    let atMs = 0;
    for (let i = 0; i < 10; i++) {
      const first = h.send(atMs);
      for (let j = 0; j < 3; j++) h.send(atMs);
      h.ack(atMs + 50, [first + 3]);
      atMs += 100;
    }
    expect(h.recovery.windowBytes).toBe(2400);
  });

  test("packets with ACK frames alone are not counted (§7)", () => {
    const h = new Harness();
    h.send(0, 40, PacketKind.ackOnly);
    expect(h.recovery.bytesInFlight).toBe(0);
    for (let i = 0; i < 4; i++) h.send(0);
    h.ack(80, [4]);
    expect(h.recovery.statistics.packetsLost).toBe(1);
    expect(h.lost).toEqual([1]);
  });

  test("loss of ACK-only packets is no congestion (§B.8)", () => {
    const h = new Harness();
    h.send(0, 40, PacketKind.ackOnly);
    for (let i = 0; i < 3; i++) h.send(0);
    h.ack(80, [1, 2, 3]);
    expect(h.lost).toEqual([]);
    expect(h.recovery.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(h.recovery.statistics.congestionEvents).toBe(0);
  });
});

describe("probes for a larger datagram", () => {
  const mtu = { ...defaultPathMtu, maxBytes: 4000 };

  test("their loss is no congestion (RFC 9000 §14.4)", () => {
    const h = new Harness({ mtu });
    h.send(0, 1200, PacketKind.mtuProbe);
    h.ack(10, [0]);
    const probe = h.send(10, 4000, PacketKind.mtuProbe);
    for (let i = 0; i < 3; i++) h.send(10);
    h.ack(20, [probe + 3]);
    expect(h.lost).toEqual([probe]);
    expect(h.recovery.statistics).toMatchObject({ congestionEvents: 0, packetsLost: 0, bytesLost: 0 });
    expect(h.recovery.mtu.probeBytes(20)).toBe(4000);
  });

  test("the window keeps room for one that found none, though smaller packets would fill it", () => {
    const h = new Harness({ mtu });
    h.send(0, 1200, PacketKind.mtuProbe);
    h.ack(10, [0]);
    let atMs = 10;
    for (; h.recovery.canSend(1200, atMs); atMs++) h.send(atMs);
    expect(h.recovery.bytesInFlight).toBe(10 * 1200);
    expect(h.recovery.canSend(4000, atMs)).toBe(false);
    h.ack(atMs, [1]);
    expect(h.recovery.canSend(1200, atMs + 10)).toBe(false);
    h.ack(atMs, [1, 2]);
    expect(h.recovery.canSend(4000, atMs + 10)).toBe(true);
    h.send(atMs, 4000, PacketKind.mtuProbe);
    h.ack(atMs, [1, 2, 3]);
    expect(h.recovery.canSend(1200, atMs + 20)).toBe(true);
  });

  test("a larger datagram makes the window no larger than lets two be sent (RFC 8899 §3)", () => {
    for (const algorithm of ["new-reno", "cubic"] as const) {
      const h = new Harness({ algorithm, mtu: { ...defaultPathMtu, maxBytes: 9000 } });
      h.send(0, 1200, PacketKind.mtuProbe);
      h.ack(10, [0]);
      const probe = h.send(10, 9000, PacketKind.mtuProbe);
      h.ack(20, [probe]);
      expect(h.recovery.mtu.currentBytes).toBe(9000);
      expect(h.recovery.windowBytes).toBe(18_000);
    }
  });
});

describe("persistent congestion (RFC 9002 §7.6)", () => {
  // The example of §7.6.3, in seconds there: sent at 0, 1, 2, 3, 4, 5, 6, 8 and 12, acknowledged at 1.2 and 12.2.
  function example(sentSeconds: readonly number[], alsoAcknowledged: readonly number[] = []): Harness {
    const h = new Harness();
    const startMs = h.settleRtt(1200);
    const numbers = sentSeconds.map((seconds) => h.send(startMs + seconds * 1000));
    h.ack(startMs + 1200, [numbers[0]!]);
    const last = numbers.at(-1)!;
    h.ack(startMs + sentSeconds.at(-1)! * 1000 + 200, [last, ...alsoAcknowledged.map((i) => numbers[i]!)]);
    return h;
  }

  test("losses that span more than three PTOs are: the window falls to its minimum", () => {
    const h = example([0, 1, 2, 3, 4, 5, 6, 8, 12]);
    expect(h.lost).toHaveLength(7);
    expect(h.recovery.statistics.persistentCongestionEvents).toBe(1);
    expect(h.recovery.windowBytes).toBe(2400);
    expect(h.recovery.slowStartThresholdBytes).toBeGreaterThan(h.recovery.windowBytes);
  });

  test("min_rtt is set to the newest sample then (§5.2)", () => {
    const h = example([0, 1, 2, 3, 4, 5, 6, 8, 12]);
    expect(h.recovery.rtt.minMs).toBe(h.recovery.rtt.latestMs);
  });

  test("shorter ones are not", () => {
    expect(example([0, 1, 2, 3, 4, 5, 6, 12]).recovery.statistics.persistentCongestionEvents).toBe(0);
  });

  test("one acknowledgement between them and they are not", () => {
    const h = example([0, 1, 2, 3, 4, 5, 6, 8, 12], [4]);
    expect(h.lost).toHaveLength(6);
    expect(h.recovery.statistics.persistentCongestionEvents).toBe(0);
  });

  test("packets sent before the first RTT sample do not count", () => {
    const h = new Harness();
    h.send(0);
    for (const atMs of [1, 10_000, 20_000, 30_000]) h.send(atMs);
    h.ack(30_100, [4]);
    expect(h.lost).toEqual([0, 1, 2, 3]);
    expect(h.recovery.statistics.persistentCongestionEvents).toBe(0);
  });

  test("packets that are not ack-eliciting do not mark its ends, and neither do probes for a larger datagram", () => {
    for (const kind of [PacketKind.ackOnly, PacketKind.mtuProbe]) {
      const h = new Harness();
      const startMs = h.settleRtt(100);
      h.send(startMs, 1200, kind);
      h.send(startMs + 5000);
      h.send(startMs + 10_000, 1200, kind);
      const last = h.send(startMs + 11_000);
      h.ack(startMs + 11_200, [last]);
      expect(h.lost).toHaveLength(kind === PacketKind.ackOnly ? 1 : 3);
      expect(h.recovery.statistics.persistentCongestionEvents).toBe(0);
    }
  });

  test("losses found one after the other are one run", () => {
    const h = new Harness();
    const startMs = h.settleRtt(100);
    h.send(startMs);
    const first = h.send(startMs + 1000);
    for (let i = 0; i < 2; i++) h.send(startMs + 1001);
    h.ack(startMs + 1101, [first + 2]);
    expect(h.recovery.statistics.persistentCongestionEvents).toBe(0);
    expect(h.lost).toHaveLength(1);
    h.recovery.handleTimeout(h.recovery.deadlineMs);
    expect(h.lost).toHaveLength(2);
    expect(h.recovery.statistics.persistentCongestionEvents).toBe(1);
  });
});

describe("hostile ACKs (RFC 9000 §13.1, §21.4)", () => {
  const cases: [name: string, epoch: number, smallest: number, largest: number][] = [
    ["above the newest", EPOCH, 5, 6],
    ["of an epoch to come", EPOCH + 1, 0, 0],
    ["of an epoch without packets", EPOCH - 1, 0, 0],
    ["of a record that carried no packet", EPOCH, 2, 4],
  ];
  for (const [name, epoch, smallest, largest] of cases) {
    test(`an ACK ${name} is a protocol violation`, () => {
      const h = new Harness();
      for (let i = 0; i < 3; i++) h.send(0);
      h.skip(1);
      for (let i = 0; i < 2; i++) h.send(0);
      h.recovery.onAckBegin();
      const error = thrownBy(() => h.recovery.onAckRange(epoch, smallest, largest));
      expect(error).toBeInstanceOf(TransportError);
      expect((error as TransportError).code).toBe("protocol_violation");
    });
  }

  test("an ACK of numbers before the session's first packet is a protocol violation", () => {
    const h = new Harness();
    h.skip(3);
    h.send(0);
    h.recovery.onAckBegin();
    expect(() => h.recovery.onAckRange(EPOCH, 2, 3)).toThrow(TransportError);
  });

  test("an ACK of an epoch long past is ignored", () => {
    const h = new Harness();
    for (let epoch = EPOCH; epoch < EPOCH + 6; epoch++) {
      h.recovery.onPacketSent(epoch, 0, PacketKind.ackEliciting, 1200, epoch, epoch);
    }
    h.recovery.onAckBegin();
    h.recovery.onAckRange(EPOCH + 5, 0, 0);
    h.recovery.onAckRange(EPOCH, 0, 1_000_000);
    h.recovery.onAckEnd(0, 100);
    expect(h.acknowledged).toEqual([EPOCH + 5]);
  });

  test("numbers that do not ascend are the caller's mistake", () => {
    const h = new Harness();
    h.send(0);
    expect(() => h.recovery.onPacketSent(EPOCH, 0, PacketKind.ackEliciting, 1200, 0, 0)).toThrow(RangeError);
    expect(() => h.recovery.onPacketSent(EPOCH - 1, 5, PacketKind.ackEliciting, 1200, 0, 0)).toThrow(
      RangeError,
    );
  });

  test("who never acknowledges cannot make the sender remember without end", () => {
    const h = new Harness();
    h.send(0);
    for (let i = 0; i < 200_000; i++) h.send(i / 1000, 40, PacketKind.ackOnly);
    expect(h.lost[0]).toBe(0);
    expect(h.recovery.bytesInFlight).toBe(0);
  });
});

describe("a new path (RFC 9000 §9.4)", () => {
  test("begins with the initial window, without a round-trip time, at the base datagram size", () => {
    const h = new Harness({ mtu: defaultPathMtu });
    let number = h.send(0, 1200, PacketKind.mtuProbe);
    h.ack(50, [number]);
    number = h.send(50, 1452, PacketKind.mtuProbe);
    h.ack(100, [number]);
    for (let i = 0; i < 5; i++) h.send(100, 1452);
    h.ack(150, [number + 4]);
    expect(h.recovery.mtu.currentBytes).toBe(1452);
    expect(h.recovery.slowStartThresholdBytes).toBeLessThan(Number.POSITIVE_INFINITY);
    h.recovery.resetPath(200);
    expect(h.recovery.windowBytes).toBe(12_000);
    expect(h.recovery.slowStartThresholdBytes).toBe(Number.POSITIVE_INFINITY);
    expect(h.recovery.bytesInFlight).toBe(0);
    expect(h.recovery.rtt.hasSample).toBe(false);
    expect(h.recovery.mtu.currentBytes).toBe(1200);
    expect(h.datagramBytes).toEqual([1452, 1200]);
  });

  test("is not blamed for what the old one lost, but the engine hears of it", () => {
    const h = new Harness();
    for (let i = 0; i < 8; i++) h.send(0);
    h.recovery.resetPath(10);
    const later = h.send(20);
    h.ack(80, [4, later]);
    expect(h.acknowledged).toEqual([8, 4]);
    expect(h.lost).toEqual([0, 1, 2, 3, 5, 6, 7]);
    expect(h.recovery.statistics.congestionEvents).toBe(0);
    expect(h.recovery.windowBytes).toBe(12_000);
    expect(h.recovery.bytesInFlight).toBe(0);
  });

  test("does not grow by what arrived on the old one", () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.send(0);
    h.recovery.resetPath(10);
    for (let i = 0; i < 10; i++) h.send(20);
    expect(h.recovery.canSend(1200, 20)).toBe(false);
    h.ack(30, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(h.recovery.windowBytes).toBe(12_000);
    expect(h.recovery.bytesInFlight).toBe(12_000);
  });

  test("what is outstanding from the old one is still probed for", () => {
    const h = new Harness();
    h.send(0);
    h.recovery.resetPath(10);
    expect(h.recovery.deadlineMs).toBe(999 + 25);
    h.recovery.handleTimeout(1024);
    expect(h.recovery.outstanding(1)).toEqual([0]);
  });
});

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
