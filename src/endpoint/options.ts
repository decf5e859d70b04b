/** What `connect` and `listen` take in common, and what the engine makes of it. */

import type { NamedGroup } from "../crypto/provider.ts";
import { type CommonConfig, commonDefaults } from "../dtls/config.ts";
import { SealgramError } from "../errors.ts";
import { call, type FaultReport } from "../faults.ts";
import type { Names } from "../options.ts";
import type { StreamSettings } from "../session/settings.ts";
import { NamedGroup as Groups } from "../tls/codepoints.ts";
import { CipherSuite } from "../tls/suites.ts";
import type { RemoteAddress } from "../transport/types.ts";
import type { Auth } from "./auth.ts";
import type { Platform, Shared } from "./platform.ts";
import { protocolsOf, requirementOf } from "./session-settings.ts";

/** Of the suites that DTLS 1.3 sessions here can use. */
export type CipherSuiteName = keyof typeof CipherSuite;

/** What `connect` and `listen` take in common. */
export interface CommonOptions {
  /** How the sides prove who they are: of `psk`, `password`, `publicKey` or `certificate`. */
  readonly auth: Auth;
  /** Largest UDP payload to send, in bytes: 1,200 unless given, which every IPv6 path takes. */
  readonly mtuBytes?: number | undefined;
  /** Ends a session that has received nothing for so long: five minutes unless given, 0 for never. */
  readonly idleTimeoutMs?: number | undefined;
  /** Most preferred first. TLS_SHA256_SHA256 encrypts nothing (RFC 9150) and is never used unless named here. */
  readonly cipherSuites?: readonly CipherSuiteName[] | undefined;
  /** Groups of the key exchange, most preferred first. */
  readonly groups?: readonly NamedGroup[] | undefined;
  /**
   * ALPN, most preferred first; {@link Session.protocol} says what was agreed on. A server that names some refuses clients
   * that offer others only, by no_application_protocol.
   */
  readonly applicationProtocols?: readonly string[] | undefined;
  /**
   * What the peer may do on streams and how much of it. `false` does without streams, acknowledgements and congestion
   * control: a record for each datagram and nothing else, as it is with a peer that does not know of them.
   */
  readonly streams?: StreamSettings | false | undefined;
  /**
   * Where lines of the NSS key log go, besides the file that SSLKEYLOGFILE names. They are secrets. What it throws goes to
   * `onerror`, and does not touch the session.
   */
  readonly keyLog?: ((line: string) => void) | undefined;
}

/** The names of {@link CommonOptions}. */
export const commonNames: Names<CommonOptions> = {
  auth: 1,
  mtuBytes: 1,
  idleTimeoutMs: 1,
  cipherSuites: 1,
  groups: 1,
  applicationProtocols: 1,
  streams: 1,
  keyLog: 1,
};

export const LEAST_MTU = 256;
const MAX_MTU = 16_384;

export function commonConfig(
  platform: Shared,
  options: CommonOptions,
  role: "client" | "server",
  report: FaultReport,
): CommonConfig {
  const { mtuBytes, idleTimeoutMs, cipherSuites, groups, applicationProtocols, keyLog, streams } = options;
  if (mtuBytes !== undefined && !(mtuBytes >= LEAST_MTU && mtuBytes <= MAX_MTU)) {
    throw new RangeError(`mtuBytes is from ${LEAST_MTU} to ${MAX_MTU}`);
  }
  if (idleTimeoutMs !== undefined && !(idleTimeoutMs >= 0)) throw new RangeError("idleTimeoutMs is negative");
  const protocols = protocolsOf(role, applicationProtocols, streams);
  if (applicationProtocols?.includes("") || protocols.some((name) => utf8(name).length > 255)) {
    throw new RangeError("a protocol's name is empty or too long");
  }
  if (cipherSuites?.length === 0) throw new RangeError("cipherSuites names none");
  if (groups !== undefined) checkGroups("groups", groups, Object.values(Groups), 1);
  const guarded = keyLog && ((line: string) => call(keyLog, line, report));
  const logs = [platform.keyLog, guarded].filter((log) => log !== undefined);
  return {
    ...commonDefaults,
    core: platform.core,
    crypto: platform.crypto,
    ...(mtuBytes === undefined ? {} : { mtuBytes }),
    ...(idleTimeoutMs === undefined
      ? {}
      : { idleTimeoutMs: idleTimeoutMs === 0 ? undefined : idleTimeoutMs }),
    ...(cipherSuites === undefined ? {} : { cipherSuites: cipherSuites.map(suiteOf) }),
    ...(groups === undefined ? {} : { groups }),
    ...(protocols.length === 0 ? {} : { applicationProtocols: protocols }),
    requireApplicationProtocol: requirementOf(applicationProtocols, streams),
    ...(logs.length === 0 ? {} : { keyLog: (line: string) => logs.forEach((log) => void log(line)) }),
  };
}

/** @throws TypeError for another than these, or for fewer than so many */
export function checkGroups(
  option: string,
  groups: readonly NamedGroup[],
  known: readonly NamedGroup[],
  least: number,
): void {
  if (groups.length < least || !groups.every((group) => known.includes(group))) {
    throw new TypeError(`${option} has ${groups.join()}, of ${known.join()}`);
  }
}

/** @throws TypeError if nothing says how to authenticate */
export function checkAuth(options: CommonOptions | undefined): void {
  if (typeof options?.auth?.client !== "function") throw new TypeError("the option auth is missing");
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function suiteOf(name: CipherSuiteName): CipherSuite {
  const suite = CipherSuite[name];
  if (suite === undefined) throw new TypeError(`unknown cipher suite ${name}`);
  return suite;
}

/** @throws TypeError for what is no URL, and for an address without its protocol */
export function readUrl(url: string | URL): URL {
  const isAddress = typeof url === "string" && /^([\w.-]+|\[[\da-fA-F:.]+\]):\d+$/.test(url);
  if (isAddress) throw new TypeError(`${url} is no URL; did you mean udp://${url}?`);
  return new URL(url);
}

/**
 * The address in a URL such as `udp://example.net:4433` or `udp://[::1]:4433`.
 * @throws TypeError for any other URL
 */
export function parseUrl(url: string | URL): RemoteAddress {
  const { protocol, hostname, port, pathname, search, hash, username } = readUrl(url);
  if (protocol !== "udp:")
    throw new TypeError(
      `${protocol} is no carrier; there are udp:, and through gateways https:, wss: and ws:`,
    );
  if (hostname === "") throw new TypeError("the URL names no host");
  if (port === "") throw new TypeError("the URL names no port");
  if ((pathname !== "" && pathname !== "/") || search !== "" || hash !== "" || username !== "") {
    throw new TypeError("a udp: URL has a host and a port only");
  }
  const host = hostname.startsWith("[") ? hostname.slice(1, -1) : decodeURIComponent(hostname);
  return { host, port: Number(port) };
}

/** The URL of an address. */
export function formatUrl({ host, port }: RemoteAddress): string {
  return `udp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @throws SealgramError no_udp where there are no UDP sockets, as in browsers */
export function udpOf(platform: Platform): NonNullable<Platform["udp"]> {
  if (platform.udp !== undefined) return platform.udp;
  throw noUdp();
}

export function noUdp(): SealgramError {
  return new SealgramError("no_udp", "this runtime has no UDP sockets; Node, Deno and Bun do");
}
