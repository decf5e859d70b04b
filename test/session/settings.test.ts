/** Settings that are out of range, or misspelt, are the caller's mistakes, and protect nothing by accident. */
import { expect, test } from "vitest";
import { checkStreamSettings, type StreamSettings } from "../../src/session/settings.ts";

const constant = { kind: "constant", packetBytes: 300, intervalMs: 5 } as const;

test.each<StreamSettings>([
  {},
  { padding: { kind: "none" } },
  { padding: { kind: "block", blockBytes: 256 } },
  { padding: constant },
  { padding: { ...constant, intervalMs: 1.5 } },
  { congestionControl: "new-reno", keepAliveMs: 0.5 },
  { maxRequestBytes: 0, maxRequestsBytes: 0 },
])("%j is in order", (settings) => {
  expect(() => checkStreamSettings(settings)).not.toThrow();
});

test.each([
  { padding: { ...constant, kind: "constants" } },
  { padding: {} },
  { padding: { kind: "block", blockBytes: 1.5 } },
  { padding: { kind: "block" } },
  { padding: { ...constant, packetBytes: 300.5 } },
  { padding: { ...constant, packetBytes: 199 } },
  { padding: { ...constant, intervalMs: 0.5 } },
  { padding: { ...constant, intervalMs: Number.POSITIVE_INFINITY } },
  { padding: { ...constant, intervalMs: "5 s" } },
  { congestionControl: "reno" },
  { keepAliveMs: Number.POSITIVE_INFINITY },
  { keepAliveMs: 0 },
  { maxRequestBytes: -1 },
  { maxRequestsBytes: 0.5 },
])("%j is a RangeError", (settings) => {
  expect(() => checkStreamSettings(settings as StreamSettings)).toThrow(RangeError);
});
