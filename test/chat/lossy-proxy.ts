/**
 * A bad network between clients and a server, on real sockets: a UDP forwarder on loopback that loses, doubles and
 * reorders datagrams in both directions, by a seed. As behind a NAT, the server sees each client at a port of its own.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { formatLink, parseLink } from "../../src/apps/chat/link.ts";
import { Random } from "../sim/random.ts";

export interface LossyProxyOptions {
  /** Where the server is: `udp://127.0.0.1:port`. It may end, and start again there. */
  readonly target: string | URL;
  readonly seed?: number;
  /** Shares of the datagrams, from 0 to 1: a tenth is lost and a tenth reordered unless given, and none doubled. */
  readonly loss?: number;
  readonly duplication?: number;
  readonly reordering?: number;
}

/** What became of datagrams, so far. */
export interface LaneCounts {
  forwarded: number;
  lost: number;
  doubled: number;
  reordered: number;
}

/** A datagram that is held back goes behind so many others of its client and direction, or after so long. */
const HELD_BEHIND = 3;
const HELD_MS = 20;
const MAX_CLIENTS = 1_024;

export class LossyProxy {
  /** Of all clients together, from them and to them. */
  readonly counts: { readonly up: LaneCounts; readonly down: LaneCounts } = {
    up: noCounts(),
    down: noCounts(),
  };
  /** Whether the path is gone at present: everything is lost. */
  isCut = false;
  readonly #front: Socket;
  readonly #target: URL;
  readonly #clients = new Map<string, { readonly back: Socket; readonly up: Lane; readonly down: Lane }>();
  readonly #shares: readonly number[];
  readonly #random: Random;
  #isClosed = false;

  private constructor(front: Socket, options: LossyProxyOptions) {
    const { target, seed = 1, loss = 0.1, duplication = 0, reordering = 0.1 } = options;
    this.#front = front;
    this.#target = new URL(`${target}`.replace(/^udp:/, "http:"));
    this.#shares = [loss, duplication, reordering];
    this.#random = new Random(seed);
    front.on("message", (datagram, { address, port }) =>
      this.#pass(this.#client(address, port).up, datagram),
    );
  }

  static async open(options: LossyProxyOptions): Promise<LossyProxy> {
    return new LossyProxy(await boundSocket(), options);
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** Where clients are to connect to. */
  get url(): string {
    return `udp://127.0.0.1:${this.port}`;
  }

  /** The same chat, by way of this network. */
  link(link: string): string {
    return formatLink({ ...parseLink(link), host: "127.0.0.1", port: this.port });
  }

  #client(address: string, port: number): { readonly up: Lane } {
    const key = `${address}:${port}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) throw new Error("too many clients for one network");
      // Not connected, so that a server that is gone for a while is no error.
      const back = createSocket("udp4").bind(0, "127.0.0.1");
      const { hostname, port: targetPort } = this.#target;
      const up = new Lane(this.counts.up, (datagram) => back.send(datagram, Number(targetPort), hostname));
      const down = new Lane(this.counts.down, (datagram) => this.#front.send(datagram, port, address));
      back.on("message", (datagram) => this.#pass(down, datagram));
      client = { back, up, down };
      this.#clients.set(key, client);
    }
    return client;
  }

  #pass(lane: Lane, datagram: Uint8Array): void {
    // All of them for every datagram: what one share is does not change whom the others hit.
    const [isLost, isDoubled, isHeld] = this.#shares.map((share) => this.#random.chance(share));
    if (this.isCut || isLost) {
      lane.counts.lost++;
      return;
    }
    if (isDoubled) {
      lane.counts.doubled++;
      lane.send(datagram);
    }
    if (isHeld) {
      lane.counts.reordered++;
      lane.hold(datagram);
    } else lane.send(datagram);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const sockets = [this.#front];
    for (const { back, up, down } of this.#clients.values()) {
      sockets.push(back);
      up.close();
      down.close();
    }
    await Promise.all(
      sockets.map((socket) => {
        const closed = once(socket, "close");
        socket.close();
        return closed;
      }),
    );
  }
}

/** The datagrams of one client in one direction. */
class Lane {
  readonly counts: LaneCounts;
  readonly #forward: (datagram: Uint8Array) => void;
  readonly #held = new Map<Uint8Array, { left: number; readonly timer: NodeJS.Timeout }>();

  constructor(counts: LaneCounts, forward: (datagram: Uint8Array) => void) {
    this.counts = counts;
    this.#forward = forward;
  }

  send(datagram: Uint8Array): void {
    this.#send(datagram);
    for (const [held, wait] of this.#held) if (--wait.left === 0) this.#release(held);
  }

  #send(datagram: Uint8Array): void {
    this.counts.forwarded++;
    this.#forward(datagram);
  }

  hold(datagram: Uint8Array): void {
    const timer = setTimeout(() => this.#release(datagram), HELD_MS);
    this.#held.set(datagram, { left: HELD_BEHIND, timer });
  }

  #release(datagram: Uint8Array): void {
    clearTimeout(this.#held.get(datagram)?.timer);
    this.#held.delete(datagram);
    this.#send(datagram);
  }

  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }
}

function noCounts(): LaneCounts {
  return { forwarded: 0, lost: 0, doubled: 0, reordered: 0 };
}

async function boundSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}
