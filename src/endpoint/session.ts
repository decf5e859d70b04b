/** A session with an authenticated peer, in the shape of WebTransport's. */
import type { Bytes } from "../core/bytes.ts";
import type { SessionTicket } from "../dtls/config.ts";
import type { Connected } from "../dtls/connection.ts";
import type { DropCounters } from "../dtls/record-layer.ts";
import type { RemoteAddress } from "../transport/types.ts";
import type { Association } from "./association.ts";
import type { Peer } from "./auth.ts";
import { DatagramQueue, Datagrams } from "./datagrams.ts";
import type { Views } from "./views.ts";

/** How a session ended that ended well. */
export interface CloseInfo {
  readonly closeCode: number;
  readonly reason: string;
}

export interface SessionStats {
  /** Datagrams of application data, and bytes in them. */
  readonly datagramsSent: number;
  readonly bytesSent: number;
  readonly datagramsReceived: number;
  readonly bytesReceived: number;
  /** Received datagrams that nobody read in time. */
  readonly droppedIncoming: number;
  /** Datagrams that the socket had no room for. */
  readonly droppedOutgoing: number;
  /** Records that were not what they should be, by reason. */
  readonly drops: Readonly<DropCounters>;
  /** Of the handshake, in milliseconds; `undefined` if a retransmission hid it. */
  readonly rttMs: number | undefined;
  readonly handshakeMs: number;
}

/** What the session needs of where it lives. */
export interface SessionPlace {
  readonly views: Views;
  readonly peer: Peer | undefined;
  readonly details: Connected;
  /** Settles once the carrier has room. */
  drained(): Promise<void>;
  /** A client's: opens another socket. */
  rebind?(): Promise<void>;
}

const INCOMING_HIGH_WATER_MARK = 64;

/** Receives a datagram's content: a view that is valid during the call only. */
export type DatagramHandler = (datagram: Bytes) => void;

export class Session {
  /** Settled already: a session exists once its handshake is done. */
  readonly ready: Promise<void> = Promise.resolve();
  /** Settles at the end: resolved after `close` on either side, rejected with a `SealgramError` after anything else. */
  readonly closed: Promise<CloseInfo>;
  readonly #association: Association;
  readonly #place: SessionPlace;
  readonly #queue = new DatagramQueue(INCOMING_HIGH_WATER_MARK);
  #handler: DatagramHandler | null = null;
  #datagrams: Datagrams | undefined;
  #ticket: SessionTicket | undefined;
  #onticket: ((ticket: SessionTicket) => void) | null = null;
  #datagramsSent = 0;
  #bytesSent = 0;
  #datagramsReceived = 0;
  #bytesReceived = 0;
  #droppedOutgoing = 0;

  /** @internal */
  constructor(association: Association, place: SessionPlace) {
    this.#association = association;
    this.#place = place;
    this.closed = new Promise((resolve, reject) => {
      association.user = {
        data: (buffer, start, length) => this.#receive(buffer, start, length),
        ticket: (ticket) => this.#receiveTicket(ticket),
        ended: (reason) => {
          this.#datagrams?.end(reason);
          if (reason === undefined) resolve({ closeCode: 0, reason: "" });
          else reject(reason);
        },
      };
    });
    // Not everybody asks how a session ended.
    this.closed.catch(() => {});
  }

  /** Who the other side has proved to be; `undefined` for a client that was not asked to. */
  get peer(): Peer | undefined {
    return this.#place.peer;
  }

  /** Where the peer is at present. */
  get remoteAddress(): RemoteAddress {
    return this.#association.remote;
  }

  get isClosed(): boolean {
    return this.#association.connection.state === "closed";
  }

  /** What the handshake has settled. */
  get handshake(): Omit<Connected, "peer"> {
    const { peer: _, ...rest } = this.#place.details;
    return rest;
  }

  // Datagrams

  /**
   * Sends a datagram: at once, or not at all. It may change as soon as this returns.
   * @returns false if the socket had no room for it
   * @throws TypeError after the end, RangeError above {@link maxDatagramSize}
   */
  sendDatagram(datagram: Uint8Array): boolean {
    const isSent = this.#association.send(datagram);
    if (isSent) {
      this.#datagramsSent++;
      this.#bytesSent += datagram.length;
    } else this.#droppedOutgoing++;
    return isSent;
  }

