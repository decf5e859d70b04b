import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketKind } from "../../../src/session/recovery/sent-packets.ts";
import { Harness } from "./harness.ts";
import { Model } from "./model.ts";

const MAX_ACK_DELAY_MS = 25;

type Step =
  | { readonly kind: "send"; readonly packet: PacketKind; readonly bytes: number; readonly waitMs: number }
  | { readonly kind: "skip"; readonly count: number }
  /** Those of the packets under way arrive whose turn it is, counted from the oldest; then all are acknowledged. */
  | { readonly kind: "ack"; readonly arriving: number; readonly delayMs: number; readonly waitMs: number }
  | { readonly kind: "timeout" };

const waitMs = fc.double({ min: 0, max: 400, noNaN: true });
const packet = fc.constantFrom(PacketKind.ackEliciting, PacketKind.ackEliciting, PacketKind.ackOnly);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      packet,
      bytes: fc.integer({ min: 30, max: 1200 }),
      waitMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("skip" as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("ack" as const),
      arriving: fc.integer({ min: 0, max: 0xffff }),
      delayMs: fc.double({ min: 0, max: 60, noNaN: true }),
      waitMs,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("timeout" as const) }) },
);

test("loss recovery does what a plain rendering of RFC 9002's appendices does, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 120 }), (steps) => {
      const h = new Harness({ maxAckDelayMs: MAX_ACK_DELAY_MS });
      const model = new Model(MAX_ACK_DELAY_MS);
      const underWay: number[] = [];
      const arrived: number[] = [];
      let nowMs = 1;
      for (const step of steps) {
        if (step.kind === "send") {
          nowMs += step.waitMs / 10;
          const id = h.send(nowMs, step.bytes, step.packet);
          model.onPacketSent(id, step.packet === PacketKind.ackEliciting, step.bytes, nowMs);
          underWay.push(id);
        } else if (step.kind === "skip") {
          h.skip(step.count);
        } else if (step.kind === "ack") {
          nowMs += step.waitMs;
          for (let bit = 15; bit >= 0; bit--) {
            if ((step.arriving >> bit) & 1 && bit < underWay.length) arrived.push(...underWay.splice(bit, 1));
          }
          if (arrived.length === 0) continue;
          h.ack(nowMs, arrived, step.delayMs);
          model.onAckReceived(arrived, step.delayMs, nowMs);
        } else {
          if (h.recovery.deadlineMs === Number.POSITIVE_INFINITY) continue;
          nowMs = Math.max(nowMs, h.recovery.deadlineMs);
          h.recovery.handleTimeout(nowMs);
          model.onTimeout(nowMs);
        }
        const { recovery } = h;
        expect(h.lost).toEqual(model.lost);
        expect(new Set(h.acknowledged)).toEqual(model.acknowledged);
        expect(recovery.bytesInFlight).toBe(model.bytesInFlight);
        expect(recovery.deadlineMs).toBe(model.deadlineMs);
        expect(recovery.consecutiveProbeTimeouts).toBe(model.ptoCount);
        expect(recovery.statistics.persistentCongestionEvents).toBe(model.persistentCongestion);
        const { latestMs, smoothedMs, variationMs, minMs } = recovery.rtt;
        expect([latestMs, smoothedMs, variationMs, minMs]).toEqual([
          model.latestRtt,
          model.smoothedRtt,
          model.rttvar,
          model.minRtt,
        ]);
      }
    }),
    { numRuns: 400 },
  );
});
