/** What a session tells of its inner life, to whoever wants to write it down. */
import type { Bytes } from "../core/bytes.ts";
import type { TransportParameters } from "./parameters.ts";

/** Of the path, as recovery sees it (RFC 9002). */
export interface PathMetrics {
  readonly smoothedRttMs: number;
  readonly latestRttMs: number;
  readonly minRttMs: number;
  readonly rttVariationMs: number;
  readonly congestionWindowBytes: number;
  readonly bytesInFlight: number;
}

/** Called with each event; times are in milliseconds on the session's clock, packets are views valid in the call only. */
export interface SessionLog {
  packetSent(nowMs: number, epoch: number, sequenceNumber: number, packet: Bytes): void;
  packetReceived(nowMs: number, epoch: number, sequenceNumber: number, packet: Bytes): void;
  /** The packet at this place among all that were sent. */
  packetLost(nowMs: number, epoch: number, sequenceNumber: number): void;
  parametersSet(nowMs: number, initiator: "local" | "remote", parameters: TransportParameters): void;
  metricsUpdated(nowMs: number, metrics: PathMetrics): void;
  mtuUpdated(nowMs: number, mtuBytes: number): void;
  closed(
    nowMs: number,
    initiator: "local" | "remote",
    code: number,
    isApplication: boolean,
    reason: string,
  ): void;
}
