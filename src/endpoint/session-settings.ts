/** How two sides agree on streams, and what may be said about them. */
import { SESSION_ALPN } from "../session/alpn.ts";
import type { PacketCarrier } from "../session/carrier.ts";
import type { PathSettings, StreamSettings } from "../session/open.ts";
import type { WebSession, WebSessionHost } from "../session/web-session.ts";

/** Makes the streams of a session on a path. */
export type StreamsOpener = (path: PathSettings, carrier: PacketCarrier, host: WebSessionHost) => WebSession;

/** The code of streams, unless they are not wanted. */
export async function loadStreams(settings: StreamSettings | false = {}): Promise<StreamsOpener | undefined> {
  if (settings === false) return undefined;
  const { openWebSession } = await import("../session/open.ts");
  return (path, carrier, host) => openWebSession(settings, path, carrier, host);
}

/** Of an option that names one's own protocols, what ALPN offers: each with streams, each without, and streams alone. */
export function protocolsToOffer(
  named: readonly string[] | undefined,
  streams: StreamSettings | false | undefined,
): readonly string[] | undefined {
  if (streams === false) return named;
  const own = named ?? [];
  return [...own.map((name) => `${SESSION_ALPN}.${name}`), ...own, SESSION_ALPN];
}

/** What was agreed on. */
export function agreedProtocol(alpn: string | undefined): {
  readonly hasStreams: boolean;
  readonly protocol: string | undefined;
} {
  if (alpn === SESSION_ALPN) return { hasStreams: true, protocol: undefined };
  const hasStreams = alpn?.startsWith(`${SESSION_ALPN}.`) ?? false;
  return { hasStreams, protocol: hasStreams ? alpn!.slice(SESSION_ALPN.length + 1) : alpn };
}

/** @throws RangeError */
export function checkStreamSettings(settings: StreamSettings): void {
  const { padding, keepAliveMs, ...limits } = settings;
  const names = [
    "maxIncomingBidirectional",
    "maxIncomingUnidirectional",
    "maxStreamBytes",
    "maxSessionBytes",
  ] as const;
  for (const name of names) {
    const value = limits[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new RangeError(`streams.${name} is a whole number from 0, not ${value}`);
    }
  }
  if (keepAliveMs !== undefined && !(keepAliveMs > 0)) throw new RangeError("streams.keepAliveMs is above 0");
  if (padding?.kind === "block" && !(padding.blockBytes >= 1)) {
    throw new RangeError("streams.padding.blockBytes is 1 or more");
  }
  if (padding?.kind === "constant" && !(padding.packetBytes >= 64 && padding.intervalMs >= 1)) {
    throw new RangeError("streams.padding has packets of 64 bytes or more every millisecond at most");
  }
}
