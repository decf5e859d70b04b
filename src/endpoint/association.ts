/** A connection on a carrier: it feeds the engine with datagrams and time, and knows the peer's address. */
import type { Bytes } from "../core/bytes.ts";
import type { SessionTicket } from "../dtls/config.ts";
import {
  type Connected,
  Connection,
  type ConnectionHost,
  type ConnectionOptions,
} from "../dtls/connection.ts";
import type { Side } from "../dtls/handshake.ts";
import type { Path } from "../dtls/path.ts";
import type { SealgramError } from "../errors.ts";
import type { RemoteAddress } from "../transport/types.ts";
import type { Deadlines, Scheduled } from "./deadlines.ts";

/** Whoever has the socket: a client's link, or a server. */
export interface AssociationOwner {
  /** As {@link Carrier.send}. */
  transmit(datagram: Uint8Array, to: RemoteAddress): boolean;
  /** Sends by the carrier that was left: the answer to what {@link Association.receiveLate} was given. */
  transmitLate?(datagram: Uint8Array): void;
  newConnectionId(association: Association): Bytes;
  connectionIdRetired?(association: Association, connectionId: Bytes): void;
  established(association: Association, details: Connected): void;
  moved(association: Association, from: string): void;
  ended(association: Association, reason: SealgramError | undefined): void;
  /** The handshake takes too long. */
  overdue(association: Association): void;
}

/** Whoever uses the connection. */
export interface AssociationUser {
  /** As {@link ConnectionHost.data}. */
  data(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void;
  ticket(ticket: SessionTicket): void;
  /** This side is about to close the connection: what is to be sent has to be sent now. */
  ending(): void;
  ended(reason: SealgramError | undefined): void;
  /** All of a datagram was handed over, or the connection has gone on: what is to be sent now may be. */
  flush(): void;
  /** The peer's IP address has changed. */
  moved(): void;
  /** When {@link handleTimeout} is due; infinite if it is not. */
  readonly deadlineMs: number;
  handleTimeout(): void;
}

/** An address as the engine's {@link Path}: equal addresses are equal strings. */
export function pathOf(host: string, port: number): string {
  return `${port} ${host}`;
}

function addressOf(path: string): RemoteAddress {
  const space = path.indexOf(" ");
  return { host: path.slice(space + 1), port: Number(path.slice(0, space)) };
}

/** A timer this late is one of a process that lags behind. */
const LAG_MS = 100;
/** For it to read what has come meanwhile. */
const CATCH_UP_MS = 1_000;

/** No address is like this. */
const LEFT_PATH = "left";

export class Association implements ConnectionHost, Scheduled {
  readonly connection: Connection;
  user: AssociationUser | undefined;
  /** When a handshake is given up that is not over on both sides; infinite once it is, as far as that matters. */
  giveUpAtMs: number;
  queuedAt = -1;
  queuedForMs = 0;
  /** Whether the carrier took the datagram that was sent last. */
  isTaken = true;
  readonly #owner: AssociationOwner;
  readonly #deadlines: Deadlines;
  #path: string;
  #remote: RemoteAddress;
  #isMuted = false;
  /** Why this side ends it. */
  #reason: SealgramError | undefined;

