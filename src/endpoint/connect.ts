/** `connect`: the attempts that a client's session takes, over addresses and ways to log in. */

import { onAbort, unlessAborted } from "../abort.ts";
import type { NamedGroup } from "../crypto/provider.ts";
import { usableTicket } from "../dtls/client-psk.ts";
import type { ClientConfig, SessionTicket } from "../dtls/config.ts";
import { SealgramError } from "../errors.ts";
import { call, type FaultReport, reportTo } from "../faults.ts";
import { loadPart } from "../lazy.ts";
import { checkOptions, type Names } from "../options.ts";
import { race } from "../race.ts";
import { NamedGroup as Groups } from "../tls/codepoints.ts";
import { ClientLink } from "./client-link.ts";
import { MAX_DELAY_MS } from "./deadlines.ts";
import { isRefusal } from "./failures.ts";
import type { StoredTicket } from "./kept-ticket.ts";
import { type CommonOptions, checkAuth, checkGroups, commonConfig, commonNames } from "./options.ts";
import type { Shared } from "./platform.ts";
import { type CertificateHashes, parseTarget, type Target } from "./routes.ts";
import type { FaultHandler, Session } from "./session.ts";
import { loadStreams, type StreamsOpener } from "./session-settings.ts";

/** What `connect` takes. */
export interface ConnectOptions extends CommonOptions {
  /** Gives up until the session is established: `connect` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** For everything until the session is established: 10 seconds unless given, `Infinity` for as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /**
   * `ticket` of an earlier session, also as it comes out of `JSON.parse`. It is offered to the server that it is of, as the
   * client that it is of: if it is another's by now, too old or not taken, the session is opened without it. With a
   * password beside it, the password is only used, and its identity only shown, if the server does not take the ticket.
   */
  readonly ticket?: SessionTicket | StoredTicket | undefined;
  /** Groups to send a key share of at once; one that the server has to ask for costs a round trip. */
  readonly keyShareGroups?: readonly NamedGroup[] | undefined;
  /**
   * For `https:`: SHA-256 hashes of the certificates that a gateway may show, as WebTransport takes them, or a function
   * that finds them anew for each connection (`gatewayHashes` of sealgram does). Without, an authority has to have signed
   * its certificate. No secret depends on them: the gateway sees sealed datagrams only.
   */
  readonly serverCertificateHashes?: CertificateHashes | undefined;
  /**
   * Called when the first datagram has come back, or a gateway was reached: something answers there, which has not proved
   * to be the server yet. For those who have other ways to the same server, and try the next when one is silent.
   */
  readonly onanswer?: (() => void) | undefined;
  /** Told of faults of functions such as `onanswer` and those of the session; without it they are uncaught. */
  readonly onerror?: FaultHandler | undefined;
}

const NAMES: Names<ConnectOptions> = {
  ...commonNames,
  signal: 1,
  timeoutMs: 1,
  ticket: 1,
  keyShareGroups: 1,
  serverCertificateHashes: 1,
  onanswer: 1,
  onerror: 1,
};
const DEFAULT_TIMEOUT_MS = 10_000;
/** An address that has not said a word for so long is not waited for alone (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 1_000;

/** As `connect` of the entry points, on a platform. */
export async function connectOn(
  load: () => Promise<Shared>,
  url: string | URL,
  options: ConnectOptions,
): Promise<Session> {
  checkAuth(options);
  checkOptions("connect", options, NAMES);
  const target = parseTarget(url, options.serverCertificateHashes);
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs is above 0, not ${timeoutMs}`);
  signal?.throwIfAborted();

  const stop = new AbortController();
  const ignore = onAbort(signal, () => stop.abort(signal!.reason));
  const late = () => stop.abort(new SealgramError("timeout", `${target.name} does not answer in time`));
  const timer = timeoutMs > MAX_DELAY_MS ? undefined : setTimeout(late, timeoutMs);
  try {
    const loading = Promise.all([load(), loadStreams(options)]);
    const [platform, opener] = await unlessAborted(stop.signal, loading);
    return await dial(platform, target, options, opener, stop.signal);
  } finally {
    clearTimeout(timer);
    ignore();
  }
}

async function dial(
  platform: Shared,
  target: Target,
  options: ConnectOptions,
  opener: StreamsOpener | undefined,
  stop: AbortSignal,
): Promise<Session> {
  const report = reportTo(options.onerror);
  const reportAlone = (error: unknown) => report(error, undefined);
  const config = await unlessAborted(stop, clientConfig(platform, target, options, reportAlone));
  const routes = await unlessAborted(stop, target.routes(platform));
  let { onanswer } = options;
  return race(routes, {
    signal: stop,
    nextMs: NEXT_ADDRESS_MS,
    begin: (route, signal, alive) => {
      const heard = () => {
        alive();
        if (onanswer !== undefined) call(onanswer, undefined, reportAlone);
        onanswer = undefined;
      };
      return attempt(
        platform,
        config,
        signal,
        (own) => new ClientLink(platform, route, own, opener, { heard, report }),
      );
    },
    // Another address of the same host is tried when one fails that may be the wrong one.
    isFinal: (error) => !["refused", "unreachable"].includes((error as SealgramError).code),
    blame: (failures) => failures.at(-1),
    discard: (session) => session.close(),
  });
}

/**
 * A ticket that the server refuses by an alert, as when it has kept the ticket's key but not this one, is followed by a
 * handshake without. With a password, the first goes by the ticket alone: one ClientHello could offer both, but then the
 * client would have to say whose password it is, and to derive a key from it, before it knows whether the server resumes.
 */
async function attempt(
  { deadlines }: Shared,
  config: ClientConfig,
  stop: AbortSignal,
  link: (config: ClientConfig) => ClientLink,
): Promise<Session> {
  const { ticket, ...full } = config;
  if (usableTicket(config, deadlines.now()) !== undefined) {
    const { pake: _, ...byTicket } = config;
    try {
      return await link(byTicket).connect(stop);
    } catch (error) {
      if (stop.aborted || !isRefusal(error)) throw error;
    }
  }
  return link(full).connect(stop);
}

async function clientConfig(
  platform: Shared,
  { serverName }: Target,
  options: ConnectOptions,
  report: FaultReport,
): Promise<ClientConfig> {
  const { keyShareGroups } = options;
  const common = commonConfig(platform, options, "client", report);
  if (keyShareGroups !== undefined) checkGroups("keyShareGroups", keyShareGroups, common.groups, 0);
  return {
    ...common,
    role: "client",
    psks: [],
    keyShareGroups: keyShareGroups ?? common.groups.filter((group) => group === Groups.x25519),
    ...(options.ticket === undefined ? {} : { ticket: await ticketOf(platform, options.ticket) }),
    ...(await options.auth.client({
      crypto: platform.crypto,
      ...(serverName === undefined ? {} : { serverName }),
    })),
  };
}

/** A session's ticket, which is dated since 1970, for a connection. */
async function ticketOf({ deadlines }: Shared, kept: SessionTicket | StoredTicket): Promise<SessionTicket> {
  const { readTicket } = await loadPart(() => import("./read-ticket.ts"));
  const ticket = readTicket(kept);
  return { ...ticket, receivedAtMs: deadlines.now() - (Date.now() - ticket.receivedAtMs) };
}
