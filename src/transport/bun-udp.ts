/** UDP on Bun.udpSocket, which sends at once or not at all. */
import { resolveHost } from "./node-resolve.ts";
import {
  type Carrier,
  type CarrierHandler,
  type CarrierStatistics,
  isRefusal,
  newStatistics,
  type RemoteAddress,
  type UdpCarriers,
} from "./types.ts";

/** As much of Bun as is used here. */
interface BunSocket {
  readonly port: number;
  readonly address: { readonly address: string };
  send(datagram: Uint8Array): boolean;
  send(datagram: Uint8Array, port: number, host: string): boolean;
  close(): void;
}
interface BunOptions {
  readonly hostname: string;
  readonly port?: number;
  readonly connect?: { readonly hostname: string; readonly port: number };
  readonly socket: {
    data(socket: BunSocket, datagram: Uint8Array, port: number, host: string): void;
    drain(): void;
    error(error: unknown): void;
  };
}
interface BunNet {
  udpSocket(options: BunOptions): Promise<BunSocket>;
}

class BunUdpCarrier implements Carrier {
  readonly statistics: CarrierStatistics;
  readonly host: string;
  readonly port: number;
  readonly #socket: BunSocket;
  readonly #isConnected: boolean;
  #isClosed = false;

  constructor(socket: BunSocket, isConnected: boolean, statistics: CarrierStatistics) {
    this.#socket = socket;
    this.#isConnected = isConnected;
    this.statistics = statistics;
    this.host = socket.address.address;
    this.port = socket.port;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(datagram: Uint8Array, to: RemoteAddress): boolean {
    if (this.#isClosed) return false;
    let isSent: boolean;
    try {
      isSent = this.#isConnected
        ? this.#socket.send(datagram)
        : this.#socket.send(datagram, to.port, to.host);
    } catch {
      this.statistics.errors++;
      return true;
    }
    if (isSent) this.statistics.sent++;
    else this.statistics.refusedByQueue++;
    return isSent;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

async function open(
  { host, port }: RemoteAddress,
  remote: RemoteAddress | undefined,
  handler: CarrierHandler,
): Promise<Carrier> {
  const { Bun } = globalThis as unknown as { Bun: BunNet };
  const statistics = newStatistics();
  let carrier: BunUdpCarrier | undefined;
  const isOpen = () => carrier !== undefined && !carrier.isClosed;
  const socket = await Bun.udpSocket({
    hostname: host,
    port,
    ...(remote === undefined ? {} : { connect: { hostname: remote.host, port: remote.port } }),
    socket: {
      data(_socket, datagram, fromPort, fromHost) {
        if (!isOpen()) return;
        statistics.received++;
        handler.datagram(datagram, fromHost, fromPort);
      },
      drain() {
        if (isOpen()) handler.drained();
      },
      error(error) {
        statistics.errors++;
        if (isOpen() && remote !== undefined && isRefusal(error)) handler.refused();
      },
    },
  });
  carrier = new BunUdpCarrier(socket, remote !== undefined, statistics);
  return carrier;
}

export const bunUdp: UdpCarriers = {
  resolve: resolveHost,
  bind: (local, handler) => open(local, undefined, handler),
  connect: (remote, handler) =>
    open({ host: remote.host.includes(":") ? "::" : "0.0.0.0", port: 0 }, remote, handler),
};