  constructor(
    owner: AssociationOwner,
    deadlines: Deadlines,
    side: Side,
    remote: RemoteAddress,
    options: Omit<ConnectionOptions, "path">,
    giveUpAtMs: number,
  ) {
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.#remote = remote;
    this.#path = pathOf(remote.host, remote.port);
    this.giveUpAtMs = giveUpAtMs;
    this.connection = new Connection(side, this, { ...options, path: this.#path, leftPath: LEFT_PATH });
    this.reschedule();
  }

  /** Where datagrams are sent. */
  get remote(): RemoteAddress {
    return this.#remote;
  }

  get path(): string {
    return this.#path;
  }

  start(): void {
    this.connection.start();
    this.reschedule();
  }

  receive(datagram: Uint8Array, host: string, port: number): void {
    const isHere = port === this.#remote.port && host === this.#remote.host;
    this.#receive(datagram, isHere ? this.#path : pathOf(host, port));
  }

  /** A datagram from the carrier that was left. */
  receiveLate(datagram: Uint8Array): void {
    this.#receive(datagram, LEFT_PATH);
  }

  #receive(datagram: Uint8Array, path: Path): void {
    this.connection.handleDatagram(datagram, path);
    this.user?.flush();
    this.reschedule();
  }

  /**
   * Sends application data; as {@link Connection.send}, but answers whether the carrier has room for more. What is
   * dropped needs none.
   */
  send(content: Uint8Array): boolean {
    this.isTaken = true;
    this.connection.send(content);
    if (this.connection.isBusy) this.reschedule();
    return this.isTaken;
  }

  /** Runs something that may change the deadline. */
  run<T>(action: (connection: Connection) => T): T {
    try {
      return action(this.connection);
    } finally {
      this.reschedule();
    }
  }

  /** Ends the connection, and tells the peer. */
  end(reason: SealgramError | undefined): void {
    this.#reason = reason;
    if (!this.#isMuted) this.user?.ending();
    this.connection.close();
  }

  /** Ends the connection without a word to the peer. */
  abandon(reason: SealgramError): void {
    this.#isMuted = true;
    this.end(reason);
  }

  /** The deadline may be earlier than it was. */
  reschedule(): void {
    this.#deadlines.update(this);
  }

  // Scheduled

  get deadlineMs(): number | undefined {
    const { deadlineMs } = this.connection;
    if (this.connection.state === "closed") return deadlineMs;
    const ownMs = Math.min(this.giveUpAtMs, this.user?.deadlineMs ?? Number.POSITIVE_INFINITY);
    if (ownMs === Number.POSITIVE_INFINITY) return deadlineMs;
    return deadlineMs === undefined || ownMs < deadlineMs ? ownMs : deadlineMs;
  }

  handleTimeout(): void {
    const now = this.now();
    if (this.giveUpAtMs <= now) {
      if (now < this.giveUpAtMs + LAG_MS) {
        this.#owner.overdue(this);
        return;
      }
      // This process was at something else: what the peer has sent may wait to be read.
      this.giveUpAtMs = now + CATCH_UP_MS;
    }
    if (this.user !== undefined && this.user.deadlineMs <= now) this.user.handleTimeout();
    const { deadlineMs } = this.connection;
    if (deadlineMs === undefined || deadlineMs > now) return;
    this.connection.handleTimeout();
    this.user?.flush();
  }

  // ConnectionHost

  now(): number {
    return this.#deadlines.now();
  }

  transmit(datagram: Bytes, path: Path): void {
    if (this.#isMuted) return;
    if (path === LEFT_PATH) {
      this.#owner.transmitLate?.(datagram);
      return;
    }
    const to = path === this.#path ? this.#remote : addressOf(path as string);
    this.isTaken = this.#owner.transmit(datagram, to);
  }

  data(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void {
    this.user?.data(buffer, start, length, epoch, sequenceNumber);
  }

  connected(details: Connected): void {
    this.giveUpAtMs = Number.POSITIVE_INFINITY;
    this.#owner.established(this, details);
  }

  ticket(ticket: SessionTicket): void {
    this.user?.ticket(ticket);
  }

  closed(ofConnection: SealgramError | undefined): void {
    const reason = ofConnection ?? this.#reason;
    this.#deadlines.remove(this);
    this.#owner.ended(this, reason);
    this.user?.ended(reason);
  }

  moved(path: Path): void {
    const from = this.#path;
    const { host } = this.#remote;
    this.#path = path as string;
    this.#remote = addressOf(this.#path);
    this.#owner.moved(this, from);
    if (this.#remote.host !== host) this.user?.moved();
  }

  newConnectionId(): Bytes {
    return this.#owner.newConnectionId(this);
  }

  connectionIdRetired(connectionId: Bytes): void {
    this.#owner.connectionIdRetired?.(this, connectionId);
  }

  wake(): void {
    this.user?.flush();
    this.reschedule();
  }
}
