/** Where a chat listens, and what others call that place. */
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { parseUrl } from "../../endpoint/options.ts";
import { parsePlace } from "../../gateway/options.ts";
import { UsageError } from "../exit.ts";

/** SEAL, on a telephone's keys. UDP of the chat, and TCP of its page. */
const PORT = 7325;
const WEB_TRANSPORT_PORT = 7326;

export interface Places {
  /** `udp:` */
  readonly listen: string;
  /** `http:` or `https:` */
  readonly page: string;
  /** `https:` */
  readonly webTransport: string;
  /** What links say. */
  readonly publicHost: string;
  /** Whether that is only what this machine calls itself. */
  readonly isGuessed: boolean;
}

export interface PlaceValues {
  readonly listen?: string | undefined;
  readonly page?: string | undefined;
  readonly webtransport?: string | undefined;
  readonly public?: string | undefined;
  /** Whether the page is for a proxy on this machine. */
  readonly isProxyHere: boolean;
}

/**
 * @param isSecure whether there is a certificate for the page
 * @throws UsageError, and TypeError for what is no such URL
 */
export async function placesOf(values: PlaceValues, isSecure: boolean): Promise<Places> {
  const everywhere = await anyAddress();
  const {
    listen = `udp://${everywhere}:${PORT}`,
    page = `${isSecure ? "https" : "http"}://${values.isProxyHere ? "127.0.0.1" : everywhere}:${PORT}`,
    webtransport = `https://${everywhere}:${WEB_TRANSPORT_PORT}`,
  } = values;
  const { host } = parseUrl(listen);
  if (parsePlace(page).isSecure !== isSecure) {
    throw new UsageError(
      isSecure ? "--page is https:// with --certificate" : "--page https:// takes --certificate and --key",
    );
  }
  if (!parsePlace(webtransport).isSecure) throw new UsageError("--webtransport is https://");
  const publicHost = values.public ?? (isWildcard(host) ? ownAddress() : host);
  if (!URL.canParse(`http://${inUrl(publicHost)}`)) throw new UsageError("--public is a name or an address");
  const isGuessed = values.public === undefined && isWildcard(host);
  return { listen, page, webTransport: webtransport, publicHost, isGuessed };
}

/** All of IPv6, which has IPv4 in it, or where there is no IPv6 all of IPv4. */
function anyAddress(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve("0.0.0.0"));
    server.listen(0, "::", () => server.close(() => resolve("[::]")));
  });
}

/** By which others in the same network reach this machine. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outside = addresses.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const best = outside.find(({ family }) => family === "IPv4") ?? outside[0];
  return best?.address ?? "127.0.0.1";
}

export function isWildcard(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** A host as URLs have it. */
export function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The same place as programs on this machine reach it. */
export function fromHere(host: string): string {
  return isWildcard(host) ? "127.0.0.1" : host;
}
