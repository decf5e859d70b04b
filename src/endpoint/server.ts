/**
 * The sessions on one server socket. A datagram belongs to the association that its connection ID names, or else to the
 * one at the address it came from; what belongs to none has to begin a handshake, for which nothing is kept until the
 * client has shown that it receives at its address (RFC 9147 §5.1).
 */
import type { Bytes } from "../core/bytes.ts";
import { Acceptor, type Verdict } from "../dtls/acceptor.ts";
import type { ServerConfig } from "../dtls/config.ts";
import type { Connected } from "../dtls/connection.ts";
import { asServer, type StatelessRetry } from "../dtls/server.ts";
import { SealgramError } from "../errors.ts";
import { call } from "../faults.ts";
import type { Revocation } from "../login/password.ts";
import { addressGroup } from "../transport/address.ts";
import type { CarrierHandler, CarrierStatistics, RemoteAddress, UdpCarrier } from "../transport/types.ts";
import { AcceptQueue } from "./accept-queue.ts";
import { AddressGroups } from "./address-groups.ts";
import { AdmissionBudget } from "./admission-budget.ts";
import { Association, type AssociationOwner, pathOf } from "./association.ts";
import { describePeer, type Peer } from "./auth.ts";
import { CONNECTION_ID_BYTES, ConnectionIdTable } from "./connection-id-table.ts";
import { Dismissals, isWelcome, type Member } from "./dismissals.ts";
import { handshakeFailure, withCause } from "./failures.ts";
import { HelloKind, helloKind, isProtected, namesConnectionId } from "./first-bytes.ts";
import { HelloQueue } from "./hello-queue.ts";
import { formatUrl } from "./options.ts";
import type { Shared } from "./platform.ts";
import { type CloseInfo, Session } from "./session.ts";
import type { StreamsOpener } from "./session-settings.ts";

/** Bounds of what clients can make a server hold. */
export interface ServerLimits {
  /**
   * Handshakes under way at a time. Beyond, the oldest from the address that has most of them gives way to a new one:
   * 1,024 unless given.
   */
  readonly handshakes: number;
  /** Sessions and handshakes at a time. Beyond, clients are not answered: 100,000 unless given. */
  readonly sessions: number;
  /** Of these, from one IPv4 address, or one IPv6 network of 64 bits: 1,000 unless given. */
  readonly sessionsPerAddress: number;
  /** Sessions of one identity. Beyond, the oldest is closed for a new one: 1,000 unless given. */
  readonly sessionsPerIdentity: number;
  /**
   * Sessions that wait to be taken by an iteration. Beyond, those that have ended are dropped, and then new ones closed:
   * 1,000 unless given.
   */
  readonly backlog: number;
}

export const defaultLimits: ServerLimits = {
  handshakes: 1024,
  sessions: 100_000,
  sessionsPerAddress: 1000,
  sessionsPerIdentity: 1000,
  backlog: 1000,
};

/** Whom sessions are with, as {@link Session.peer} has it. */
export type PeerName = Pick<Peer, "kind" | "identity">;

/** How sessions are closed, and which is not. */
export interface CloseOptions extends Partial<CloseInfo> {
  /** The one that goes on. */
  readonly except?: Session | undefined;
}

/** Why a server has ignored a datagram. */
export type ServerDrop =
  /** A ClientHello for which there was no time: sessions come first. */
  | "overload"
  /** From port 0, where nobody can be answered. */
  | "no_port"
  | "not_dtls"
  | "unknown_connection_id"
  | "unknown_address"
  | "not_a_client_hello"
  | "malformed"
  | "incomplete_client_hello"
  | "unanswerable"
  | "too_short"
  | "duplicate_client_hello"
  | "busy"
  | "failed_look_up"
  | "sessions_limit"
  | "address_limit";

