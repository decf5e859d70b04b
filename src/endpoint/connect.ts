/** `connect`: a client's sessions, each on a socket of its own. */
import type { Bytes } from "../core/bytes.ts";
import type { NamedGroup } from "../crypto/provider.ts";
import { asClient, usableTicket } from "../dtls/client.ts";
import type { ClientConfig, SessionTicket } from "../dtls/config.ts";
import type { Connected } from "../dtls/connection.ts";
import { SealgramError } from "../errors.ts";
import { NamedGroup as Groups } from "../tls/codepoints.ts";
import type { Carrier, CarrierHandler, RemoteAddress, UdpCarriers } from "../transport/types.ts";
import { Association, type AssociationOwner } from "./association.ts";
import { describePeer } from "./auth.ts";
import { handshakeFailure, isRefusal } from "./failures.ts";
import { type CommonOptions, commonConfig, formatUrl, parseUrl, udpOf } from "./options.ts";
import type { Shared } from "./platform.ts";
import { Session } from "./session.ts";

export interface ConnectOptions extends CommonOptions {
  /** Gives up until the session is established: `connect` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** For everything until the session is established: 10 seconds unless given. */
  readonly timeoutMs?: number;
  /**
   * `ticket` of an earlier session with this server. With a password beside it, the password is only used, and its
   * identity only shown, if the server does not take the ticket.
   */
  readonly ticket?: SessionTicket;
  /** Groups to send a key share of at once; one that the server has to ask for costs a round trip. */
  readonly keyShareGroups?: readonly NamedGroup[];
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** For how long a socket that was left still receives what is on its way to it. */
const REBIND_GRACE_MS = 1_000;

/** As `connect` of the entry points, on a platform. */
export async function connectOn(
  load: () => Promise<Shared>,
  url: string | URL,
  options: ConnectOptions,
): Promise<Session> {
  const target = parseUrl(url);
  if (target.port === 0) throw new TypeError("port 0 cannot be connected to");
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs is above 0, not ${timeoutMs}`);
  signal?.throwIfAborted();

  const stop = new AbortController();
  const aborted = () => stop.abort(signal!.reason);
  signal?.addEventListener("abort", aborted);
  const timer = setTimeout(
    () => stop.abort(new SealgramError("timeout", `${formatUrl(target)} does not answer in time`)),
    timeoutMs,
  );
  try {
    return await dial(await unless(stop.signal, load()), target, options, stop.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
  }
}

async function dial(
  platform: Shared,
  target: RemoteAddress,
  options: ConnectOptions,
  stop: AbortSignal,
): Promise<Session> {
  const udp = udpOf(platform);
  const config = await unless(stop, clientConfig(platform, target, options));
  const addresses = await unless(stop, resolve(udp, target.host));
  let failure: unknown;
  for (const host of addresses) {
    try {
      return await attempt(platform, config, stop, (config) => {
        return new ClientLink(platform, udp, config, { host, port: target.port });
      });
    } catch (error) {
      failure = error;
      // Another address of the same host may do.
      const { code } = error as { code?: unknown };
      if (stop.aborted || (code !== "refused" && code !== "unreachable")) throw error;
    }
  }
  throw failure;
}

/**
 * With a ticket and a password, first by the ticket alone. One ClientHello could offer both, but then the client would
 * have to say whose password it is, and to derive a key from it, before it knows whether the server resumes. If the
 * server refuses the ticket, which it does by an alert, a second handshake goes by the password.
 */
async function attempt(
  { deadlines }: Shared,
  config: ClientConfig,
  stop: AbortSignal,
  link: (config: ClientConfig) => ClientLink,
): Promise<Session> {
  const { pake, ticket: _, ...rest } = config;
  const ticket = usableTicket(config, deadlines.now());
  if (pake === undefined || ticket === undefined) return link(config).connect(stop);
  try {
    return await link({ ...rest, ticket }).connect(stop);
  } catch (error) {
    if (stop.aborted || !isRefusal(error)) throw error;
  }
  return link({ ...rest, pake }).connect(stop);
}

async function clientConfig(
  platform: Shared,
  target: RemoteAddress,
  options: ConnectOptions,
): Promise<ClientConfig> {
  const { ticket, keyShareGroups } = options;
  const common = commonConfig(platform, options);
  const isName = !target.host.includes(":") && !/^[\d.]+$/.test(target.host);
  return {
    ...common,
    role: "client",
    psks: [],
    keyShareGroups: keyShareGroups ?? common.groups.filter((group) => group === Groups.x25519),
    ...(ticket === undefined ? {} : { ticket }),
    ...(await options.auth.client({
      crypto: platform.crypto,
      ...(isName ? { serverName: target.host } : {}),
    })),
  };
}

async function resolve(udp: UdpCarriers, host: string): Promise<readonly string[]> {
  try {
    const addresses = await udp.resolve(host);
    if (addresses.length > 0) return addresses;
  } catch (cause) {
    throw new SealgramError("unreachable", `${host} has no address`, { cause });
  }
  throw new SealgramError("unreachable", `${host} has no address`);
}

/** The promise's outcome, unless the signal comes first. */
function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}

/** One association on one socket at a time. */
class ClientLink implements AssociationOwner {
  readonly #platform: Shared;
  readonly #udp: UdpCarriers;
  readonly #config: ClientConfig;
  readonly #remote: RemoteAddress;
  #carrier: Carrier | undefined;
  #association: Association | undefined;
  #session: Session | undefined;
  #settle: { resolve(session: Session): void; reject(error: unknown): void } | undefined;
  #isEnded = false;
  #drained: (() => void)[] = [];
  /** Closes the socket that was left last, if it is still open. */
  #leave: (() => void) | undefined;

  constructor(platform: Shared, udp: UdpCarriers, config: ClientConfig, remote: RemoteAddress) {
    this.#platform = platform;
    this.#udp = udp;
    this.#config = config;
    this.#remote = remote;
  }

  async connect(stop: AbortSignal): Promise<Session> {
    this.#carrier = await this.#open(stop);
    return new Promise((resolve, reject) => {
      const aborted = () => this.#cancel(stop.reason);
      stop.addEventListener("abort", aborted);
      const settled = <T>(then: (value: T) => void) => {
        return (value: T) => {
          stop.removeEventListener("abort", aborted);
          this.#settle = undefined;
          then(value);
        };
      };
      this.#settle = { resolve: settled(resolve), reject: settled(reject) };
      const { deadlines } = this.#platform;
      // An empty connection ID: ours is sent, and none is needed here, as the socket has one peer.
      const options = { pathValidated: true, connectionId: new Uint8Array(0) };
      const never = Number.POSITIVE_INFINITY;
      this.#association = new Association(
        this,
        deadlines,
        asClient(this.#config),
        this.#remote,
        options,
        never,
      );
      this.#association.start();
    });
  }

  async #open(stop?: AbortSignal): Promise<Carrier> {
    let carrier: Carrier | undefined;
    try {
      carrier = await this.#udp.connect(
        this.#remote,
        this.#handler(() => carrier),
      );
    } catch (cause) {
      if (cause instanceof TypeError) throw cause;
      throw new SealgramError("unreachable", `there is no way to ${this.#remote.host}`, { cause });
    }
    if (stop?.aborted || this.#isEnded) {
      void carrier.close();
      throw stop?.aborted ? stop.reason : new TypeError("the session is closed");
    }
    return carrier;
  }