  /** The largest datagram that can be sent, in bytes. */
  get maxDatagramSize(): number {
    return this.#association.connection.maxDataBytes;
  }

  /**
   * Called with each datagram. The array is a view on memory that the next datagram overwrites: copy what is to be
   * kept. What came before it was set comes first.
   */
  get ondatagram(): DatagramHandler | null {
    return this.#handler;
  }

  set ondatagram(handler: DatagramHandler | null) {
    this.#handler = handler;
    if (!this.#queue.isEmpty) queueMicrotask(() => this.#handOver());
  }

  /** Datagrams as streams. While {@link ondatagram} is set, the datagrams go there instead. */
  get datagrams(): Datagrams {
    this.#datagrams ??= new Datagrams({
      queue: this.#queue,
      send: (datagram) => this.sendDatagram(datagram),
      drained: () => this.#place.drained(),
      maxDatagramSize: this.maxDatagramSize,
    });
    return this.#datagrams;
  }

  #receive(buffer: Bytes, start: number, length: number): void {
    this.#datagramsReceived++;
    this.#bytesReceived += length;
    if (this.#handler !== null && this.#queue.isEmpty) {
      this.#call(this.#handler, this.#place.views.of(buffer, start, length));
    } else {
      this.#queue.push(buffer.slice(start, start + length));
      if (this.#handler === null) this.#datagrams?.wake();
    }
  }

  /** Hands what has waited to a handler that was set meanwhile. */
  #handOver(): void {
    while (this.#handler !== null) {
      const datagram = this.#queue.shift();
      if (datagram === undefined) return;
      this.#call(this.#handler, datagram);
    }
  }

  /** The application's faults are its own: they are reported as uncaught, and the session goes on. */
  #call<T>(handler: (value: T) => void, value: T): void {
    try {
      handler(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  // Resumption

  /** A client's newest ticket, to be passed to the next `connect`. It is a secret. */
  get ticket(): SessionTicket | undefined {
    return this.#ticket;
  }

  /** Called with each ticket. */
  get onticket(): ((ticket: SessionTicket) => void) | null {
    return this.#onticket;
  }

  set onticket(handler: ((ticket: SessionTicket) => void) | null) {
    this.#onticket = handler;
  }

  #receiveTicket(ticket: SessionTicket): void {
    this.#ticket = ticket;
    if (this.#onticket !== null) this.#call(this.#onticket, ticket);
  }

  // Keys, paths, statistics

  /**
   * Keying material that both sides can make and nobody else (RFC 9846 §7.5).
   * @param length in bytes
   * @throws TypeError after the end
   */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Bytes {
    return this.#association.connection.exportKeyingMaterial(label, context, length);
  }

  /**
   * Changes the keys that this side sends with, as the session does by itself long before it has to.
   * @throws TypeError after the end
   */
  updateKeys(): void {
    this.#association.run((connection) => connection.updateKeys());
  }

  /**
   * A client's: goes on from another socket, on another port and whatever network there is now. The session survives,
   * as it does when a NAT or the network changes the address without a word.
   * @throws TypeError on a server's session, or after the end
   */
  async rebind(): Promise<void> {
    if (this.#place.rebind === undefined)
      throw new TypeError("only a client's session has a socket of its own");
    if (this.isClosed) throw new TypeError("the connection is closed");
    await this.#place.rebind();
  }

  async getStats(): Promise<SessionStats> {
    const { connection } = this.#association;
    return {
      datagramsSent: this.#datagramsSent,
      bytesSent: this.#bytesSent,
      datagramsReceived: this.#datagramsReceived,
      bytesReceived: this.#bytesReceived,
      droppedIncoming: this.#queue.dropped,
      droppedOutgoing: this.#droppedOutgoing,
      drops: { ...connection.drops },
      rttMs: connection.rttMs,
      handshakeMs: this.#place.details.handshakeMs,
    };
  }

  /** Tells the peer, and ends the session. Idempotent. */
  close(): void {
    this.#association.connection.close();
  }
}
