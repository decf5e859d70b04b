import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PacketRange } from "../../../src/session/recovery/packet-number.ts";
import { defaultAcknowledgement, ReceivedPackets } from "../../../src/session/recovery/received-packets.ts";

const EPOCH = 3;

describe("when an ACK is due (RFC 9000 §13.2)", () => {
  test("at the second ack-eliciting packet, and for one in time for max_ack_delay (§13.2.1, §13.2.2)", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 0, true, 100);
    expect(received.deadlineMs).toBe(120);
    received.onReceived(EPOCH, 1, true, 110);
    expect(received.deadlineMs).toBe(110);
    received.onAckSent();
    expect(received.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(received.hasUnacknowledged).toBe(false);
    received.onReceived(EPOCH, 2, true, 120);
    expect(received.deadlineMs).toBe(140);
  });

  test("never for packets that are not ack-eliciting, out of order or not", () => {
    const received = new ReceivedPackets();
    for (const number of [0, 1, 5, 3]) received.onReceived(EPOCH, number, false, number);
    expect(received.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(received.hasUnacknowledged).toBe(false);
  });

  test("the deadline is the earliest packet's", () => {
    const received = new ReceivedPackets({ ...defaultAcknowledgement, packetsPerAck: 10 });
    received.onReceived(EPOCH, 0, true, 100);
    received.onReceived(EPOCH, 1, true, 120);
    expect(received.deadlineMs).toBe(120);
  });

  test("at once for a packet after a gap, and not again while the gap stays (§13.2.1)", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 0, true, 0);
    received.onAckSent();
    received.onReceived(EPOCH, 2, true, 10);
    expect(received.deadlineMs).toBe(10);
    received.onAckSent();
    received.onReceived(EPOCH, 3, true, 20);
    expect(received.deadlineMs).toBe(40);
  });

  test("at once for a packet below the largest (§13.2.1)", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 0, true, 0);
    received.onReceived(EPOCH, 2, true, 0);
    received.onAckSent();
    received.onReceived(EPOCH, 1, true, 10);
    expect(received.deadlineMs).toBe(10);
  });

  test("a packet that is not ack-eliciting fills the gap before the next", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 0, true, 0);
    received.onReceived(EPOCH, 1, false, 0);
    received.onAckSent();
    received.onReceived(EPOCH, 2, true, 10);
    expect(received.deadlineMs).toBe(30);
  });

  test("a new epoch is no gap; what comes late from the one before is out of order", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 7, true, 0);
    received.onAckSent();
    received.onReceived(EPOCH + 1, 0, true, 10);
    expect(received.deadlineMs).toBe(30);
    received.onReceived(EPOCH, 8, true, 20);
    expect(received.deadlineMs).toBe(20);
  });

  test("a number that came before changes nothing", () => {
    const received = new ReceivedPackets();
    expect(received.onReceived(EPOCH, 0, true, 0)).toBe(true);
    received.onAckSent();
    expect(received.onReceived(EPOCH, 0, true, 10)).toBe(false);
    expect(received.hasUnacknowledged).toBe(false);
  });

  test("the ACK delay counts from the packet with the largest number (§13.2.5)", () => {
    const received = new ReceivedPackets();
    received.onReceived(EPOCH, 5, true, 100);
    received.onReceived(EPOCH, 4, true, 110);
    expect(received.ackDelayMs(120)).toBe(20);
    received.onReceived(EPOCH, 8, true, 130);
    expect(received.ackDelayMs(131)).toBe(1);
    // "an endpoint SHOULD report the measured delay", also one above max_ack_delay.
    expect(received.ackDelayMs(630)).toBe(500);
  });
});

describe("the ranges", () => {
  test("a flood of gaps is bounded: the lowest ranges are forgotten (§13.2.3)", () => {
    const received = new ReceivedPackets({ ...defaultAcknowledgement, maxRanges: 4 });
    for (let number = 0; number < 1000; number += 2) received.onReceived(EPOCH, number, true, 0);
    expect(received.ranges.map(({ largest }) => largest)).toEqual([998, 996, 994, 992]);
    received.onReceived(EPOCH, 100, true, 0);
    expect(received.ranges).toHaveLength(4);
    received.onReceived(EPOCH, 997, true, 0);
    expect(received.ranges[0]).toEqual({ epoch: EPOCH, smallest: 996, largest: 998 });
  });

  test("what the peer knows to be acknowledged is dropped, and the newest range stays (§13.2.4)", () => {
    const received = new ReceivedPackets();
    for (const number of [0, 2, 4, 6]) received.onReceived(EPOCH, number, true, 0);
    received.onReceived(EPOCH + 1, 3, true, 0);
    received.onAckAcknowledged(EPOCH, 4);
    expect(received.ranges).toEqual([
      { epoch: EPOCH + 1, smallest: 3, largest: 3 },
      { epoch: EPOCH, smallest: 6, largest: 6 },
    ]);
    received.onAckAcknowledged(EPOCH + 1, 100);
    expect(received.ranges).toHaveLength(1);
  });

  test("they hold what came, as a set does, disjoint and descending, through epochs", () => {
    const packet = fc.record({
      epoch: fc.integer({ min: 3, max: 4 }),
      number: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 120 }), (packets) => {
        const received = new ReceivedPackets({ ...defaultAcknowledgement, maxRanges: 100 });
        const naive = new Set<number>();
        for (const { epoch, number } of packets) {
          const key = epoch * 1000 + number;
          expect(received.onReceived(epoch, number, true, 0)).toBe(!naive.has(key));
          naive.add(key);
        }
        expect([...numbersOf(received.ranges)]).toEqual([...naive].sort((a, b) => b - a));
        expectMaximal(received.ranges);
      }),
    );
  });

  test("bounded, they hold the highest ranges of what came in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 100 }), (numbers) => {
        const received = new ReceivedPackets({ ...defaultAcknowledgement, maxRanges: 5 });
        const came = new Set<number>();
        for (const number of numbers) {
          received.onReceived(EPOCH, number, true, 0);
          came.add(number);
          expect(received.ranges.length).toBeLessThanOrEqual(5);
        }
        for (const key of numbersOf(received.ranges)) expect(came.has(key - EPOCH * 1000)).toBe(true);
        if (came.size > 0) expect(received.ranges[0]!.largest).toBe(Math.max(...came));
        expectMaximal(received.ranges);
      }),
    );
  });
});

/** Epoch times 1000 plus sequence number, in the ranges' order. */
function* numbersOf(ranges: readonly PacketRange[]): Generator<number> {
  for (const { epoch, smallest, largest } of ranges) {
    for (let number = largest; number >= smallest; number--) yield epoch * 1000 + number;
  }
}

function expectMaximal(ranges: readonly PacketRange[]): void {
  for (let i = 1; i < ranges.length; i++) {
    const above = ranges[i - 1]!;
    const below = ranges[i]!;
    if (above.epoch === below.epoch) expect(below.largest).toBeLessThan(above.smallest - 1);
    else expect(below.epoch).toBeLessThan(above.epoch);
  }
}