  #handler(self: () => Carrier | undefined): CarrierHandler {
    return {
      datagram: (datagram, host, port) => {
        this.#association?.receive(datagram, host, port);
        if (this.#settle !== undefined) this.#confirm();
      },
      drained: () => {
        for (const resolve of this.#drained.splice(0)) resolve();
      },
      refused: () => {
        if (this.#session !== undefined || self() !== this.#carrier) return;
        this.#cancel(new SealgramError("refused", `nobody listens at ${formatUrl(this.#remote)}`));
      },
      failed: (cause) => {
        if (self() !== this.#carrier) return;
        this.#cancel(new SealgramError("carrier_failed", "the socket failed", { cause }));
        this.#association?.connection.abort("internal_error", "carrier_failed", "the socket failed");
      },
    };
  }

  /** Gives the handshake up. */
  #cancel(reason: unknown): void {
    const settle = this.#settle;
    if (settle === undefined) return;
    settle.reject(reason);
    this.#association!.connection.close();
  }

  /** A server that judges what the client shows does so after the client is done: its ACK says that it agrees. */
  #confirm(): void {
    if (this.#session === undefined || this.#settle === undefined) return;
    if (this.#config.credentials.length > 0 && this.#association!.connection.isBusy) return;
    this.#settle.resolve(this.#session);
  }

  // AssociationOwner

  transmit(datagram: Uint8Array, to: RemoteAddress): boolean {
    return this.#carrier!.send(datagram, to);
  }

  newConnectionId(): Bytes {
    return new Uint8Array(0);
  }

  established(association: Association, details: Connected): void {
    const { crypto, views } = this.#platform;
    this.#session = new Session(association, {
      views,
      details,
      peer: describePeer(crypto, details.peer),
      drained: () => new Promise((resolve) => this.#drained.push(resolve)),
      rebind: () => this.#rebind(),
    });
  }

  moved(): void {}

  overdue(): void {}

  ended(_association: Association, reason: SealgramError | undefined): void {
    this.#isEnded = true;
    this.#settle?.reject(handshakeFailure(reason));
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#leave?.();
    void this.#carrier?.close();
  }

  async #rebind(): Promise<void> {
    const before = this.#carrier!;
    const next = await this.#open();
    this.#leave?.();
    this.#carrier = next;
    const timer = setTimeout(() => this.#leave?.(), REBIND_GRACE_MS);
    this.#leave = () => {
      clearTimeout(timer);
      this.#leave = undefined;
      void before.close();
    };
    // Something that the server has to answer shows it the new address.
    this.#association!.run((connection) => connection.requestConnectionIds(1));
  }
}
