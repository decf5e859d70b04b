/** One connection as a node of the virtual network, with everything that it reports. */
import type { Bytes } from "../../src/core/bytes.ts";
import type { ConnectionConfig, SessionTicket } from "../../src/dtls/config.ts";
import { type Connected, Connection, type ConnectionOptions } from "../../src/dtls/connection.ts";
import type { StatelessRetry } from "../../src/dtls/server.ts";
import type { SealgramError } from "../../src/errors.ts";
import type { Role } from "../../src/tls/authentication.ts";
import type { Network, Node } from "./network.ts";
import { sideOf } from "./side.ts";

export class SimulatedConnection implements Node {
  readonly role: Role;
  readonly connection: Connection;
  readonly received: Bytes[] = [];
  /** Of the records that {@link received} came in. */
  readonly receivedNumbers: { readonly epoch: number; readonly sequenceNumber: number }[] = [];
  readonly tickets: SessionTicket[] = [];
  readonly moves: string[] = [];
  /** In hexadecimal: those it was asked for behind the handshake, and that are not retired. */
  readonly connectionIds: Set<string> = new Set();
  connected: Connected | undefined;
  isClosed = false;
  error: SealgramError | undefined;
  /** How often a flight or an ACK was due and nothing was sent. */
  silentTimeouts = 0;
  /** Where its datagrams come from; changing it is a NAT rebinding. */
  address: string;
  readonly #network: Network;
  readonly #leftPath: string | undefined;
  /** The address that it has left, and where its peer was then. */
  #left: { readonly address: string; readonly peer: string } | undefined;
  #woken: (() => void) | undefined;

  constructor(
    network: Network,
    config: ConnectionConfig,
    address: string,
    options: Omit<ConnectionOptions, "path"> & { readonly path: string; readonly retry?: StatelessRetry },
  ) {
    this.#network = network;
    this.address = address;
    this.#leftPath = options.leftPath as string | undefined;
    network.attach(address, this);
    const { crypto, role } = config;
    this.role = role;
    this.connection = new Connection(
      sideOf(config, options.retry),
      {
        now: () => network.nowMs,
        transmit: (datagram, path) => this.#transmit(datagram, path as string),
        data: (buffer, start, length, epoch, sequenceNumber) => {
          this.received.push(buffer.slice(start, start + length));
          this.receivedNumbers.push({ epoch, sequenceNumber });
        },
        connected: (details) => {
          this.connected = details;
        },
        ticket: (ticket) => this.tickets.push(ticket),
        closed: (reason) => {
          if (this.isClosed) throw new Error("closed twice");
          this.isClosed = true;
          this.error = reason;
        },
        moved: (path) => this.moves.push(path as string),
        newConnectionId: () => {
          const id = crypto.random(options.connectionId?.length ?? 0);
          this.connectionIds.add(Buffer.from(id).toString("hex"));
          return id;
        },
        connectionIdRetired: (id) => this.connectionIds.delete(Buffer.from(id).toString("hex")),
        wake: () => this.#woken?.(),
      },
      options,
    );
  }

  get deadlineMs(): number | undefined {
    return this.connection.deadlineMs;
  }

  receive(datagram: Bytes, from: string): void {
    this.connection.handleDatagram(datagram, from);
  }

  #transmit(datagram: Bytes, to: string): void {
    const left = to === this.#leftPath ? this.#left : undefined;
    this.#network.send(left?.address ?? this.address, left?.peer ?? to, datagram);
  }

  handleTimeout(): void {
    const { sent, nowMs } = this.#network;
    const before = sent.length;
    const isDue = (this.connection.flightDeadlineMs ?? Number.POSITIVE_INFINITY) <= nowMs;
    this.connection.handleTimeout();
    const isSilent = sent.length === before && this.connection.transmitted === undefined;
    if (isDue && isSilent && !this.isClosed) this.silentTimeouts++;
  }

  /**
   * Whether it waits for the other side without a timer that sends. A client never does (RFC 9147 §5.8.1). A server does
   * that has sent nothing but a HelloRetryRequest (§3.1), or whose flight is all acknowledged: the client's turn has come.
   */
  get standsStill(): boolean {
    const { state, isBusy, isComputing, writeEpoch, flightDeadlineMs } = this.connection;
    if (this.isClosed || isComputing || flightDeadlineMs !== undefined) return false;
    return this.role === "client" ? isBusy || state === "handshaking" : isBusy && writeEpoch > 0;
  }

  async idle(): Promise<void> {
    while (this.connection.isComputing) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
      this.#woken = undefined;
    }
  }

  /** Moves to another address by itself, and listens at the old one until it moves again. */
  leave(address: string): void {
    const deaf = { receive: () => {}, handleTimeout: () => {}, deadlineMs: undefined, idle: async () => {} };
    if (this.#left !== undefined) this.#network.attach(this.#left.address, deaf);
    this.#left = { address: this.address, peer: this.connection.path as string };
    const late = (datagram: Bytes) => this.connection.handleDatagram(datagram, this.#leftPath!);
    this.#network.attach(this.address, { ...deaf, receive: late });
    this.move(address);
    this.connection.changePath();
  }

  /** Moves to another address, as behind a NAT that forgot. */
  move(address: string): void {
    this.address = address;
    this.#network.attach(address, this);
  }
}
