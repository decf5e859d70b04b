/** A client's session on a carrier of its own, and on the next one when that breaks or is left. */
import { onAbort } from "../abort.ts";
import type { Bytes } from "../core/bytes.ts";
import { asClient } from "../dtls/client.ts";
import type { ClientConfig } from "../dtls/config.ts";
import type { Connected } from "../dtls/connection.ts";
import { SealgramError } from "../errors.ts";
import { pause } from "../pause.ts";
import type { Carrier, CarrierHandler, RemoteAddress } from "../transport/types.ts";
import { Association, type AssociationOwner } from "./association.ts";
import { describePeer } from "./auth.ts";
import { handshakeFailure } from "./failures.ts";
import { LEAST_MTU } from "./options.ts";
import type { Shared } from "./platform.ts";
import type { Route } from "./routes.ts";
import { Session, type SessionPlace } from "./session.ts";
import type { StreamsOpener } from "./session-settings.ts";

/**
 * A server that has said nothing for so long since the client was done is not going to: by then servers have given up a
 * handshake whose end has not reached them, and do not answer what comes later.
 */
const CONFIRM_MS = 15_000;
/**
 * A server that has answered is believed to be gone once its address has refused datagrams for so long and nothing has come
 * from there: a server that starts again refuses some, and anyone can forge the network's errors.
 */
const REFUSED_MS = 1_000;
/** For how long a carrier that was left still receives what is on its way to it. */
const REBIND_GRACE_MS = 1_000;
/** For how long a client that moves by itself waits for a connection ID that was not seen where it is. */
const FRESH_ID_MS = 1_000;
/** Between attempts to replace a broken carrier: up to this at first, and twice as much each time. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 8_000;
/** A carrier that breaks sooner is an attempt that has failed. */
const LEAST_LIFE_MS = 10_000;

/** Who is told of what. */
interface Told {
  /** A gateway is reached, or else the first datagram has come. */
  heard(): void;
  /** As {@link SessionPlace.report}. */
  readonly report: SessionPlace["report"];
}

