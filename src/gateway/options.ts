/** What a gateway is told, checked before it starts. */

import { parseUrl } from "../endpoint/options.ts";
import { checkOptions, type Names, type Some, withDefaults } from "../options.ts";
import type { RemoteAddress } from "../transport/types.ts";
import type { ToldHash } from "./well-known.ts";

/** Bounds for all clients, for each address and for each client. */
export interface GatewayLimits {
  /** Clients at a time: 10,000 unless given. */
  readonly clients: number;
  /** Of these, from one IPv4 address or one IPv6 network of 64 bits: 100 unless given. */
  readonly clientsPerAddress: number;
  /** For each client and in each direction; one second's worth may come at once: 4,000 unless given. */
  readonly datagramsPerSecond: number;
  /** As before: 4 MiB unless given. */
  readonly bytesPerSecond: number;
  /** Of a datagram: 2,048 unless given. */
  readonly datagramBytes: number;
  /** What may wait to be sent to one client: 256 KiB unless given. */
  readonly queuedBytes: number;
}

export const defaultLimits: GatewayLimits = {
  clients: 10_000,
  clientsPerAddress: 100,
  datagramsPerSecond: 4_000,
  bytesPerSecond: 4 << 20,
  datagramBytes: 2_048,
  queuedBytes: 256 << 10,
};

/** A private key and the certificates for it, the server's own first, as PEM. */
export interface TlsKeyPair {
  /** The certificates, and the private key (PKCS #8). */
  readonly cert: string;
  readonly key: string;
}

/** What a browser asks the gateway's HTTP side for, by GET or HEAD. */
export interface PageRequest {
  /** As `GET`; other methods are answered with 405 where there is a page. */
  readonly method: string;
  /** The URL's path, as it was sent: nothing in it is decoded, and no dots are resolved. */
  readonly path: string;
  /** The URL's query with its question mark, or an empty string. */
  readonly query: string;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** The client's IP address. */
  readonly address: string;
}

/** How a page may be compressed: by Brotli (RFC 7932) or gzip. */
export type Encoding = "br" | "gzip";

/** What the program answers with. */
export interface Page {
  /** The HTTP status. */
  readonly status: number;
  /**
   * With names in small letters. The gateway adds `content-length`, and `strict-transport-security` for clients that have
   * come by TLS. With an `etag` it answers 304 to clients that have the page.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** Not changed once it was answered. */
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** The same body compressed, the best first. Clients get what they take; the gateway tells so in `vary` and the `etag`. */
  readonly encodings?: Readonly<Partial<Record<Encoding, Uint8Array<ArrayBuffer>>>>;
}

/** Which servers can be reached, and by whom. */
export interface ForwardingOptions {
  /** The servers that clients can reach, by the path that names them: `{ game: "udp://10.0.0.5:4433" }` for `/game`. */
  readonly targets: Readonly<Record<string, string | URL>>;
  /**
   * Pages that may use the gateway, by their origins, as `https://app.example`; any if absent. Programs that are no
   * browsers name none, and are not concerned.
   */
  readonly origins?: readonly string[] | undefined;
  /** Others than the defaults, for those that are given. */
  readonly limits?: Some<GatewayLimits> | undefined;
  /** A client for which nothing comes and goes for so long is disconnected: five minutes unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, by their addresses or networks, as `10.0.0.0/8`;
   * `loopback` is all of this machine's own. None unless given: what others than a proxy say of addresses, they have made up.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Closes the gateway. */
  readonly signal?: AbortSignal | undefined;
}

