/**
 * UDP on Bun.udpSocket, which sends at once or not at all. Of the datagrams of one turn of the event loop the first goes
 * by itself, so that nothing waits that is alone; the others go together, several in one call of the system.
 */
import { resolveHost } from "./node-resolve.ts";
import { SendRing } from "./send-ring.ts";
import {
  type CarrierHandler,
  type CarrierStatistics,
  isRefusal,
  newStatistics,
  type RemoteAddress,
  type UdpCarrier,
  type UdpCarriers,
} from "./types.ts";

/** As much of Bun as is used here. */
interface BunSocket {
  readonly port: number;
  readonly address: { readonly address: string };
  send(datagram: Uint8Array): boolean;
  send(datagram: Uint8Array, port: number, host: string): boolean;
  /** Datagrams, each with port and host behind it unless the socket is connected; answers how many were sent. */
  sendMany(datagrams: readonly (Uint8Array | number | string)[]): number;
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

/** So many go in one call: more would save little, and leave the peer without work for as long as they are collected. */
const BATCH = 8;

class BunUdpCarrier implements UdpCarrier {
  readonly statistics: CarrierStatistics;
  readonly host: string;
  readonly port: number;
  readonly #socket: BunSocket;
  readonly #isConnected: boolean;
  readonly #drained: () => void;
  readonly #ring = new SendRing();
  /** What goes when it is {@link BATCH} datagrams, or at the end of this turn, as {@link BunSocket.sendMany} takes it. */
  readonly #queue: (Uint8Array | number | string)[] = [];
  #queued = 0;
  /** Whether something was sent in this turn. */
  #isBatching = false;
  #isFull = false;
  #isClosed = false;

  constructor(socket: BunSocket, isConnected: boolean, statistics: CarrierStatistics, drained: () => void) {
    this.#socket = socket;
    this.#isConnected = isConnected;
    this.statistics = statistics;
    this.#drained = drained;
    this.host = socket.address.address;
    this.port = socket.port;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(datagram: Uint8Array, to: RemoteAddress): boolean {
    if (this.#isClosed) return false;
    if (this.#isBatching) return this.#enqueue(datagram, to);
    this.#isBatching = true;
    setImmediate(this.#flush);
    if (this.#sendAlone(datagram, to)) return true;
    this.statistics.refusedByQueue++;
    return false;
  }

  /**
   * False if there is no room. Bun's sockets report the ICMP error that answers one datagram when the next is sent, and
   * do not send that: it has to be sent again, or whoever is gone would cost others their datagrams.
   */
  #sendAlone(datagram: Uint8Array, to: RemoteAddress): boolean {
    for (let tries = 0; tries < 2; tries++) {
      try {
        const isSent = this.#isConnected
          ? this.#socket.send(datagram)
          : this.#socket.send(datagram, to.port, to.host);
        if (isSent) this.statistics.sent++;
        return isSent;
      } catch {
        this.statistics.errors++;
      }
    }
    return true;
  }

  #enqueue(datagram: Uint8Array, to: RemoteAddress): boolean {
    const copy = this.#ring.copy(datagram, this.#queued++);
    if (this.#isConnected) this.#queue.push(copy);
    else this.#queue.push(copy, to.port, to.host);
    return this.#queued < BATCH || this.#sendQueue();
  }

  /** The end of a turn. */
  readonly #flush = (): void => {
    this.#isBatching = false;
    if (this.#isClosed) return;
    if (this.#queued > 0) this.#sendQueue();
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#drained();
  };

  /**
   * False if not all of it went: a datagram that the socket has no room for is late already, and dropped. As in
   * {@link #sendAlone}, an error stops the batch where it is, with or without an exception.
   */
  #sendQueue(): boolean {
    const fields = this.#isConnected ? 1 : 3;
    const count = this.#queued;
    let sent = 0;
    let failures = 0;
    while (sent < count && failures < 2) {
      let now = 0;
      try {
        now = this.#socket.sendMany(sent === 0 ? this.#queue : this.#queue.slice(sent * fields));
      } catch {
        this.statistics.errors++;
      }
      sent += now;
      failures = now === 0 ? failures + 1 : 0;
    }
    this.#queue.length = 0;
    this.#queued = 0;
    this.statistics.sent += sent;
    this.statistics.refusedByQueue += count - sent;
    if (sent < count) this.#isFull = true;
    return sent === count;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#socket.close();
  }
}

async function open(
  { host, port }: RemoteAddress,
  remote: RemoteAddress | undefined,
  handler: CarrierHandler,
): Promise<UdpCarrier> {
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
  carrier = new BunUdpCarrier(socket, remote !== undefined, statistics, () => {
    if (isOpen()) handler.drained();
  });
  return carrier;
}

export const bunUdp: UdpCarriers = {
  resolve: resolveHost,
  bind: (local, handler) => open(local, undefined, handler),
  connect: (remote, handler, localHost) =>
    open({ host: localHost ?? (remote.host.includes(":") ? "::" : "0.0.0.0"), port: 0 }, remote, handler),
};
