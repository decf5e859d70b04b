/** `listen`: a server's sessions, all on one socket. */

import { onAbort } from "../abort.ts";
import type { ServerConfig } from "../dtls/config.ts";
import type { SealgramError } from "../errors.ts";
import { type FaultReport, reportTo } from "../faults.ts";
import { checkOptions, type Names, type Some, withDefaults } from "../options.ts";
import type { RemoteAddress } from "../transport/types.ts";
import { type CommonOptions, checkAuth, commonConfig, commonNames, parseUrl, udpOf } from "./options.ts";
import type { Shared } from "./platform.ts";
import { resolve } from "./routes.ts";
import { defaultLimits, Server, type ServerLimits } from "./server.ts";
import type { FaultHandler, Session } from "./session.ts";
import { loadStreams } from "./session-settings.ts";
import { type TicketOptions, ticketProtector } from "./tickets.ts";

/** What `listen` takes. */
export interface ListenOptions extends CommonOptions {
  /** Called with each session, instead of iterating over the server. */
  readonly onsession?: ((session: Session) => void) | undefined;
  /** Told of faults of functions such as `onsession` and those of its sessions; without it they are uncaught. */
  readonly onerror?: FaultHandler | undefined;
  /**
   * Called when a handshake fails, of a client that did receive at its address; and by `failed_look_up`, once a second at
   * most, when no handshake could begin.
   */
  readonly onfailure?: ((error: SealgramError, address: RemoteAddress) => void) | undefined;
  /** For each handshake: 10 seconds unless given. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Others than the defaults, for those that are given. */
  readonly limits?: Some<ServerLimits> | undefined;
  /** How clients may resume sessions; `false` for not at all. */
  readonly tickets?: TicketOptions | false | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: Names<ListenOptions> = {
  ...commonNames,
  onsession: 1,
  onerror: 1,
  onfailure: 1,
  handshakeTimeoutMs: 1,
  limits: 1,
  tickets: 1,
  signal: 1,
};
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** As `listen` of the entry points, on a platform. */
export async function listenOn(
  load: () => Promise<Shared>,
  url: string | URL,
  options: ListenOptions,
): Promise<Server> {
  checkAuth(options);
  checkOptions("listen", options, NAMES);
  const local = parseUrl(url);
  const { signal, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, onsession, onfailure } = options;
  const report = reportTo(options.onerror);
  if (!(handshakeTimeoutMs > 0)) throw new RangeError("handshakeTimeoutMs is above 0");
  const limits = withDefaults("limits", defaultLimits, options.limits);
  for (const [name, limit] of Object.entries(limits)) {
    if (!(limit >= 1)) throw new RangeError(`limits.${name} is 1 or more, not ${limit}`);
  }
  signal?.throwIfAborted();
  const [platform, streams] = await Promise.all([load(), loadStreams(options)]);
  const udp = udpOf(platform);
  const config = await serverConfig(platform, options, (error) => report(error, undefined));
  const host = (await resolve(udp, local.host))[0]!;
  signal?.throwIfAborted();
  const server = new Server(platform, config, {
    limits,
    handshakeTimeoutMs,
    onsession,
    onfailure,
    report,
    streams,
  });
  const ignoreRevocations = options.auth.revocations?.((revocation) => server.revoke(revocation));
  try {
    await server.open((handler) => udp.bind({ host, port: local.port }, handler));
  } catch (error) {
    ignoreRevocations?.();
    throw error;
  }
  void server.closed.finally(ignoreRevocations).catch(() => {});
  const ignore = onAbort(signal, () => void server.close());
  void server.closed.finally(ignore).catch(() => {});
  return server;
}

async function serverConfig(
  platform: Shared,
  options: ListenOptions,
  report: FaultReport,
): Promise<ServerConfig> {
  const { crypto } = platform;
  return {
    ...commonConfig(platform, options, "server", report),
    role: "server",
    requireClientCertificate: false,
    acknowledgeServerName: true,
    ...(options.tickets === false ? {} : { tickets: ticketProtector(crypto, options.tickets ?? {}) }),
    ...(await options.auth.server({ crypto })),
  };
}
