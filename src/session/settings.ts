/** What streams can be told, and what that means on a path. */
import type { FaultReport } from "../faults.ts";
import { checkOptions, type Names } from "../options.ts";
import { guarded } from "./callbacks.ts";
import type { WindowLimits } from "./flow.ts";
import type { SessionLog } from "./log.ts";
import { defaultSessionOptions, type PaddingPolicy, type SessionOptions } from "./options.ts";
import { CongestionAlgorithm } from "./recovery/congestion.ts";
import { defaultPathMtu, type PathMtuOptions } from "./recovery/path-mtu.ts";
import { defaultRecovery } from "./recovery/recovery.ts";

/** What `connect` and `listen` are told of streams. Sizes are in bytes, times in milliseconds. */
export interface StreamSettings {
  /** Whether a peer without streams is refused, by no_application_protocol: not unless given. */
  readonly required?: boolean | undefined;
  /** Streams that the peer may have open at a time: 128 of each kind unless given. */
  readonly maxIncomingBidirectional?: number | undefined;
  readonly maxIncomingUnidirectional?: number | undefined;
  /** The most that is kept of what one stream, and all together, have received and nobody has read: 8 and 16 MiB. */
  readonly maxStreamBytes?: number | undefined;
  readonly maxSessionBytes?: number | undefined;
  /**
   * The longest request that `onrequest` takes, 16 MiB unless given, and what all that are not answered yet may take up
   * together, 16 MiB unless given: requests beyond are refused.
   */
  readonly maxRequestBytes?: number | undefined;
  readonly maxRequestsBytes?: number | undefined;
  /** `cubic` unless given. */
  readonly congestionControl?: CongestionAlgorithm | undefined;
  /**
   * Keeps the session alive: after so long without a sign of life the peer is asked for one. Three such questions that stay
   * unanswered, each as long after the one before, or a probe time-out if that is longer, end the session by peer_lost: four
   * times this in all. Not unless given: then the idle time-out alone notices a peer that is gone.
   */
  readonly keepAliveMs?: number | undefined;
  /** Makes packets longer, so that their lengths tell less: not unless given. */
  readonly padding?: PaddingPolicy | undefined;
  /** Told of every packet and more; `qlog` makes one. A function makes one for each session, as servers have many. */
  readonly log?: SessionLog | (() => SessionLog) | undefined;
}

/** Ethernet with IPv6; what more there may be is left to whoever asks for it. */
const MAX_SEARCHED_MTU = 1452;
/** Loopback interfaces take four times as much in one piece, but a record does not fill more. */
const LOOPBACK_MTU = 16_384;
const MIN_MTU = 548;
/** max_ack_delay is below 2^14 (RFC 9000 §18.2). */
const MAX_INTERVAL_MS = 16_000;

/** How large datagrams may be on the way to a peer. */
export interface PathSettings {
  readonly isServer: boolean;
  /** The least that was configured, and is assumed to arrive. */
  readonly mtuBytes: number;
  /** Whether that is all that may be used. */
  readonly isMtuFixed: boolean;
  /** The most that the carrier takes. */
  readonly maxDatagramBytes: number | undefined;
  /** The peer's address, if it is one of UDP. */
  readonly host: string | undefined;
  readonly idleTimeoutMs: number | undefined;
  /** As those of {@link SessionOptions}. */
  readonly report: FaultReport;
  random(): number;
}

export function sessionOptions(settings: StreamSettings, path: PathSettings): SessionOptions {
  const { maxStreamBytes, maxSessionBytes, congestionControl } = settings;
  const { streamWindow, sessionWindow } = defaultSessionOptions;
  return {
    ...defaultSessionOptions,
    isServer: path.isServer,
    maxIncomingBidi: settings.maxIncomingBidirectional ?? defaultSessionOptions.maxIncomingBidi,
    maxIncomingUni: settings.maxIncomingUnidirectional ?? defaultSessionOptions.maxIncomingUni,
    streamWindow: limited(streamWindow, maxStreamBytes),
    // All of it from the beginning: what one stream leaves unread is not to take what others need.
    sessionWindow:
      maxSessionBytes === undefined
        ? sessionWindow
        : { initialBytes: maxSessionBytes, maxBytes: maxSessionBytes },
    maxRequestBytes: settings.maxRequestBytes ?? defaultSessionOptions.maxRequestBytes,
    maxRequestsBytes: settings.maxRequestsBytes ?? defaultSessionOptions.maxRequestsBytes,
    recovery: {
      ...defaultRecovery,
      ...(congestionControl === undefined ? {} : { algorithm: congestionControl }),
      mtu: mtuOf(path),
    },
    idleTimeoutMs: path.idleTimeoutMs,
    report: path.report,
    random: () => path.random(),
    keepAliveMs: settings.keepAliveMs,
    padding: settings.padding ?? { kind: "none" },
    log: logOf(settings, path.report),
  };
}

