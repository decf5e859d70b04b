/** A gateway: servers of the runtime that take clients' connections, in front of what forwards their datagrams. */
import { onAbort } from "../abort.ts";
import { Deadlines } from "../endpoint/deadlines.ts";
import type { UdpCarriers } from "../transport/types.ts";
import { type CertificateStore, type OwnCertificateHash, OwnCertificates } from "./certificates.ts";
import { clientAddress } from "./client-address.ts";
import { Forwarder, type GatewayStats } from "./forwarder.ts";
import { answerHttp, type HttpAnswer, type HttpQuestion } from "./http.ts";
import { Networks } from "./networks.ts";
import {
  checkGatewayOptions,
  type ForwardingOptions,
  formatPlace,
  forwarderSettings,
  type GatewayLimits,
  type GatewayOptions,
  type GatewayPlace,
  parsePlace,
  type TlsKeyPair,
} from "./options.ts";
import { hashesPage, toldHashes } from "./well-known.ts";

/** What takes clients' connections works with. */
export interface ForwardingCore {
  readonly forwarder: Forwarder;
  readonly limits: GatewayLimits;
  /** Whether all connections from there are a trusted proxy's. */
  isProxy(remote: string): boolean;
  /** The client's address, of a connection from `remote`. */
  clientAddress(forwardedFor: string | null | undefined, remote: string): string;
}

/** What a runtime's servers work with. */
export interface GatewayCore extends ForwardingCore {
  answer(question: HttpQuestion): Promise<HttpAnswer>;
}

/** A server of the runtime. */
export interface GatewayServer {
  /** With the port that the system chose, if it was to. */
  readonly place: GatewayPlace;
  /** Takes no more connections, and settles once all are closed. */
  close(): Promise<void>;
}

export interface WebTransportServer extends GatewayServer {
  /** Shows another certificate from now on. */
  renew(keyPair: TlsKeyPair): void;
}

/** What a runtime brings. */
export interface GatewayRuntime {
  readonly udp: UdpCarriers;
  certificateStore(folder: string): CertificateStore;
  /** Serves HTTP and WebSockets. Rejects with the system's error. */
  serve(place: GatewayPlace, tls: TlsKeyPair | undefined, core: GatewayCore): Promise<GatewayServer>;
  /** Absent where there is no QUIC. */
  serveWebTransport?(place: GatewayPlace, tls: TlsKeyPair, core: GatewayCore): Promise<WebTransportServer>;
}

/** How often the gateway looks whether its certificates are due. */
const CERTIFICATE_INTERVAL_MS = 3_600_000;

/** An open gateway. Made by `openGateway`. */
export class Gateway {
  /** Where WebSockets and the certificates' hashes are served. */
  readonly url: string;
  /** Where WebTransport is served, if it is. */
  readonly webTransportUrl: string | undefined;
  /** Settles when the gateway has ended. */
  readonly closed: Promise<void>;
  readonly #forwarder: Forwarder;
  readonly #servers: readonly GatewayServer[];
  readonly #certificates: OwnCertificates | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #settleClosed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    forwarder: Forwarder,
    http: GatewayServer,
    webTransport: WebTransportServer | undefined,
    certificates: OwnCertificates | undefined,
    oncertificates: GatewayOptions["oncertificates"],
  ) {
    this.#forwarder = forwarder;
    this.#servers = webTransport === undefined ? [http] : [http, webTransport];
    this.#certificates = certificates;
    this.url = formatPlace(http.place);
    this.webTransportUrl = webTransport && formatPlace(webTransport.place);
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    if (certificates === undefined || webTransport === undefined) return;
    certificates.onchange = (keyPair) => webTransport.renew(keyPair);
    const update = async () => {
      const before = certificates.hashes;
      // What cannot be saved now is tried again in an hour; the certificates at hand last for a day longer than needed.
      await certificates.update().catch(() => {});
      const { hashes } = certificates;
      if (hashes.some(({ notAfterMs }, i) => notAfterMs !== before[i]!.notAfterMs)) {
        oncertificates?.(toldHashes(hashes));
      }
    };
    this.#timer = setInterval(() => void update(), CERTIFICATE_INTERVAL_MS);
  }

  /** Of the certificates that the gateway has made itself: the one that it shows, and the next one. */
  get certificateHashes(): readonly OwnCertificateHash[] {
    return this.#certificates?.hashes ?? [];
  }

  /** Counters, and how many clients there are at present. */
  getStats(): GatewayStats {
    return this.#forwarder.getStats();
  }

  /**
   * Takes no more clients, tells those there are, and settles once all connections are closed. Their sessions go on if
   * they reach their servers again by a gateway before their idle time-outs. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearInterval(this.#timer);
      const closing = this.#servers.map((server) => server.close());
      this.#forwarder.close();
      await Promise.all(closing);
      this.#settleClosed!();
    })();
    return this.#closing;
  }
}

/** @throws TypeError or RangeError for wrong options */
export function forwardingCore(udp: UdpCarriers, options: ForwardingOptions): ForwardingCore {
  const settings = forwarderSettings(options);
  const proxies = new Networks(options.trustedProxies ?? []);
  return {
    forwarder: new Forwarder(settings, udp, new Deadlines()),
    limits: settings.limits,
    isProxy: (remote) => proxies.has(remote),
    clientAddress: (forwardedFor, remote) => clientAddress(forwardedFor, remote, proxies),
  };
}