/** What a server has and has seen. */
export interface ServerStats {
  /** At present. */
  readonly sessions: number;
  readonly handshakes: number;
  /** Since the server began. */
  readonly accepted: number;
  readonly failedHandshakes: number;
  /** Unfinished handshakes that gave way to newer ones. */
  readonly evictedHandshakes: number;
  /** Datagrams ignored before any association looked at them, by reason. */
  readonly drops: Readonly<Partial<Record<ServerDrop, number>>>;
  /** Of the UDP socket. */
  readonly socket: Readonly<CarrierStatistics>;
}

export interface ServerSettings {
  readonly limits: ServerLimits;
  readonly handshakeTimeoutMs: number;
  /** Makes the streams of sessions, if they are to have any. */
  readonly streams: StreamsOpener | undefined;
  readonly onsession: ((session: Session) => void) | undefined;
  readonly onfailure: ((error: SealgramError, address: RemoteAddress) => void) | undefined;
  /** Told of faults of the application's functions, and of the session that they are about, if it is one. */
  readonly report: (error: unknown, session: Session | undefined) => void;
}

interface Entry extends Member {
  readonly association: Association;
  /** Identifies the exchange that led here: the hash of the first ClientHello. */
  readonly helloHash: Bytes;
  /** Of the client's address, as {@link addressGroup} has it. */
  group: string;
  session: Session | undefined;
  /** As {@link keyOf} has it. */
  identity: string | undefined;
  registration: Bytes | undefined;
}

/** A client that is to have a handshake as soon as there is time for one. */
interface Waiting {
  readonly retry: StatelessRetry;
  readonly from: RemoteAddress;
  /** A datagram with all of its second ClientHello. */
  readonly hello: Uint8Array;
}

/** Clients that wait at a time; what more there are have to say their hellos again. */
const MAX_WAITING = 256;
/** Between reports of failed look-ups. */
const REPORT_INTERVAL_MS = 1_000;

const encoder = new TextEncoder();

/** A server's sessions, all on one socket: an async iterable of those that were established. Made by `listen`. */
export class Server implements AsyncIterable<Session> {
  /** Settles when the server has ended; rejects if its socket failed. */
  readonly closed: Promise<void>;
  readonly #platform: Shared;
  readonly #config: ServerConfig;
  readonly #settings: ServerSettings;
  readonly #acceptor: Acceptor;
  readonly #owner: AssociationOwner;
  readonly #entries = new Map<Association, Entry>();
  readonly #ids: ConnectionIdTable<Association>;
  readonly #budget: AdmissionBudget;
  readonly #hellos = new HelloQueue();
  /** Clients that have to wait for their handshake. */
  readonly #waiting = new AddressGroups<Waiting>();
  /** Handshakes under way. An established association may be at the same address. */
  readonly #handshaking = new AddressGroups<Association>();
  readonly #byAddress = new Map<string, Association>();
  readonly #perGroup = new Map<string, number>();
  readonly #perIdentity = new Map<string, Set<Association>>();
  readonly #dismissals = new Dismissals();
  /** Associations that have ended and have yet to say so. */
  readonly #parting = new Set<Promise<void>>();
  readonly #queue: AcceptQueue<Session>;
  readonly #drops: Partial<Record<ServerDrop, number>> = {};
  #begun = 0;
  #accepted = 0;
  #failed = 0;
  #evicted = 0;
  #nextReportAtMs = 0;
  #drained: (() => void)[] = [];
  #carrier: UdpCarrier | undefined;
  #closing: Promise<void> | undefined;
  #settleClosed: { resolve(): void; reject(error: unknown): void } | undefined;