function logOf({ log }: StreamSettings, report: FaultReport): SessionLog | undefined {
  const each = typeof log === "function" ? log() : log;
  return each && guarded(each, report);
}

function limited(window: WindowLimits, maxBytes: number | undefined): WindowLimits {
  return maxBytes === undefined
    ? window
    : { initialBytes: Math.min(window.initialBytes, maxBytes), maxBytes };
}

function mtuOf({ mtuBytes, isMtuFixed, maxDatagramBytes, host }: PathSettings): PathMtuOptions {
  const most = isMtuFixed ? mtuBytes : isLoopback(host) ? LOOPBACK_MTU : MAX_SEARCHED_MTU;
  const maxBytes = Math.max(mtuBytes, Math.min(most, maxDatagramBytes ?? most));
  return { ...defaultPathMtu, minBytes: Math.min(MIN_MTU, mtuBytes), baseBytes: mtuBytes, maxBytes };
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && (host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127."));
}

const NAMES: Names<StreamSettings> = {
  required: 1,
  maxIncomingBidirectional: 1,
  maxIncomingUnidirectional: 1,
  maxStreamBytes: 1,
  maxSessionBytes: 1,
  maxRequestBytes: 1,
  maxRequestsBytes: 1,
  congestionControl: 1,
  keepAliveMs: 1,
  padding: 1,
  log: 1,
};

/** @throws TypeError, RangeError */
export function checkStreamSettings(settings: StreamSettings): void {
  checkOptions("streams", settings, NAMES);
  const { padding, keepAliveMs, congestionControl, ...limits } = settings;
  const names = [
    "maxIncomingBidirectional",
    "maxIncomingUnidirectional",
    "maxStreamBytes",
    "maxSessionBytes",
    "maxRequestBytes",
    "maxRequestsBytes",
  ] as const;
  for (const name of names) {
    const value = limits[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new RangeError(`streams.${name} is a whole number from 0, not ${value}`);
    }
  }
  if (keepAliveMs !== undefined && !(keepAliveMs > 0 && keepAliveMs < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`streams.keepAliveMs is a time above 0, not ${keepAliveMs}`);
  }
  const algorithms: readonly unknown[] = Object.values(CongestionAlgorithm);
  if (congestionControl !== undefined && !algorithms.includes(congestionControl)) {
    throw new RangeError(`streams.congestionControl is ${algorithms.join(" or ")}, not ${congestionControl}`);
  }
  if (padding !== undefined) checkPadding(padding);
}

/** What protects is not to be turned off by a slip. */
function checkPadding(padding: PaddingPolicy): void {
  switch (padding.kind) {
    case "none":
      return;
    case "block":
      if (!(Number.isSafeInteger(padding.blockBytes) && padding.blockBytes >= 1)) {
        throw new RangeError("streams.padding.blockBytes is a whole number from 1");
      }
      return;
    case "constant":
      // The transport parameters have to fit into one packet, and max_ack_delay has to cover the wait for one.
      if (!(Number.isSafeInteger(padding.packetBytes) && padding.packetBytes >= 200)) {
        throw new RangeError("streams.padding.packetBytes is a whole number from 200");
      }
      if (!(padding.intervalMs >= 1 && padding.intervalMs <= MAX_INTERVAL_MS)) {
        throw new RangeError(`streams.padding.intervalMs is from 1 to ${MAX_INTERVAL_MS}`);
      }
      return;
    default:
      throw new RangeError("streams.padding.kind is none, block or constant");
  }
}
