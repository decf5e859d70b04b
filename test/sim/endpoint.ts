/** One connection as a node of the virtual network, with everything that it reports. */
import type { Bytes } from "../../src/core/bytes.ts";
import type { ConnectionConfig, SessionTicket } from "../../src/dtls/config.ts";
import { type Connected, Connection, type ConnectionOptions } from "../../src/dtls/connection.ts";
import type { StatelessRetry } from "../../src/dtls/server.ts";
import type { SealgramError } from "../../src/errors.ts";
import type { Network, Node } from "./network.ts";
import { sideOf } from "./side.ts";

export class SimulatedConnection implements Node {
  readonly connection: Connection;
  readonly received: Bytes[] = [];
  /** Of the records that {@link received} came in. */
  readonly receivedNumbers: { readonly epoch: number; readonly sequenceNumber: number }[] = [];
  readonly tickets: SessionTicket[] = [];
  readonly moves: string[] = [];
  connected: Connected | undefined;
  isClosed = false;
  error: SealgramError | undefined;
  /** Where its datagrams come from; changing it is a NAT rebinding. */
  address: string;
  readonly #network: Network;
  #woken: (() => void) | undefined;

  constructor(
    network: Network,
    config: ConnectionConfig,
    address: string,
    options: Omit<ConnectionOptions, "path"> & { readonly path: string; readonly retry?: StatelessRetry },
  ) {
    this.#network = network;
    this.address = address;
    network.attach(address, this);
    const { crypto } = config;
    this.connection = new Connection(
      sideOf(config, options.retry),
      {
        now: () => network.nowMs,
        transmit: (datagram, path) => network.send(this.address, path as string, datagram),
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
        newConnectionId: () => crypto.random(options.connectionId?.length ?? 0),
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

  handleTimeout(): void {
    this.connection.handleTimeout();
  }

  async idle(): Promise<void> {
    while (this.connection.isComputing) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
      this.#woken = undefined;
    }
  }

  /** Moves to another address, as behind a NAT that forgot. */
  move(address: string): void {
    this.address = address;
    this.#network.attach(address, this);
  }
}
