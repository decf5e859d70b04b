/** The ways to a server: by UDP, or through a gateway by WebSocket or WebTransport. */
import type { Awaitable } from "../crypto/provider.ts";
import { SealgramError } from "../errors.ts";
import { isIpAddress } from "../transport/address.ts";
import type {
  Carrier,
  CarrierHandler,
  CertificateHash,
  GatewayAddress,
  RemoteAddress,
  UdpCarriers,
} from "../transport/types.ts";
import { openWebSocket } from "../transport/websocket.ts";
import { openWebTransport } from "../transport/webtransport.ts";
import { formatUrl, parseUrl, readUrl, udpOf } from "./options.ts";
import type { Platform } from "./platform.ts";

/** Hashes of certificates, or a function that finds them anew for each connection to the gateway. */
export type CertificateHashes = readonly CertificateHash[] | (() => Awaitable<readonly CertificateHash[]>);

/** One way to a server. */
export interface Route {
  /** Where its datagrams go to, the same for all its carriers. */
  readonly remote: RemoteAddress;
  open(handler: CarrierHandler, signal: AbortSignal): Promise<Carrier>;
}

/** What the URL names. */
export interface Target {
  /** For people. */
  readonly name: string;
  /** A host name that the server is known by. A gateway's says nothing about the server. */
  readonly serverName: string | undefined;
  /** Most preferred first. */
  routes(platform: Platform): Promise<readonly Route[]>;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "ws:": 80, "wss:": 443, "https:": 443 };

/** @throws TypeError for a URL that `connect` cannot use */
export function parseTarget(url: string | URL, hashes: CertificateHashes | undefined): Target {
  const { protocol } = readUrl(url);
  if (hashes !== undefined && protocol !== "https:") {
    throw new TypeError("serverCertificateHashes are for https: only");
  }
  if (DEFAULT_PORTS[protocol] === undefined) return udpTarget(parseUrl(url));
  const gateway = parseGateway(new URL(url));
  const open = protocol === "https:" ? webTransport(gateway, hashes) : webSocket(gateway);
  return {
    name: gateway.url,
    serverName: undefined,
    routes: async (platform) => [{ remote: gateway, open: await open(platform) }],
  };
}

function udpTarget(address: RemoteAddress): Target {
  const { host, port } = address;
  if (port === 0) throw new TypeError("port 0 cannot be connected to");
  return {
    name: formatUrl(address),
    serverName: isIpAddress(host) ? undefined : host,
    async routes(platform) {
      const udp = udpOf(platform);
      const hosts = await resolve(udp, host);
      return hosts.map((each) => {
        const remote = { host: each, port };
        return { remote, open: (handler) => udp.connect(remote, handler) };
      });
    },
  };
}

/** @throws SealgramError unreachable for a host without address */
export async function resolve(udp: UdpCarriers, host: string): Promise<readonly string[]> {
  let cause: unknown;
  try {
    const addresses = await udp.resolve(host);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    cause = error;
  }
  throw new SealgramError("unreachable", `${host} has no address`, { cause });
}

function parseGateway(url: URL): GatewayAddress {
  const { protocol, hostname, port, hash, username, password } = url;
  if (hash !== "" || username !== "" || password !== "") {
    throw new TypeError("a gateway's URL has no user and no fragment");
  }
  return { url: url.href, host: hostname, port: port === "" ? DEFAULT_PORTS[protocol]! : Number(port) };
}

type Opener = (platform: Platform) => Promise<Route["open"]>;

function webSocket(gateway: GatewayAddress): Opener {
  return async (platform) => {
    const WebSocket = (await platform.webSocket?.()) ?? globalThis.WebSocket;
    if (WebSocket === undefined) throw new SealgramError("no_websocket", "this runtime has no WebSocket");
    return (handler, signal) => openWebSocket(WebSocket, gateway, handler, signal);
  };
}

function webTransport(gateway: GatewayAddress, hashes: CertificateHashes | undefined): Opener {
  return async () => {
    const { WebTransport } = globalThis;
    if (WebTransport === undefined) {
      throw new SealgramError("no_webtransport", "this runtime has no WebTransport; browsers and Deno do");
    }
    return async (handler, signal) => {
      const list = typeof hashes === "function" ? await hashes() : hashes;
      return openWebTransport(WebTransport, gateway, list, handler, signal);
    };
  };
}