/** One association on one carrier at a time. */
export class ClientLink implements AssociationOwner {
  readonly #platform: Shared;
  readonly #route: Route;
  readonly #config: ClientConfig;
  readonly #opener: StreamsOpener | undefined;
  readonly #report: SessionPlace["report"];
  #heard: (() => void) | undefined;
  /** Aborted at the session's end. */
  readonly #life = new AbortController();
  #carrier: Carrier | undefined;
  #association: Association | undefined;
  #session: Session | undefined;
  #settle: { resolve(session: Session): void; reject(error: unknown): void } | undefined;
  #drained: (() => void)[] = [];
  /** The carrier that was left last, if it is still open. */
  #left: Carrier | undefined;
  /** Closes it. */
  #leave: (() => void) | undefined;
  /** Since when datagrams are refused, with nothing heard in between; at first, since ever. */
  #refusedSinceMs = Number.NEGATIVE_INFINITY;
  /** Moves that wait for a connection ID. */
  readonly #awaitingId: (() => void)[] = [];
  /** Before the next attempt to replace a broken carrier. */
  #maxPauseMs = 0;
  #movedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    platform: Shared,
    route: Route,
    config: ClientConfig,
    opener: StreamsOpener | undefined,
    { heard, report }: Told,
  ) {
    this.#heard = heard;
    this.#report = report;
    this.#platform = platform;
    this.#route = route;
    this.#config = config;
    this.#opener = opener;
  }

  async connect(stop: AbortSignal): Promise<Session> {
    this.#carrier = await this.#open(stop);
    if ("url" in this.#route.remote) this.#hear();
    return new Promise((resolve, reject) => {
      const ignore = onAbort(stop, () => this.#cancel(stop.reason));
      const settled = <T>(then: (value: T) => void) => {
        return (value: T) => {
          ignore();
          this.#settle = undefined;
          then(value);
        };
      };
      this.#settle = { resolve: settled(resolve), reject: settled(reject) };
      const { deadlines } = this.#platform;
      // An empty connection ID: ours is sent, and none is needed here, as the carrier has one peer.
      const options = { pathValidated: true, connectionId: new Uint8Array(0) };
      const never = Number.POSITIVE_INFINITY;
      const side = asClient({ ...this.#config, mtuBytes: this.#mtuBytes });
      this.#association = new Association(this, deadlines, side, this.#route.remote, options, never);
      this.#association.start();
    });
  }

  async #open(signal: AbortSignal): Promise<Carrier> {
    let carrier: Carrier | undefined;
    try {
      const handler = this.#handler(() => carrier);
      carrier = await this.#route.open(handler, signal);
    } catch (cause) {
      if (signal.aborted || cause instanceof TypeError || cause instanceof SealgramError) throw cause;
      throw new SealgramError("unreachable", `there is no way to ${this.#route.remote.host}`, { cause });
    }
    if (!signal.aborted) return carrier;
    void carrier.close();
    throw signal.reason;
  }

  /** What one's own configuration and the carrier allow. */
  get #mtuBytes(): number {
    const { maxDatagramBytes = Number.POSITIVE_INFINITY } = this.#carrier!;
    return Math.max(Math.min(this.#config.mtuBytes, maxDatagramBytes), LEAST_MTU);
  }

  #handler(self: () => Carrier | undefined): CarrierHandler {
    return {
      datagram: (datagram, host, port) => {
        this.#hear();
        this.#refusedSinceMs = Number.POSITIVE_INFINITY;
        if (this.#left !== undefined && self() === this.#left) this.#association!.receiveLate(datagram);
        else this.#association?.receive(datagram, host, port);
        if (this.#settle !== undefined) this.#confirm();
        else if (this.#awaitingId.length > 0 && this.#association!.connection.hasFreshConnectionId)
          this.#letMove();
      },
      drained: () => {
        for (const resolve of this.#drained.splice(0)) resolve();
      },
      refused: () => {
        if (this.#session !== undefined || self() !== this.#carrier || !this.#isRefused()) return;
        this.#cancel(new SealgramError("refused", `nobody listens at ${this.#route.remote.host}`));
      },
      failed: (cause) => {
        if (self() !== this.#carrier) return;
        if (this.#settle === undefined) void this.#reopen();
        else if (cause instanceof SealgramError) this.#cancel(cause);
        else this.#cancel(new SealgramError("carrier_failed", "the socket failed", { cause }));
      },
    };
  }

  /** Whether an error of the network's is the end: the first one, while nothing was ever heard. */
  #isRefused(): boolean {
    const now = this.#platform.deadlines.now();
    this.#refusedSinceMs = Math.min(this.#refusedSinceMs, now);
    return now - this.#refusedSinceMs >= REFUSED_MS;
  }

  #hear(): void {
    this.#heard?.();
    this.#heard = undefined;
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
    if (this.#config.credentials.length > 0 && !this.#association!.connection.isConfirmed) return;
    this.#settle.resolve(this.#session);
    // For paths to come: the first may be needed when this one no longer takes a request.
    this.#association!.run((connection) => connection.requestConnectionIds());
  }

  // AssociationOwner

  transmit(datagram: Uint8Array, to: RemoteAddress): boolean {
    return this.#carrier!.send(datagram, to);
  }

  transmitLate(datagram: Uint8Array): void {
    this.#left?.send(datagram, this.#route.remote);
  }

  newConnectionId(): Bytes {
    return new Uint8Array(0);
  }

  established(association: Association, details: Connected): void {
    const { crypto, views, deadlines } = this.#platform;
    association.giveUpAtMs = deadlines.now() + CONFIRM_MS;
    const opener = this.#opener;
    const { remote } = this.#route;
    // A gateway's is not the peer's.
    const udpHost = "url" in remote ? undefined : remote.host;
    this.#session = new Session(association, {
      views,
      details,
      peer: describePeer(crypto, details.peer),
      report: this.#report,
      drained: () => new Promise((resolve) => this.#drained.push(resolve)),
      openStreams:
        opener &&
        ((host) => opener(association, { ...this.#config, mtuBytes: this.#mtuBytes }, udpHost, host)),
      maxDatagramBytes: () => this.#carrier!.maxDatagramBytes,
      rebind: () => this.#rebind(),
    });
  }

  moved(): void {}

  overdue(association: Association): void {
    const { connection } = association;
    const dueMs = connection.lastReceivedAtMs + CONFIRM_MS;
    if (connection.isConfirmed) association.giveUpAtMs = Number.POSITIVE_INFINITY;
    else if (dueMs > this.#platform.deadlines.now()) association.giveUpAtMs = dueMs;
    else connection.abort("internal_error", "timeout", "the server does not answer the end of the handshake");
  }

  ended({ connection }: Association, reason: SealgramError | undefined): void {
    this.#life.abort(new SealgramError("session_closed", "the session is closed"));
    this.#settle?.reject(handshakeFailure(reason, this.#config.pake !== undefined));
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#letMove();
    this.#leave?.();
    const close = () => void this.#carrier?.close();
    const { transmitted } = connection;
    if (transmitted === undefined) close();
    else void transmitted.then(close);
  }

  async #rebind(): Promise<void> {
    if (!this.#association!.connection.hasFreshConnectionId) await this.#freshId();
    this.#moveTo(await this.#open(this.#life.signal));
  }

  /** Settles when there is one, or when it takes too long: the way to the server may be closed. */
  #freshId(): Promise<void> {
    this.#association!.run((connection) => connection.requestConnectionIds());
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, FRESH_ID_MS);
      this.#awaitingId.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #letMove(): void {
    for (const resolve of this.#awaitingId.splice(0)) resolve();
  }

  /** The carrier broke, but not the session: it goes on from another, if one can be had before its time is up. */
  async #reopen(): Promise<void> {
    const broken = this.#carrier;
    const { signal } = this.#life;
    if (this.#platform.deadlines.now() - this.#movedAtMs > LEAST_LIFE_MS) this.#maxPauseMs = 0;
    while (!signal.aborted && this.#carrier === broken) {
      // By chance, so that the clients of a gateway that starts again do not all come at once.
      await pause(this.#maxPauseMs * (0.5 + Math.random() / 2), signal);
      this.#maxPauseMs = Math.min(2 * this.#maxPauseMs || FIRST_PAUSE_MS, MAX_PAUSE_MS);
      try {
        const next = await this.#open(signal);
        if (this.#carrier === broken) this.#moveTo(next);
        else void next.close();
      } catch {}
    }
  }

  #moveTo(next: Carrier): void {
    const before = this.#carrier!;
    this.#leave?.();
    this.#carrier = next;
    this.#movedAtMs = this.#platform.deadlines.now();
    this.#left = before;
    const timer = setTimeout(() => this.#leave?.(), REBIND_GRACE_MS);
    this.#leave = () => {
      clearTimeout(timer);
      this.#leave = undefined;
      this.#left = undefined;
      void before.close();
    };
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#association!.run((connection) => {
      connection.setMtu(this.#mtuBytes);
      connection.changePath();
    });
    this.#association!.user?.moved();
  }
}
