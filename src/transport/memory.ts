/** A network in memory, for tests and for two ends in one program: nothing is lost unless a filter says so. */
import {
  type CarrierHandler,
  type CarrierStatistics,
  newStatistics,
  type RemoteAddress,
  type UdpCarrier,
  type UdpCarriers,
} from "./types.ts";

const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;

/** Sees each datagram on its way: answers what is to arrive instead of it. */
export type Filter = (
  datagram: Uint8Array,
  from: RemoteAddress,
  to: RemoteAddress,
) => readonly { readonly datagram: Uint8Array; readonly from: RemoteAddress; readonly to: RemoteAddress }[];

export class MemoryNetwork implements UdpCarriers {
  filter: Filter | undefined;
  readonly #carriers = new Map<string, MemoryCarrier>();
  #lastPort = FIRST_PORT - 1;

  async resolve(host: string): Promise<readonly string[]> {
    return [host];
  }

  async bind(local: RemoteAddress, handler: CarrierHandler): Promise<UdpCarrier> {
    const port = local.port === 0 ? this.#freePort(local.host) : local.port;
    return this.#attach({ host: local.host, port }, undefined, handler);
  }

  async connect(remote: RemoteAddress, handler: CarrierHandler, localHost?: string): Promise<UdpCarrier> {
    const host = localHost ?? remote.host;
    return this.#attach({ host, port: this.#freePort(host) }, remote, handler);
  }

  #attach(local: RemoteAddress, remote: RemoteAddress | undefined, handler: CarrierHandler): UdpCarrier {
    const key = keyOf(local);
    if (this.#carriers.has(key)) {
      throw Object.assign(new Error(`${key} is in use`), { code: "EADDRINUSE" });
    }
    const carrier = new MemoryCarrier(local, remote, handler, {
      send: (datagram, to) => this.inject(datagram, local, to),
      close: () => this.#carriers.delete(key),
    });
    this.#carriers.set(key, carrier);
    return carrier;
  }

  #freePort(host: string): number {
    for (let tries = FIRST_PORT; tries <= LAST_PORT; tries++) {
      this.#lastPort = this.#lastPort === LAST_PORT ? FIRST_PORT : this.#lastPort + 1;
      if (!this.#carriers.has(keyOf({ host, port: this.#lastPort }))) return this.#lastPort;
    }
    throw Object.assign(new Error("no port is free"), { code: "EADDRINUSE" });
  }

  /** Sends a datagram as if from any address. It arrives in a task of its own, as from a socket. */
  inject(datagram: Uint8Array, from: RemoteAddress, to: RemoteAddress): void {
    const copy = datagram.slice();
    const arriving = this.filter?.(copy, from, to) ?? [{ datagram: copy, from, to }];
    for (const each of arriving) queueMicrotask(() => this.#deliver(each.datagram, each.from, each.to));
  }

  #deliver(datagram: Uint8Array, from: RemoteAddress, to: RemoteAddress): void {
    const carrier = this.#carriers.get(keyOf(to));
    if (carrier !== undefined) carrier.receive(datagram, from);
    else this.#carriers.get(keyOf(from))?.refused();
  }
}

function keyOf({ host, port }: RemoteAddress): string {
  return `${host} ${port}`;
}

class MemoryCarrier implements UdpCarrier {
  readonly statistics: CarrierStatistics = newStatistics();
  readonly host: string;
  readonly port: number;
  /** Nothing waits. */
  readonly fullTurn: number = Number.POSITIVE_INFINITY;
  readonly #remote: RemoteAddress | undefined;
  readonly #handler: CarrierHandler;
  readonly #network: { send(datagram: Uint8Array, to: RemoteAddress): void; close(): void };
  #isClosed = false;

  constructor(
    local: RemoteAddress,
    remote: RemoteAddress | undefined,
    handler: CarrierHandler,
    network: { send(datagram: Uint8Array, to: RemoteAddress): void; close(): void },
  ) {
    this.host = local.host;
    this.port = local.port;
    this.#remote = remote;
    this.#handler = handler;
    this.#network = network;
  }

  send(datagram: Uint8Array, to: RemoteAddress): boolean {
    if (this.#isClosed) return false;
    this.statistics.sent++;
    this.#network.send(datagram, this.#remote ?? to);
    return true;
  }

  afterTurn(callback: () => void): void {
    setTimeout(callback, 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#network.close();
  }

  receive(datagram: Uint8Array, { host, port }: RemoteAddress): void {
    if (this.#isClosed) return;
    // A connected socket hears its peer only.
    if (this.#remote !== undefined && (host !== this.#remote.host || port !== this.#remote.port)) return;
    this.statistics.received++;
    this.#handler.datagram(datagram, host, port);
  }

  refused(): void {
    if (this.#isClosed || this.#remote === undefined) return;
    this.statistics.errors++;
    this.#handler.refused();
  }
}
