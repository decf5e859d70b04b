import { describe, expect, test } from "vitest";
import { RttEstimator } from "../../../src/session/recovery/rtt.ts";
import { PacketKind } from "../../../src/session/recovery/sent-packets.ts";
import { EPOCH, Harness } from "./harness.ts";

const MAX_ACK_DELAY_MS = 25;

describe("the estimator (RFC 9002 §5)", () => {
  test("before a sample it assumes 333 ms, and a PTO of about one second (§6.2.2)", () => {
    const rtt = new RttEstimator(0);
    expect([rtt.smoothedMs, rtt.variationMs, rtt.hasSample]).toEqual([333, 166.5, false]);
    expect(rtt.probeTimeoutMs).toBe(999);
  });

  test("the first sample sets all, and its ACK delay is not subtracted (§5.3)", () => {
    const rtt = new RttEstimator(MAX_ACK_DELAY_MS);
    rtt.sample(80, 20, 1000);
    expect([rtt.latestMs, rtt.minMs, rtt.smoothedMs, rtt.variationMs]).toEqual([80, 80, 80, 40]);
    expect(rtt.firstSampleAtMs).toBe(1000);
  });

  test("later samples are averaged with 1/8, their variation with 1/4 from the smoothed value before (§A.7)", () => {
    const rtt = new RttEstimator(MAX_ACK_DELAY_MS);
    rtt.sample(80, 0, 0);
    rtt.sample(120, 0, 1);
    expect(rtt.smoothedMs).toBe((7 / 8) * 80 + 120 / 8);
    expect(rtt.variationMs).toBe((3 / 4) * 40 + (1 / 4) * 40);
    expect(rtt.minMs).toBe(80);
  });

  test("the ACK delay is subtracted, up to max_ack_delay", () => {
    const rtt = new RttEstimator(MAX_ACK_DELAY_MS);
    rtt.sample(80, 0, 0);
    rtt.sample(160, 1000, 1);
    expect(rtt.smoothedMs).toBe((7 / 8) * 80 + (160 - MAX_ACK_DELAY_MS) / 8);
  });

  test("the ACK delay is not subtracted where less than min_rtt would be left", () => {
    const rtt = new RttEstimator(MAX_ACK_DELAY_MS);
    rtt.sample(80, 0, 0);
    rtt.sample(100, 21, 1);
    expect(rtt.smoothedMs).toBe((7 / 8) * 80 + 100 / 8);
    rtt.sample(100, 20, 2);
    expect(rtt.smoothedMs).toBe((7 / 8) * 82.5 + 80 / 8);
  });

  test("min_rtt ignores the ACK delay (§5.2)", () => {
    const rtt = new RttEstimator(MAX_ACK_DELAY_MS);
    rtt.sample(80, 0, 0);
    rtt.sample(70, 20, 1);
    expect(rtt.minMs).toBe(70);
  });

  test("the variation in a PTO, and the time threshold, are at least kGranularity (§6.1.2, §6.2.1)", () => {
    const rtt = new RttEstimator(0);
    for (let i = 0; i < 200; i++) rtt.sample(0.01, 0, i);
    expect(rtt.probeTimeoutMs).toBeCloseTo(1.01, 6);
    expect(rtt.reorderingMs).toBe(1);
  });

  test("a new path has no history (RFC 9000 §9.4)", () => {
    const rtt = new RttEstimator(0);
    rtt.sample(80, 0, 0);
    rtt.reset();
    expect([rtt.smoothedMs, rtt.variationMs, rtt.minMs, rtt.hasSample]).toEqual([333, 166.5, 0, false]);
  });
});

describe("when a sample is taken (RFC 9002 §5.1)", () => {
  test("from the largest acknowledged, and not from others", () => {
    const h = new Harness();
    h.send(0);
    h.send(30);
    h.ack(100, [0, 1]);
    expect(h.recovery.rtt.latestMs).toBe(70);
  });

  test("not if the largest acknowledged is not newly so", () => {
    const h = new Harness();
    h.send(0);
    h.send(0);
    h.ack(100, [1]);
    h.ack(150, [0, 1]);
    expect(h.recovery.rtt.latestMs).toBe(100);
  });

  test("not if nothing newly acknowledged was ack-eliciting", () => {
    const h = new Harness();
    h.send(0, 40, PacketKind.ackOnly);
    h.ack(5000, [0]);
    expect(h.recovery.rtt.hasSample).toBe(false);
  });

  test("from an ACK-only packet, if another that is newly acknowledged was ack-eliciting", () => {
    const h = new Harness();
    h.send(0);
    h.send(10, 40, PacketKind.ackOnly);
    h.ack(100, [0, 1]);
    expect(h.recovery.rtt.latestMs).toBe(90);
  });

  test("not from a packet of the path before", () => {
    const h = new Harness();
    h.send(0);
    h.recovery.resetPath(50);
    h.ack(100, [0]);
    expect(h.recovery.rtt.hasSample).toBe(false);
    h.recovery.onPacketSent(EPOCH, 1, PacketKind.ackEliciting, 1200, 1, 200);
    h.ack(260, [0, 1]);
    expect(h.recovery.rtt.latestMs).toBe(60);
  });
});
