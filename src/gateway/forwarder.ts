/**
 * Exchanges datagrams between clients' connections and UDP servers. Each client has a UDP socket of its own, so that the
 * server sees an address for each; where that socket sends to is one of the targets, and nothing else. The datagrams are
 * sealed, and nobody here could open one.
 */
import type { Deadlines } from "../endpoint/deadlines.ts";
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { RemoteAddress, UdpCarriers } from "../transport/types.ts";
import { AddressCounts } from "./address-counts.ts";
import { ForwardedClient, type Traffic } from "./client.ts";
import type { ForwarderSettings } from "./options.ts";

/** A client's connection, as its runtime has it. */
export interface ClientConnection {
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  /** Sends a datagram, which may change as soon as this returns. */
  send(datagram: Uint8Array): void;
  /** Ends it, telling the client why. */
  end(code: GatewayCode): void;
}

/** What a client asks for. */
export interface ClientRequest {
  /** The URL's path, as `/game`. */
  readonly path: string;
  /** Of the page, if it is a browser. */
  readonly origin: string | undefined;
  /** The client's IP address. */
  readonly address: string;
}

/** Why clients were not served, or datagrams were not passed on. */
export type GatewayRefusal =
  | "origin_refused"
  | "unknown_target"
  | "busy"
  | "server_unreachable"
  | "server_refused";

/** What a gateway has and has seen. */
export interface GatewayStats {
  /** At present. */
  readonly clients: number;
  /** Since the gateway began. */
  readonly accepted: number;
  /** Clients that were not served, by reason. */
  readonly refusals: Readonly<Partial<Record<GatewayRefusal, number>>>;
  /** Clients that were disconnected because nothing came or went. */
  readonly idle: number;
  /** What was passed on in either direction. */
  readonly toServers: Readonly<Traffic>;
  readonly toClients: Readonly<Traffic>;
}

export class Forwarder {
  readonly #settings: ForwarderSettings;
  readonly #udp: UdpCarriers;
  readonly #deadlines: Deadlines;
  readonly #clients = new Set<ForwardedClient>();
  readonly #perAddress: AddressCounts;
  readonly #refusals: Partial<Record<GatewayRefusal, number>> = {};
  readonly #toServers: Traffic = { datagrams: 0, bytes: 0, drops: {} };
  readonly #toClients: Traffic = { datagrams: 0, bytes: 0, drops: {} };
  #accepted = 0;
  #idle = 0;
  #isClosed = false;

  constructor(settings: ForwarderSettings, udp: UdpCarriers, deadlines: Deadlines) {
    this.#settings = settings;
    this.#perAddress = new AddressCounts(settings.limits.clientsPerAddress);
    this.#udp = udp;
    this.#deadlines = deadlines;
  }

  /** Serves a client, or ends its connection. */
  accept(request: ClientRequest, connection: ClientConnection): ForwardedClient | undefined {
    const target = this.#admit(request);
    if (typeof target === "number") {
      connection.end(target);
      return undefined;
    }
    const client = new ForwardedClient(connection, {
      limits: this.#settings.limits,
      idleTimeoutMs: this.#settings.idleTimeoutMs,
      deadlines: this.#deadlines,
      toServer: this.#toServers,
      toClient: this.#toClients,
      ended: (code) => this.#ended(client, request.address, code),
    });
    this.#accepted++;
    this.#clients.add(client);
    this.#perAddress.add(request.address);
    void client.open(this.#udp, target, request.address);
    return client;
  }

  /** The server that a client may reach, or why it may not. */
  #admit({ path, origin, address }: ClientRequest): RemoteAddress | GatewayCode {
    const { origins, targets, limits } = this.#settings;
    if (this.#isClosed) return GatewayCode.going_away;
    if (origins !== undefined && origin !== undefined && !origins.has(origin)) {
      return this.#refuse("origin_refused");
    }
    const target = targets.get(path.slice(1));
    if (target === undefined) return this.#refuse("unknown_target");
    const isFull = this.#clients.size >= limits.clients || this.#perAddress.isFull(address);
    if (isFull) return this.#refuse("busy");
    return target;
  }

  #refuse(reason: GatewayRefusal): GatewayCode {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
    return GatewayCode[reason];
  }

  #ended(client: ForwardedClient, address: string, code: GatewayCode | undefined): void {
    this.#clients.delete(client);
    this.#perAddress.remove(address);
    if (code === GatewayCode.idle) this.#idle++;
    if (code === GatewayCode.server_refused) this.#refuse("server_refused");
    if (code === GatewayCode.server_unreachable) this.#refuse("server_unreachable");
  }

  getStats(): GatewayStats {
    const copy = ({ datagrams, bytes, drops }: Traffic): Traffic => ({
      datagrams,
      bytes,
      drops: { ...drops },
    });
    return {
      clients: this.#clients.size,
      accepted: this.#accepted,
      refusals: { ...this.#refusals },
      idle: this.#idle,
      toServers: copy(this.#toServers),
      toClients: copy(this.#toClients),
    };
  }

  /** Ends all clients' connections, and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const client of [...this.#clients]) client.end(GatewayCode.going_away);
  }
}
