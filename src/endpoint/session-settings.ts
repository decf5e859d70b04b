/** How two sides agree on streams, and what may be said about them. */

import type { CommonConfig } from "../dtls/config.ts";
import { loadPart } from "../lazy.ts";
import { SESSION_ALPN } from "../session/alpn.ts";
import type { StreamSettings } from "../session/settings.ts";
import type { Association } from "./association.ts";
import type { CommonOptions } from "./options.ts";
import type { StreamsHost, StreamsLink } from "./streams-link.ts";

/** Makes the streams of a session on a path. */
export type StreamsOpener = (
  association: Association,
  config: CommonConfig & { readonly role: "client" | "server" },
  /** The peer's address, if it is one of UDP. */
  udpHost: string | undefined,
  host: StreamsHost,
) => StreamsLink;

/**
 * The code of streams, unless they are not wanted.
 * @throws RangeError for settings out of range
 */
export async function loadStreams({
  streams: settings = {},
  mtuBytes,
}: CommonOptions): Promise<StreamsOpener | undefined> {
  if (settings === false) return undefined;
  const { checkStreamSettings, StreamsLink } = await loadPart(() => import("./streams-link.ts"));
  checkStreamSettings(settings);
  // Who has said how large datagrams may be does not want larger ones to be tried.
  return (...where) => new StreamsLink(settings, mtuBytes !== undefined, ...where);
}

/**
 * Of an option that names one's own protocols, what ALPN has: each with streams, each without, and streams alone. The last
 * are not for a server that names protocols: a client of others must not have anything in common with it (RFC 7301 §3.2).
 */
export function protocolsOf(
  role: "client" | "server",
  named: readonly string[] = [],
  streams?: StreamSettings | false,
): readonly string[] {
  if (streams === false) return named;
  if (streams?.required) return named.length > 0 ? named.map(withStreams) : [SESSION_ALPN];
  const alone = role === "server" && named.length > 0 ? [] : [SESSION_ALPN];
  return [...named.map(withStreams), ...named, ...alone];
}

function withStreams(name: string): string {
  return `${SESSION_ALPN}.${name}`;
}

/** Whom a side refuses that has other protocols, or none: who names no protocols does not mind those of others. */
export function requirementOf(
  named: readonly string[] = [],
  streams?: StreamSettings | false,
): boolean | "always" {
  return streams !== undefined && streams !== false && streams.required ? "always" : named.length > 0;
}

/** What was agreed on. */
export function agreedProtocol(alpn = ""): {
  readonly hasStreams: boolean;
  readonly protocol: string | undefined;
} {
  const hasStreams = `${alpn}.`.startsWith(`${SESSION_ALPN}.`);
  return { hasStreams, protocol: (hasStreams ? alpn.slice(SESSION_ALPN.length + 1) : alpn) || undefined };
}
