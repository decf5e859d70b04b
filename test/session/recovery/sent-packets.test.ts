import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransportError } from "../../../src/session/errors.ts";
import { PacketKind, PacketState, SentPackets } from "../../../src/session/recovery/sent-packets.ts";
import { EPOCH, Harness } from "./harness.ts";

describe("the ring of sent packets", () => {
  test("remembers what a map does, however it grows and wraps", () => {
    const step = fc.record({
      sends: fc.integer({ min: 0, max: 400 }),
      gap: fc.nat(3),
      settled: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.nat(50), (steps, first) => {
        const sent = new SentPackets<string>();
        const naive = new Map<number, number>();
        let position = first;
        for (const { sends, gap, settled } of steps) {
          position += gap;
          for (let i = 0; i < sends; i++, position++) {
            sent.add(position, PacketKind.ackEliciting, position + 1, position / 2, `packet ${position}`);
            naive.set(position, naive.size);
          }
          const until = sent.start + Math.floor((sent.end - sent.start) * settled);
          for (let at = sent.start; at < until; at++) {
            if (sent.state(at) !== PacketState.outstanding) continue;
            sent.settle(at, PacketState.acknowledged);
            expect(sent.release(at)).toBe(`packet ${at}`);
          }
          sent.advance(until);
          const held: unknown[] = [];
          const expected: unknown[] = [];
          for (let at = sent.start; at < sent.end; at++) {
            const ordinal = naive.get(at);
            held.push(sent.state(at));
            expected.push(ordinal === undefined ? PacketState.unused : PacketState.outstanding);
            if (ordinal === undefined) continue;
            held.push(sent.bytes(at), sent.sentMs(at), sent.handle(at), sent.ordinal(at));
            expected.push(at + 1, at / 2, `packet ${at}`, ordinal);
          }
          expect(held).toEqual(expected);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("grows with what is on its way, and shrinks once nothing is", () => {
    const sent = new SentPackets<number>();
    expect(sent.capacity).toBeLessThanOrEqual(16);
    for (let position = 0; position < 10_000; position++)
      sent.add(position, PacketKind.ackEliciting, 1200, 0, position);
    expect(sent.capacity).toBeGreaterThanOrEqual(10_000);
    for (let position = 0; position < 10_000; position++) {
      sent.settle(position, PacketState.acknowledged);
      sent.release(position);
    }
    sent.advance(9_999);
    expect(sent.capacity).toBeGreaterThanOrEqual(10_000);
    sent.advance(10_000);
    expect(sent.capacity).toBe(256);
    sent.add(10_000, PacketKind.ackEliciting, 1200, 0, 10_000);
    expect([sent.start, sent.end, sent.handle(10_000)]).toEqual([10_000, 10_001, 10_000]);
  });

  test("packets of ACKs alone make room for others instead of making it grow", () => {
    const sent = new SentPackets<number>();
    for (let position = 0; position < 100_000; position++)
      sent.add(position, PacketKind.ackOnly, 40, 0, position);
    expect(sent.end - sent.start).toBeLessThanOrEqual(256);
  });
});

test("whatever ACKs a peer makes up, it is refused, or counts what is in flight and nothing else", () => {
  const range = fc.record({
    epoch: fc.integer({ min: EPOCH - 1, max: EPOCH + 1 }),
    smallest: fc.nat(40),
    length: fc.nat(40),
  });
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.array(fc.array(range, { maxLength: 5 }), { maxLength: 20 }),
      (packets, frames) => {
        const h = new Harness();
        for (let i = 0; i < packets; i++) h.send(i);
        let atMs = 100;
        for (const ranges of frames) {
          atMs += 7;
          h.recovery.onAckBegin();
          try {
            for (const { epoch, smallest, length } of ranges)
              h.recovery.onAckRange(epoch, smallest, smallest + length);
          } catch (error) {
            expect(error).toBeInstanceOf(TransportError);
            expect(
              ranges.some(({ epoch, smallest, length }) => epoch !== EPOCH || smallest + length >= packets),
            ).toBe(true);
            return;
          }
          h.recovery.onAckEnd(0, atMs);
          const told = h.acknowledged.length + h.lost.length;
          expect(new Set([...h.acknowledged, ...h.lost]).size).toBe(told);
          expect(h.recovery.bytesInFlight).toBe((packets - told) * 1200);
        }
      },
    ),
  );
});
