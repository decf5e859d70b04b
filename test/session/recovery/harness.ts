/** A recovery whose packets are numbered by themselves and named by their sequence numbers, and what it told. */
import { defaultPathMtu } from "../../../src/session/recovery/path-mtu.ts";
import { Recovery, type RecoveryOptions } from "../../../src/session/recovery/recovery.ts";
import { PacketKind } from "../../../src/session/recovery/sent-packets.ts";

export const EPOCH = 3;

export const newReno: RecoveryOptions = {
  algorithm: "new-reno",
  maxAckDelayMs: 25,
  mtu: { ...defaultPathMtu, maxBytes: defaultPathMtu.baseBytes },
};

export class Harness {
  readonly recovery: Recovery<number>;
  readonly acknowledged: number[] = [];
  readonly lost: number[] = [];
  readonly arrivedLate: number[] = [];
  readonly datagramBytes: number[] = [];
  #next = 0;

  constructor(options: Partial<RecoveryOptions> = {}) {
    const host = {
      acknowledged: (handle: number) => void this.acknowledged.push(handle),
      lost: (handle: number) => void this.lost.push(handle),
      arrivedLate: (handle: number) => void this.arrivedLate.push(handle),
      datagramBytesChanged: (bytes: number) => void this.datagramBytes.push(bytes),
    };
    this.recovery = new Recovery(host, 0, { ...newReno, ...options });
  }

  send(atMs: number, bytes = 1200, kind: PacketKind = PacketKind.ackEliciting): number {
    const number = this.#next++;
    this.recovery.onPacketSent(EPOCH, number, kind, bytes, number, atMs);
    return number;
  }

  /** Leaves numbers to records that carry no packet. */
  skip(count: number): void {
    this.#next += count;
  }

  /** An ACK of these packets, which may come in any order. */
  ack(atMs: number, numbers: readonly number[], ackDelayMs = 0): void {
    this.recovery.onAckBegin();
    for (const [smallest, largest] of rangesOf(numbers)) this.recovery.onAckRange(EPOCH, smallest, largest);
    this.recovery.onAckEnd(ackDelayMs, atMs);
  }

  /** Samples of one round-trip time until nothing of earlier ones is left; ends at the time that is returned. */
  settleRtt(rttMs: number, fromMs = 0): number {
    let atMs = fromMs;
    for (let i = 0; i < 200; i++) {
      const number = this.send(atMs, 40);
      atMs += rttMs;
      this.ack(atMs, [number]);
    }
    return atMs;
  }
}

/** Descending ranges, as in an ACK frame. */
export function rangesOf(numbers: readonly number[]): [smallest: number, largest: number][] {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => b - a)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] === number + 1) last[0] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
