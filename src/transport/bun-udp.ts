/**
 * UDP on Bun.udpSocket, which sends at once or not at all. Of the datagrams of one turn of the event loop the first goes
 * by itself, so that nothing waits that is alone; the others go together, several in one call of the system.
 */
import { resolveHost } from "./node-resolve.ts";
import { SendRing } from "./send-ring.ts";
import {
  type CarrierHandler,
  type CarrierStatistics,
  FULL_TURN,
  isRefusal,
  newStatistics,
  type RemoteAddress,
  type UdpCarrier,
  type UdpCarriers,
} from "./types.ts";

/** As much of Bun as is used here. */
interface BunSocket {
  readonly closed: boolean;
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
  readonly port?: number | undefined;
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
  readonly fullTurn: number = FULL_TURN;
  readonly #socket: BunSocket;
  readonly #isConnected: boolean;
  readonly #handler: CarrierHandler;
  readonly #ring = new SendRing();
  /** What goes when it is {@link BATCH} datagrams, or at the end of this turn, as {@link BunSocket.sendMany} takes it. */
  readonly #queue: (Uint8Array | number | string)[] = [];
  #queued = 0;
  /** Whether something was sent in this turn. */
  #isBatching = false;
  #isFull = false;
  #isClosed = false;

  constructor(
    socket: BunSocket,
    isConnected: boolean,
    statistics: CarrierStatistics,
    handler: CarrierHandler,
  ) {
    this.#socket = socket;
    this.#isConnected = isConnected;
    this.statistics = statistics;
    this.#handler = handler;
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
    this.#lookForEnd();
    return true;
  }

  /** Nothing but what cannot be sent any more tells that a socket was closed. */
  #lookForEnd(): void {
    if (!this.#socket.closed || this.#isClosed) return;
    this.#isClosed = true;
    // Not from within a `send`.
    queueMicrotask(() => this.#handler.failed(new Error("the socket was closed")));
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
    if (!this.#isFull || this.#isClosed) return;
    this.#isFull = false;
    this.#handler.drained();
  };

  /**
   * False if there was no room for all of it: a datagram that has to wait is late already, and dropped. As in
   * {@link #sendAlone}, an error stops the batch where it is, with or without an exception. One that comes again is of a
   * datagram that cannot be sent at all: then each goes alone.
   */
  #sendQueue(): boolean {
    const fields = this.#isConnected ? 1 : 3;
    const queue = this.#queue;
    const count = this.#queued;
    let at = 0;
    let failures = 0;
    let hasThrown = false;
    while (at < count && failures < 2) {
      let now = 0;
      try {
        now = this.#socket.sendMany(at === 0 ? queue : queue.slice(at * fields));
      } catch {
        this.statistics.errors++;
        hasThrown = true;
      }
      at += now;
      this.statistics.sent += now;
      failures = now === 0 ? failures + 1 : 0;
    }
    while (hasThrown && at < count) {
      const [datagram, port, host] = queue.slice(at * fields, (at + 1) * fields) as [
        Uint8Array,
        number,
        string,
      ];
      if (!this.#sendAlone(datagram, { host, port })) break;
      at++;
    }
    queue.length = 0;
    this.#queued = 0;
    this.statistics.refusedByQueue += count - at;
    if (at < count) this.#isFull = true;
    return at === count;
  }

  afterTurn(callback: () => void): void {
    setImmediate(callback);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#queued > 0) this.#sendQueue();
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
        // The system may spell an address otherwise.
        if (remote === undefined) handler.datagram(datagram, fromHost, fromPort);
        else handler.datagram(datagram, remote.host, remote.port);
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
  carrier = new BunUdpCarrier(socket, remote !== undefined, statistics, handler);
  return carrier;
}

export const bunUdp: UdpCarriers = {
  resolve: resolveHost,
  bind: (local, handler) => open(local, undefined, handler),
  connect: (remote, handler, localHost) =>
    open({ host: localHost ?? (remote.host.includes(":") ? "::" : "0.0.0.0"), port: 0 }, remote, handler),
};
