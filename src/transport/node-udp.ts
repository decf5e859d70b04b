/** UDP on node:dgram. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
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

/** What the system is asked to keep of what comes and goes in bursts. */
const SOCKET_BUFFER_BYTES = 1 << 20;

class NodeUdpCarrier implements UdpCarrier {
  readonly statistics: CarrierStatistics = newStatistics();
  readonly host: string;
  readonly port: number;
  readonly fullTurn: number = FULL_TURN;
  readonly #socket: Socket;
  readonly #isConnected: boolean;
  readonly #ring = new SendRing();
  /** What is under way, where the socket does not tell: node:dgram of other runtimes need not. */
  #unsent: number | undefined;
  /** Whether a send was refused since there was room. */
  #isFull = false;
  #closing: Promise<void> | undefined;

  /** @param remote the one peer, if there is only one */
  constructor(socket: Socket, remote: RemoteAddress | undefined, handler: CarrierHandler) {
    const isConnected = remote !== undefined;
    this.#socket = socket;
    this.#isConnected = isConnected;
    const { address, port } = socket.address();
    this.host = address;
    this.port = port;
    if (!tellsQueue(socket)) this.#unsent = 0;
    socket.on("message", (message: Uint8Array, from: RemoteInfo) => {
      if (this.#closing !== undefined) return;
      this.statistics.received++;
      // The system may spell an address otherwise.
      if (remote === undefined) handler.datagram(message, from.address, from.port);
      else handler.datagram(message, remote.host, remote.port);
    });
    // ICMP errors end up here; none of them is the socket's end.
    socket.on("error", (error) => {
      this.statistics.errors++;
      if (this.#closing === undefined && isConnected && isRefusal(error)) handler.refused();
    });
    socket.on("close", () => {
      if (this.#closing !== undefined) return;
      this.#closing = Promise.resolve();
      handler.failed(new Error("the socket was closed"));
    });
    this.#sent = (error) => {
      if (this.#unsent !== undefined) this.#unsent--;
      if (error) {
        this.statistics.errors++;
        if (this.#closing === undefined && isConnected && isRefusal(error)) handler.refused();
      }
      if (!this.#isFull || this.#closing !== undefined) return;
      if (this.#queued > SendRing.capacity / 2) return;
      this.#isFull = false;
      handler.drained();
    };
  }

  readonly #sent: (error: Error | null) => void;

  get #queued(): number {
    return this.#unsent ?? this.#socket.getSendQueueCount();
  }

  send(datagram: Uint8Array, to: RemoteAddress): boolean {
    if (this.#closing !== undefined) return false;
    try {
      return this.#send(datagram, to);
    } catch {
      // node:dgram throws for port 0, which datagrams may well come from, and once it is closed, before its event says so.
      if (this.#unsent !== undefined) this.#unsent--;
      this.statistics.errors++;
      return true;
    }
  }

  #send(datagram: Uint8Array, to: RemoteAddress): boolean {
    const socket = this.#socket;
    // What the system takes at once is not in this queue; usually it is empty.
    const queued = this.#queued;
    if (queued >= SendRing.capacity) {
      this.#isFull = true;
      this.statistics.refusedByQueue++;
      return false;
    }
    const copy = this.#ring.copy(datagram, queued);
    const isCounted = this.#unsent !== undefined;
    if (isCounted) this.#unsent = queued + 1;
    // Without a callback, Node says nothing of a datagram that the system does not take: it is lost, as others are on
    // their way. With datagrams in the queue, their end has to be known.
    if (queued === 0 && !isCounted) {
      if (this.#isConnected) socket.send(copy);
      else socket.send(copy, to.port, to.host);
    } else if (this.#isConnected) socket.send(copy, this.#sent);
    else socket.send(copy, to.port, to.host, this.#sent);
    this.statistics.sent++;
    return true;
  }

  afterTurn(callback: () => void): void {
    setImmediate(callback);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      const socket = this.#socket;
      const end = () => socket.close(() => resolve());
      // Closing drops what is queued; an empty datagram's callback comes after all of it. Nobody is sent an empty one.
      if (this.#queued === 0) end();
      else this.#whenSent(end);
    }).catch(() => {
      // It is closed already.
    });
    return this.#closing;
  }

  /** Calls back once the queue is empty, or does not get shorter for a while. */
  #whenSent(then: () => void, before = Number.POSITIVE_INFINITY): void {
    const count = this.#queued;
    if (count === 0 || count >= before) then();
    else setTimeout(() => this.#whenSent(then, count), 50);
  }
}

/** Whether a socket says how many datagrams wait in it. */
function tellsQueue(socket: Socket): boolean {
  try {
    return socket.getSendQueueCount() === 0;
  } catch {
    return false;
  }
}

/** A socket without address yet. IP addresses need no look-up, and an asynchronous one would delay every datagram. */
function open(host: string): Socket {
  const family = isIPv6(host.split("%")[0]!) ? 6 : 4;
  return createSocket({
    type: `udp${family}`,
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    lookup: (address, _options, callback) => callback(null, address, family),
  });
}

/** A port of this process alone: workers of node:cluster would else share one, and each get some of a session's datagrams. */
function bind(socket: Socket, { host, port }: RemoteAddress): Promise<void> {
  return until(socket, "listening", () => socket.bind({ address: host, port, exclusive: true }));
}

/** Waits for a socket's event, or its error. */
function until(socket: Socket, event: "listening" | "connect", start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      socket.off(event, done);
      socket.on("error", () => {});
      socket.close();
      reject(error);
    };
    const done = () => {
      socket.off("error", failed);
      resolve();
    };
    socket.once(event, done);
    socket.once("error", failed);
    start();
  });
}

export const nodeUdp: UdpCarriers = {
  resolve: resolveHost,
  async bind(local, handler) {
    const socket = open(local.host);
    await bind(socket, local);
    return new NodeUdpCarrier(socket, undefined, handler);
  },
  async connect({ host, port }, handler, localHost) {
    const socket = open(host);
    if (localHost !== undefined) await bind(socket, { host: localHost, port: 0 });
    await until(socket, "connect", () => socket.connect(port, host));
    return new NodeUdpCarrier(socket, { host, port }, handler);
  },
};