/** Which servers can be reached, by whom, and where. */
export interface GatewayOptions extends ForwardingOptions {
  /** For `https:`, and for WebTransport instead of certificates that the gateway makes itself. */
  readonly tls?: TlsKeyPair | undefined;
  /** Where WebTransport is served, as `https://0.0.0.0:4433`: in Deno only. Not possible together with `origins`. */
  readonly webTransport?: string | URL | undefined;
  /** A folder that keeps the certificates that the gateway makes itself, so that pages' hashes survive a restart. */
  readonly certificateFolder?: string | undefined;
  /**
   * Answers what is no business of the gateway's own, so that a page and its gateway are one origin and one port;
   * `undefined` for what is not there, or a promise of either. What it throws is reported as uncaught.
   */
  readonly pages?: ((request: PageRequest) => Page | undefined | Promise<Page | undefined>) | undefined;
  /**
   * Hashes to tell instead of one's own, at `/.well-known/sealgram`: of another gateway, in Deno perhaps, that serves
   * WebTransport for this one's pages. Asked whenever somebody asks.
   */
  readonly certificateHashes?: (() => readonly ToldHash[]) | undefined;
  /** Called with what is told from now on when it is not what was told before: a certificate was made. */
  readonly oncertificates?: ((hashes: readonly ToldHash[]) => void) | undefined;
}

/** The options that forwarding depends on. */
export interface ForwarderSettings {
  readonly targets: ReadonlyMap<string, RemoteAddress>;
  readonly origins: ReadonlySet<string> | undefined;
  readonly limits: GatewayLimits;
  readonly idleTimeoutMs: number;
}

/** The names of {@link ForwardingOptions}. */
export const forwardingNames: Names<ForwardingOptions> = {
  targets: 1,
  origins: 1,
  limits: 1,
  idleTimeoutMs: 1,
  trustedProxies: 1,
  signal: 1,
};
const NAMES: Names<GatewayOptions> = {
  ...forwardingNames,
  tls: 1,
  webTransport: 1,
  certificateFolder: 1,
  pages: 1,
  certificateHashes: 1,
  oncertificates: 1,
};
const DEFAULT_IDLE_TIMEOUT_MS = 300_000;

/** @throws TypeError for an option that there is not */
export function checkGatewayOptions(options: GatewayOptions): void {
  checkOptions("openGateway", options, NAMES);
}

/** @throws TypeError or RangeError */
export function forwarderSettings(options: ForwardingOptions): ForwarderSettings {
  const { idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS, origins } = options;
  const limits = withDefaults("limits", defaultLimits, options.limits);
  for (const [name, limit] of Object.entries({ ...limits, idleTimeoutMs })) {
    if (!(limit >= 1)) throw new RangeError(`${name} is 1 or more, not ${limit}`);
  }
  const targets = new Map<string, RemoteAddress>();
  for (const [name, url] of Object.entries(options.targets)) {
    if (!/^[\w.~-]+$/.test(name) || name.startsWith(".")) {
      throw new TypeError(`a target's name is letters, digits, and - . _ ~ inside, not "${name}"`);
    }
    const address = parseUrl(url);
    if (address.port === 0) throw new TypeError(`the target ${name} has port 0`);
    targets.set(name, address);
  }
  for (const origin of origins ?? []) {
    if (new URL(origin).origin !== origin) throw new TypeError(`${origin} is no origin`);
  }
  return { targets, origins: origins && new Set(origins), limits, idleTimeoutMs };
}

/** Where a gateway listens. */
export interface GatewayPlace {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/**
 * Reads `http://` or `https://address:port`.
 * @throws TypeError for any other URL
 */
export function parsePlace(url: string | URL): GatewayPlace {
  const { protocol, hostname, port, pathname, search, hash, username } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:")
    throw new TypeError(`${protocol} is neither http: nor https:`);
  if (pathname !== "/" || search !== "" || hash !== "" || username !== "") {
    throw new TypeError("a gateway's URL has a host and a port only");
  }
  const isSecure = protocol === "https:";
  const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return { host, port: port === "" ? (isSecure ? 443 : 80) : Number(port), isSecure };
}

/** The URL of a place; port 0 having been replaced by the one that the system chose. */
export function formatPlace({ host, port, isSecure }: GatewayPlace): string {
  return `${isSecure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