  /** @internal */
  constructor(platform: Shared, config: ServerConfig, settings: ServerSettings) {
    this.#platform = platform;
    this.#config = config;
    this.#settings = settings;
    this.#acceptor = new Acceptor(config);
    this.#ids = new ConnectionIdTable((length) => platform.crypto.random(length));
    const turns = {
      now: () => platform.deadlines.now(),
      fullTurn: () => this.#carrier!.fullTurn,
      received: () => this.#carrier!.statistics.received,
      afterTurn: (callback: () => void) => this.#carrier!.afterTurn(callback),
    };
    this.#budget = new AdmissionBudget(turns, () => this.#afterTurn());
    this.#queue = new AcceptQueue(settings.limits.backlog, ({ isClosed }) => isClosed);
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.closed.catch(() => {});
    this.#owner = {
      transmit: (datagram, to) => this.#carrier!.send(datagram, to),
      newConnectionId: (association) => this.#newConnectionId(association),
      connectionIdRetired: (association, id) => this.#ids.retire(id, association),
      established: (association, details) => this.#established(association, details),
      moved: (association, from) => this.#moved(association, from),
      ended: (association, reason) => this.#ended(association, reason),
      // The client may think that it is done.
      overdue: ({ connection }) =>
        connection.abort("internal_error", "timeout", "the handshake takes too long"),
    };
  }

  /** @internal The socket that it is to work on. */
  async open(bind: (handler: CarrierHandler) => Promise<UdpCarrier>): Promise<void> {
    this.#carrier = await bind({
      datagram: (datagram, host, port) => this.#receive(datagram, host, port),
      drained: () => {
        for (const resolve of this.#drained.splice(0)) resolve();
      },
      refused: () => {},
      failed: (cause) => {
        const error = new SealgramError("carrier_failed", "the server's socket failed", { cause });
        void this.#end((association) => association.abandon(error), error);
      },
    });
  }

  /** Where it listens; the port is the one that the system chose, if it was to. */
  get address(): RemoteAddress {
    const { host, port } = this.#carrier!;
    return { host, port };
  }

  /** {@link address} as a URL. */
  get url(): string {
    return formatUrl(this.address);
  }

  // Datagrams

  #receive(datagram: Uint8Array, host: string, port: number): void {
    if (this.#closing !== undefined) return;
    if (port === 0) this.#drop("no_port");
    else if (!isProtected(datagram)) this.#receivePlaintext(datagram, host, port);
    else if (namesConnectionId(datagram)) {
      const association = datagram.length > CONNECTION_ID_BYTES ? this.#ids.find(datagram, 1) : undefined;
      if (association === undefined) this.#drop("unknown_connection_id");
      else association.receive(datagram, host, port);
    } else this.#receiveWithoutId(datagram, host, port);
  }

  /** A protected record of a peer that was given no connection ID: of the handshake under way, or of the session. */
  #receiveWithoutId(datagram: Uint8Array, host: string, port: number): void {
    const path = pathOf(host, port);
    const handshaking = this.#handshaking.get(path);
    const established = this.#byAddress.get(path);
    const isOfHandshake = (datagram[0]! & 3) === 2;
    const association = isOfHandshake ? (handshaking ?? established) : (established ?? handshaking);
    if (association === undefined) this.#drop("unknown_address");
    else association.receive(datagram, host, port);
  }

  #receivePlaintext(datagram: Uint8Array, host: string, port: number): void {
    const path = pathOf(host, port);
    const handshaking = this.#handshaking.get(path);
    const kind = helloKind(datagram);
    if (kind === HelloKind.not_dtls) this.#drop("not_dtls");
    else if (kind === HelloKind.other) {
      if (handshaking === undefined) this.#drop("not_a_client_hello");
      else handshaking.receive(datagram, host, port);
    } else if (this.#hellos.size === 0 && this.#budget.hasTimeForHello) {
      this.#judge(datagram, { host, port });
    } else if (this.#hellos.push(datagram, { host, port })) this.#budget.watch();
    else this.#drop("overload");
  }

  #judge(datagram: Uint8Array, from: RemoteAddress): void {
    const nowMs = this.#platform.deadlines.now();
    const address = encoder.encode(pathOf(from.host, from.port));
    this.#follow(
      this.#budget.hello(() => this.#acceptor.judge(datagram, address, nowMs)),
      from,
    );
  }

  /** A turn is over: what had to wait has its turn. */
  #afterTurn(): void {
    if (this.#closing !== undefined) return;
    while (this.#hellos.size > 0 && this.#budget.hasTimeForWaiting) {
      const { datagram, from } = this.#hellos.shift()!;
      this.#judge(datagram, from);
    }
    this.#beginWaiting();
    if (this.#hellos.size + this.#waiting.size > 0) this.#budget.watch();
  }

  /** Each handshake may go on with what it does asynchronously before the next begins. */
  #beginWaiting(): void {
    if (this.#waiting.size === 0 || !this.#budget.hasTimeForHandshake) return;
    this.#begin(this.#waiting.take()!);
    queueMicrotask(() => this.#beginWaiting());
  }

  #follow(verdict: Verdict, from: RemoteAddress): void {
    switch (verdict.kind) {
      case "drop":
        this.#drop(verdict.reason);
        if (verdict.reason === "failed_look_up") this.#reportLookUp(verdict.cause, from);
        return;
      case "answer":
        this.#carrier!.send(verdict.datagram, from);
        return;
      case "later":
        void verdict.verdict.then((later) => {
          if (this.#closing === undefined) this.#follow(later, from);
        });
        return;
      case "accept":
        this.#accept(verdict, from);
    }
  }

  /** A client that receives at its address wants an association. */
  #accept({ retry, datagram: hello }: Verdict & { kind: "accept" }, from: RemoteAddress): void {
    const path = pathOf(from.host, from.port);
    const handshaking = this.#handshaking.get(path);
    const isOf = (association: Association | undefined) =>
      association !== undefined && equal(this.#entries.get(association)!.helloHash, retry.clientHello1Hash);
    if (isOf(handshaking)) {
      handshaking!.receive(hello, from.host, from.port);
      return;
    }
    if (isOf(this.#byAddress.get(path))) {
      this.#drop("duplicate_client_hello");
      return;
    }
    const waits = this.#waiting.get(path)?.retry.clientHello1Hash;
    // It has its place already, and keeps it.
    if (waits !== undefined && equal(waits, retry.clientHello1Hash)) return;
    // A client that begins anew gives the handshake up that it was in, or waited for.
    if (handshaking !== undefined) handshaking.abandon(replaced());
    this.#waiting.delete(path);
    const waiting: Waiting = { retry, from, hello };
    if (this.#waiting.size > 0 || !this.#budget.hasTimeForHandshake) this.#wait(waiting, path);
    else this.#begin(waiting);
  }

  #begin(waiting: Waiting): void {
    this.#budget.handshake(() => this.#beginHandshake(waiting));
  }

  #wait(waiting: Waiting, path: string): void {
    // The datagram is the socket's.
    this.#waiting.add(path, addressGroup(waiting.from.host), { ...waiting, hello: waiting.hello.slice() });
    if (this.#waiting.size > MAX_WAITING) {
      const { host, port } = this.#waiting.oldestOfLargest!.from;
      this.#waiting.delete(pathOf(host, port));
      this.#drop("overload");
    }
    this.#budget.watch();
  }

  #beginHandshake({ retry, from, hello }: Waiting): void {
    const { limits, handshakeTimeoutMs } = this.#settings;
    const group = addressGroup(from.host);
    if (this.#entries.size >= limits.sessions) this.#drop("sessions_limit");
    else if ((this.#perGroup.get(group) ?? 0) >= limits.sessionsPerAddress) this.#drop("address_limit");
    else {
      if (this.#handshaking.size >= limits.handshakes) this.#evict();
      const { deadlines } = this.#platform;
      const connectionId = this.#ids.create();
      const options = { pathValidated: true, connectionId };
      const side = asServer(this.#config, retry);
      const giveUpAtMs = deadlines.now() + handshakeTimeoutMs;
      const association = new Association(this.#owner, deadlines, side, from, options, giveUpAtMs);
      this.#ids.add(connectionId, association);
      this.#handshaking.add(association.path, group, association);
      this.#count(group, 1);
      this.#entries.set(association, {
        association,
        helloHash: retry.clientHello1Hash,
        group,
        number: ++this.#begun,
        session: undefined,
        identity: undefined,
        registration: undefined,
      });
      association.receive(hello, from.host, from.port);
    }
  }

  #evict(): void {
    this.#evicted++;
    const association = this.#handshaking.oldestOfLargest!;
    association.abandon(new SealgramError("evicted", "too many handshakes are under way"));
  }

  #drop(reason: ServerDrop): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1;
  }

  /** Not for each: anybody, from any address, makes as many of them as they like. */
  #reportLookUp(cause: unknown, from: RemoteAddress): void {
    const now = this.#platform.deadlines.now();
    if (now < this.#nextReportAtMs) return;
    this.#nextReportAtMs = now + REPORT_INTERVAL_MS;
    this.#tellFailure(withCause("failed_look_up", "a look-up has failed", cause), from);
  }

  /** Not from within what has failed. */
  #tellFailure(error: SealgramError, from: RemoteAddress): void {
    const { onfailure, report } = this.#settings;
    if (onfailure === undefined) return;
    const tell = (failure: SealgramError) => onfailure(failure, from);
    queueMicrotask(() => call(tell, error, (fault) => report(fault, undefined)));
  }

  // What associations report

  #newConnectionId(association: Association): Bytes {
    const id = this.#ids.create();
    this.#ids.add(id, association);
    return id;
  }

  #established(association: Association, details: Connected): void {
    const entry = this.#entries.get(association)!;
    const { path } = association;
    this.#handshaking.delete(path);
    // "the server MUST abandon the previous association" (RFC 9147 §5.11)
    this.#byAddress.get(path)?.abandon(replaced());
    this.#byAddress.set(path, association);
    const { views, crypto } = this.#platform;
    const peer = describePeer(crypto, details.peer);
    if (details.peer?.kind === "password") entry.registration = details.peer.registration;
    if (peer !== undefined) {
      const key = keyOf(peer);
      if (this.#dismissals.concern(key, entry)) {
        // Not from within the connection, which has not finished what it is at.
        queueMicrotask(() => association.end(revoked()));
        return;
      }
      this.#limitIdentity(entry, key);
    }
    this.#forgetDismissals();
    const { streams: open, report } = this.#settings;
    const session = new Session(association, {
      views,
      details,
      peer,
      report,
      drained: () => new Promise((resolve) => this.#drained.push(resolve)),
      openStreams: open && ((host) => open(association, this.#config, association.remote.host, host)),
      maxDatagramBytes: () => undefined,
    });
    entry.session = session;
    this.#accepted++;
    const { onsession } = this.#settings;
    // Not from within the connection, which has not finished what it is at.
    queueMicrotask(() => {
      if (onsession !== undefined) call(onsession, session, (error) => session.fault(error));
      else if (!this.#queue.push(session)) session.close();
    });
  }

  #limitIdentity(entry: Entry, identity: string): void {
    const { association } = entry;
    entry.identity = identity;
    const others = this.#perIdentity.get(identity);
    if (others === undefined) {
      this.#perIdentity.set(identity, new Set([association]));
      return;
    }
    const [oldest] = others;
    if (others.size >= this.#settings.limits.sessionsPerIdentity) oldest!.end(replaced());
    others.add(association);
    // Its last session's end may have taken the set away.
    this.#perIdentity.set(identity, others);
  }

  #forgetDismissals(): void {
    if (this.#handshaking.size === 0) this.#dismissals.clear();
  }

  #moved(association: Association, from: string): void {
    if (this.#byAddress.get(from) === association) this.#byAddress.delete(from);
    this.#byAddress.set(association.path, association);
    const entry = this.#entries.get(association)!;
    this.#count(entry.group, -1);
    entry.group = addressGroup(association.remote.host);
    this.#count(entry.group, 1);
  }

  #ended(association: Association, reason: SealgramError | undefined): void {
    const entry = this.#entries.get(association)!;
    const { path } = association;
    this.#entries.delete(association);
    this.#ids.remove(association);
    this.#count(entry.group, -1);
    if (this.#handshaking.get(path) === association) this.#handshaking.delete(path);
    if (this.#byAddress.get(path) === association) this.#byAddress.delete(path);
    this.#forgetDismissals();
    if (entry.identity !== undefined) {
      const others = this.#perIdentity.get(entry.identity);
      others?.delete(association);
      if (others?.size === 0) this.#perIdentity.delete(entry.identity);
    }
    const { transmitted } = association.connection;
    if (transmitted !== undefined) {
      this.#parting.add(transmitted);
      void transmitted.then(() => this.#parting.delete(transmitted));
    }
    if (entry.session !== undefined || this.#closing !== undefined) return;
    this.#failed++;
    this.#tellFailure(handshakeFailure(reason), association.remote);
  }

  #count(group: string, change: number): void {
    const count = (this.#perGroup.get(group) ?? 0) + change;
    if (count === 0) this.#perGroup.delete(group);
    else this.#perGroup.set(group, count);
  }

  // Its users

  /** Sessions that were established since, each to one iteration only; ends with the server. */
  [Symbol.asyncIterator](): AsyncIterator<Session> {
    return this.#queue.iterate();
  }

  /** The sessions of a peer, oldest first; found without looking through all of them. */
  sessionsOf(peer: PeerName): Session[] {
    return [...(this.#perIdentity.get(keyOf(peer)) ?? [])]
      .map((association) => this.#entries.get(association)!.session!)
      .filter(({ isClosed }) => !isClosed);
  }

  /**
   * Ends all sessions of a peer, as {@link Session.close} does, and those that handshakes under way would lead to. It does
   * not keep the peer from coming back: take its key or its password away first.
   * @param except goes on: the session by which a peer has changed its own password, say
   * @returns how many sessions it has ended
   */
  closeSessionsOf(peer: PeerName, { except, ...info }: CloseOptions = {}): number {
    return this.#dismiss(keyOf(peer), undefined, ({ session }) => {
      if (session === except || session!.isClosed) return false;
      session!.close(info);
      return true;
    });
  }

  /** @internal Ends the sessions of a peer with another password than the one that is good now. */
  revoke({ registration, ...peer }: Revocation): void {
    this.#dismiss(keyOf(peer), registration, ({ association }) => {
      association.end(revoked());
      return true;
    });
  }

  #dismiss(key: string, registration: Uint8Array | undefined, end: (entry: Entry) => boolean): number {
    if (this.#handshaking.size > 0) this.#dismissals.add(key, this.#begun, registration);
    return [...(this.#perIdentity.get(key) ?? [])]
      .map((association) => this.#entries.get(association)!)
      .filter((entry) => !isWelcome(entry, registration) && end(entry)).length;
  }

  /** Counters, and what there is at present. */
  getStats(): ServerStats {
    return {
      sessions: this.#entries.size - this.#handshaking.size,
      handshakes: this.#handshaking.size,
      accepted: this.#accepted,
      failedHandshakes: this.#failed,
      evictedHandshakes: this.#evicted,
      drops: { ...this.#drops },
      socket: { ...this.#carrier!.statistics },
    };
  }

  /** Tells all peers, ends all sessions, and settles once the socket is closed. Idempotent. */
  close(): Promise<void> {
    return this.#end((association) => association.end(undefined));
  }

  /** Ends everything without a word to the peers, who find out by their time-outs. Idempotent. */
  abort(): Promise<void> {
    return this.#end((association) =>
      association.abandon(new SealgramError("aborted", "the server was stopped")),
    );
  }

  #end(how: (association: Association) => void, error?: SealgramError): Promise<void> {
    this.#closing ??= (async () => {
      this.#hellos.clear();
      this.#waiting.clear();
      for (const association of [...this.#entries.keys()]) how(association);
      this.#queue.end(error);
      for (const resolve of this.#drained.splice(0)) resolve();
      await Promise.all(this.#parting);
      await this.#carrier!.close();
      if (error === undefined) this.#settleClosed!.resolve();
      else this.#settleClosed!.reject(error);
    })();
    return this.#closing;
  }
}

function keyOf({ kind, identity }: PeerName): string {
  return `${kind} ${identity}`;
}

function revoked(): SealgramError {
  return new SealgramError("revoked", "this peer's sessions were ended, as after a change of its password");
}

function replaced(): SealgramError {
  return new SealgramError("replaced", "a newer session of the same peer has replaced this one");
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
