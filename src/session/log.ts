/** What a session tells of its inner life, to whoever wants to write it down. */
import type { Bytes } from "../core/bytes.ts";
import type { TransportParameters } from "./parameters.ts";

/** Of the path, as recovery sees it (RFC 9002). */
export interface PathMetrics {
  /** In milliseconds, and in bytes. */
  readonly smoothedRttMs: number;
  readonly latestRttMs: number;
  readonly minRttMs: number;
  readonly rttVariationMs: number;
  readonly congestionWindowBytes: number;
  readonly bytesInFlight: number;
}

/** Called with each event; times are in milliseconds on the session's clock, packets are views valid in the call only. */
export interface SessionLog {
  /** A packet went out, as the content of the record of this number. */
  /** @param isMtuProbe whether it is as long as it is to find out whether one so long arrives (RFC 8899) */
  packetSent(nowMs: number, epoch: number, sequenceNumber: number, packet: Bytes, isMtuProbe: boolean): void;
  /** A packet came in, as the content of the record of this number. */
  packetReceived(nowMs: number, epoch: number, sequenceNumber: number, packet: Bytes): void;
  /** The packet at this place among all that were sent. */
  packetLost(nowMs: number, epoch: number, sequenceNumber: number, isMtuProbe: boolean): void;
  /** One side's transport parameters are known. */
  parametersSet(nowMs: number, initiator: "local" | "remote", parameters: TransportParameters): void;
  /** Round-trip time or congestion window have changed. */
  metricsUpdated(nowMs: number, metrics: PathMetrics): void;
  /** Datagrams of this size, records included, are known to arrive. */
  mtuUpdated(nowMs: number, mtuBytes: number): void;
  /** The session has ended, by this side or the peer, with this code (RFC 9000 §20). */
  closed(
    nowMs: number,
    initiator: "local" | "remote",
    code: number,
    isApplication: boolean,
    reason: string,
  ): void;
}
