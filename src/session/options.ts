/** How a session behaves, and what it allows its peer. */
import { type FaultReport, uncaught } from "../faults.ts";
import type { WindowLimits } from "./flow.ts";
import type { SessionLog } from "./log.ts";
import { defaultRecovery, type RecoveryOptions } from "./recovery/recovery.ts";

/**
 * What packets are made longer to, so that their lengths tell less.
 * - `block`: to a multiple of so many bytes;
 * - `constant`: a packet of so many bytes every so many milliseconds, whether there is something to say or not, and
 *   nothing else.
 *
 * It covers the packets of a session, acknowledgements among them. It does not hide the probes that look for larger
 * datagrams, nor what DTLS says for itself: its handshake, ACKs, tickets, key updates and alerts. At a constant rate the
 * packets that end the session do not wait for their turn, and while the path is full there are none.
 */
export type PaddingPolicy =
  | { readonly kind: "none" }
  | { readonly kind: "block"; readonly blockBytes: number }
  | { readonly kind: "constant"; readonly packetBytes: number; readonly intervalMs: number };

/** How a session behaves, and what it allows its peer. */
export interface SessionOptions {
  /** Whose streams this side opens: a server's have odd numbers (RFC 9000 §2.1). */
  readonly isServer: boolean;
  /** Flow control of each stream, and of all together. */
  readonly streamWindow: WindowLimits;
  readonly sessionWindow: WindowLimits;
  /** Streams that the peer may have open at a time, of each kind. */
  readonly maxIncomingBidi: number;
  readonly maxIncomingUni: number;
  /** The longest request that is taken, and what those that are not answered yet may take up together. */
  readonly maxRequestBytes: number;
  readonly maxRequestsBytes: number;
  /** Congestion control, loss recovery and path MTU discovery. */
  readonly recovery: RecoveryOptions;
  /** What an idle session ends after; the peer is told. */
  readonly idleTimeoutMs: number | undefined;
  /** After so long without a packet from the peer it is asked for a sign of life. */
  readonly keepAliveMs: number | undefined;
  /** Against traffic analysis. */
  readonly padding: PaddingPolicy;
  /** Datagrams that may wait to be sent. */
  readonly outgoingDatagrams: number;
  /** Told of every packet. */
  readonly log: SessionLog | undefined;
  /** Told of the faults of the application's functions. */
  readonly report: FaultReport;
  /** Chance, from 0 up to 1. */
  random(): number;
}

/** Used where nothing else is asked for. */
export const defaultSessionOptions: Omit<SessionOptions, "isServer"> = {
  streamWindow: { initialBytes: 524_288, maxBytes: 8 * 1024 * 1024 },
  sessionWindow: { initialBytes: 1_048_576, maxBytes: 16 * 1024 * 1024 },
  maxIncomingBidi: 128,
  maxIncomingUni: 128,
  maxRequestBytes: 16 * 1024 * 1024,
  maxRequestsBytes: 16 * 1024 * 1024,
  recovery: defaultRecovery,
  idleTimeoutMs: undefined,
  keepAliveMs: undefined,
  padding: { kind: "none" },
  outgoingDatagrams: 256,
  log: undefined,
  report: uncaught,
  random: () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32,
};