/** As `openGateway` of the entry points, on a runtime. */
export async function openGatewayOn(
  runtime: GatewayRuntime,
  url: string | URL,
  options: GatewayOptions,
): Promise<Gateway> {
  checkGatewayOptions(options);
  const { tls, signal, certificateFolder, pages, origins } = options;
  const forwarding = forwardingCore(runtime.udp, options);
  const place = parsePlace(url);
  if (place.isSecure && tls === undefined) throw new TypeError("https: takes a key and certificates as tls");
  const webTransportPlace = parseWebTransport(runtime, options);
  signal?.throwIfAborted();

  const names = ["localhost", ...(webTransportPlace === undefined ? [] : [webTransportPlace.host])];
  const certificates =
    webTransportPlace === undefined || tls !== undefined
      ? undefined
      : await OwnCertificates.open(
          names,
          certificateFolder === undefined ? undefined : runtime.certificateStore(certificateFolder),
        );
  const { forwarder } = forwarding;
  const told = options.certificateHashes ?? (() => toldHashes(certificates?.hashes ?? []));
  const allowed = origins && new Set(origins);
  const sources = {
    hashes: (origin: string | undefined) => hashesPage(told(), origin, allowed),
    pages,
    clientAddress: ({ headers, remote }: HttpQuestion) =>
      forwarding.clientAddress(headers["x-forwarded-for"], remote),
    isEncrypted: ({ headers, remote }: HttpQuestion) =>
      place.isSecure || (forwarding.isProxy(remote) && headers["x-forwarded-proto"] === "https"),
  };
  const core: GatewayCore = { ...forwarding, answer: (question) => answerHttp(question, sources) };
  const http = await runtime.serve(place, place.isSecure ? tls : undefined, core);
  let webTransport: WebTransportServer | undefined;
  try {
    signal?.throwIfAborted();
    if (webTransportPlace !== undefined) {
      webTransport = await runtime.serveWebTransport!(webTransportPlace, tls ?? certificates!.current, core);
    }
  } catch (error) {
    await http.close();
    throw error;
  }
  const gateway = new Gateway(forwarder, http, webTransport, certificates, options.oncertificates);
  void gateway.closed.then(onAbort(signal, () => void gateway.close()));
  return gateway;
}

function parseWebTransport(
  { serveWebTransport }: GatewayRuntime,
  { webTransport, origins }: GatewayOptions,
): GatewayPlace | undefined {
  if (webTransport === undefined) return undefined;
  if (serveWebTransport === undefined) throw new TypeError("only Deno serves WebTransport");
  // Deno does not tell a WebTransport session's Origin, and a limit that is not kept would be worse than none.
  if (origins !== undefined) throw new TypeError("origins cannot be told apart with webTransport");
  const place = parsePlace(webTransport);
  if (!place.isSecure) throw new TypeError("WebTransport takes https:");
  return place;
}
