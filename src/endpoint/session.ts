/** A session with an authenticated peer, in the shape of WebTransport's. */
import { type Bytes, bytesOf } from "../core/bytes.ts";
import type { SessionTicket } from "../dtls/config.ts";
import type { Connected } from "../dtls/connection.ts";
import type { DropCounters } from "../dtls/record-layer.ts";
import { SealgramError } from "../errors.ts";
import { call, isWithdrawal } from "../faults.ts";
import type { IterableStream } from "../runtime-types.ts";
import type { Fate } from "../session/callbacks.ts";
import type { DatagramOutcome } from "../session/datagram-queue.ts";
import { SessionEnd } from "../session/end.ts";
import type { RequestHandler, RequestOptions } from "../session/requests.ts";
import { StreamError } from "../session/stream-error.ts";
import type { StreamOptions, WebSession } from "../session/web-session.ts";
import type { BidirectionalStream, ReceiveStreamFace, SendStreamFace } from "../session/web-streams.ts";
import type { RemoteAddress } from "../transport/types.ts";
import type { Association, AssociationUser } from "./association.ts";
import type { Peer } from "./auth.ts";
import { DatagramQueue, Datagrams } from "./datagrams.ts";
import { keptTicket } from "./kept-ticket.ts";
import { agreedProtocol } from "./session-settings.ts";
import type { StreamsHost, StreamsLink } from "./streams-link.ts";
import type { Views } from "./views.ts";

/** How a session ended that ended well. */
export interface CloseInfo {
  /** What the side that closed the session has said: from 0 to 2^32 - 1, and a text; 0 and none without streams. */
  readonly closeCode: number;
  readonly reason: string;
}

/** Counters of a session. */
export interface SessionStats {
  /** Datagrams of application data that were taken to be sent, and bytes in them. With streams some may wait. */
  readonly datagramsSent: number;
  readonly bytesSent: number;
  readonly datagramsReceived: number;
  readonly bytesReceived: number;
  /** Received datagrams that nobody read in time. */
  readonly droppedIncoming: number;
  /** Of these, those that `incomingMaxAge` has dropped. */
  readonly expiredIncoming: number;
  /**
   * Datagrams that were not sent: those that `sendDatagram` has answered with false, and with streams those that were
   * taken, but became too old, or too large for the path, or still waited at the end.
   */
  readonly droppedOutgoing: number;
  /** Records that were not what they should be, by reason. */
  readonly drops: Readonly<DropCounters>;
  /** Of the handshake, in milliseconds; `undefined` if a retransmission hid it. */
  readonly rttMs: number | undefined;
  /** How long the handshake took, from its first flight on. */
  readonly handshakeMs: number;
  /** What acknowledgements tell; `undefined` without streams. */
  readonly path: PathStats | undefined;
}

/** As WebTransportConnectionStats and its companions have it, with times in milliseconds. */
export interface PathStats {
  /** Unknown before the path was measured. */
  readonly smoothedRttMs: number | undefined;
  readonly rttVariationMs: number | undefined;
  readonly minRttMs: number | undefined;
  /** Datagrams of application data that went out in packets. */
  readonly datagramsSent: number;
  /** Packets are records that carry frames; bytes are those of packets. */
  readonly packetsSent: number;
  /**
   * Those declared lost, and {@link bytesLost} in them; without probes for a larger datagram, which are sent to find out
   * whether they get lost.
   */
  readonly packetsLost: number;
  readonly packetsReceived: number;
  readonly bytesSent: number;
  readonly bytesLost: number;
  readonly bytesReceived: number;
  readonly bytesInFlight: number;
  readonly congestionWindowBytes: number;
  /** The largest UDP payload that is known to arrive. */
  readonly mtuBytes: number;
  /** Of `droppedOutgoing`, those that `outgoingMaxAge` has dropped, and those that the path has become too small for. */
  readonly expiredOutgoing: number;
  readonly tooLargeOutgoing: number;
  /** Datagrams that the network has lost. */
  readonly lostOutgoing: number;
}

/** What the session needs of where it lives. */
export interface SessionPlace {
  readonly views: Views;
  readonly peer: Peer | undefined;
  readonly details: Connected;
  /** Told of the faults of the application's functions. */
  readonly report: (error: unknown, session: Session) => void;
  /** Settles once the carrier has room. */
  drained(): Promise<void>;
  /** Opens streams, if this side has any. */
  readonly openStreams: ((host: StreamsHost) => StreamsLink) | undefined;
  /** The most that the carrier takes, where that is less than UDP does. */
  maxDatagramBytes(): number | undefined;
  /** A client's: opens another socket. */
  rebind?(): Promise<void>;
}

const INCOMING_HIGH_WATER_MARK = 64;

/** Receives a datagram's content: a view that is valid during the call only. */
export type DatagramHandler = (datagram: Bytes) => void;

/**
 * Told what the application's own functions have thrown, or their promises have rejected with: those that it has given to
 * `connect`, to `listen` and to sessions. Nothing ends by that. What only says that the peer has gone, or has given a
 * stream up, is not told.
 * @param session whose handler it was; `undefined` if it was no session's
 */
export type FaultHandler = (error: unknown, session: Session | undefined) => void;

/** A session with an authenticated peer, in the shape of W3C WebTransport's. Made by `connect` and `listen`. */
export class Session {
  /** Settles once streams can be opened: soon, as a session exists once its handshake is done. */
  readonly ready: Promise<void>;
  /** Settles at the end: resolved after `close` on either side, rejected with a `SealgramError` after anything else. */
  readonly closed: Promise<CloseInfo>;
  /**
   * Resolves when the session is to be wound up, as that of W3C WebTransport. A peer has no way to say so but to end it:
   * so it resolves with {@link closed}, however that settles.
   */
  readonly draining: Promise<void>;
  #settleClosed!: { resolve(info: CloseInfo): void; reject(error: SealgramError): void };
  readonly #association: Association;
  readonly #place: SessionPlace;
  readonly #queue: DatagramQueue;
  /** None if the sides have not agreed on streams. */
  readonly #link: StreamsLink | undefined;
  #handler: DatagramHandler | null = null;
  #datagrams: Datagrams | undefined;
  #ticket: SessionTicket | undefined;
  #onticket: ((ticket: SessionTicket) => void) | null = null;
  #datagramsSent = 0;
  #bytesSent = 0;
  #datagramsReceived = 0;
  #bytesReceived = 0;
  #refusedOutgoing = 0;
  #onrequest: RequestHandler | null = null;
  /** What those are told who want something of it after its end. */
  #end: SealgramError | undefined;
  readonly #report = (error: unknown): void => this.fault(error);

  /** @internal */
  constructor(association: Association, place: SessionPlace) {
    this.#association = association;
    this.#place = place;
    this.#queue = new DatagramQueue(INCOMING_HIGH_WATER_MARK, () => association.now());
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    const { hasStreams } = agreedProtocol(place.details.applicationProtocol);
    if (hasStreams && place.openStreams !== undefined) this.#link = this.#openStreams(place.openStreams);
    this.ready = this.#link?.web.ready ?? Promise.resolve();
    association.user = this.#link ?? this.#plainUser();
    // Not everybody asks how a session ended.
    const settle = () => {};
    this.draining = this.closed.then(settle, settle);
  }

  #openStreams(open: NonNullable<SessionPlace["openStreams"]>): StreamsLink {
    const { maxDatagramBytes, drained } = this.#place;
    return open({
      datagram: (buffer, start, length) => this.#receive(buffer, start, length),
      ticket: (ticket) => this.#receiveTicket(ticket),
      closed: (end) => this.#ended(end),
      report: this.#report,
      maxDatagramBytes,
      drained,
    });
  }

  /** What the connection calls without streams: each record is a datagram. */
  #plainUser(): AssociationUser {
    return {
      data: (buffer, start, length) => this.#receive(buffer, start, length),
      ticket: (ticket) => this.#receiveTicket(ticket),
      ended: (error) => this.#ended(new SessionEnd(0, "", error)),
      ending() {},
      flush() {},
      moved() {},
      deadlineMs: Number.POSITIVE_INFINITY,
      handleTimeout() {},
    };
  }

  #ended(end: SessionEnd): void {
    const { closeCode, reason, error } = end;
    this.#end = end.asError();
    this.#datagrams?.end(this.#end);
    if (error === undefined) this.#settleClosed.resolve({ closeCode, reason });
    else this.#settleClosed.reject(error);
  }

  /** @internal A fault of one of the application's functions, unless it is the peer that has gone. */
  fault(error: unknown): void {
    if (error instanceof StreamError || (this.isClosed && isWithdrawal(error))) return;
    this.#place.report(error, this);
  }

  /** Who the other side has proved to be; `undefined` for a client that was not asked to. */
  get peer(): Peer | undefined {
    return this.#place.peer;
  }

  /** Where the peer is at present. */
  get remoteAddress(): RemoteAddress {
    return this.#association.remote;
  }

  /** Whether it has ended, on either side, or {@link close} was called. */
  get isClosed(): boolean {
    return this.#link?.web.engine.isOver ?? this.#association.connection.state === "closed";
  }

  /** What the handshake has settled. */
  get handshake(): Omit<Connected, "peer"> {
    const { peer: _, ...rest } = this.#place.details;
    return { ...rest, applicationProtocol: this.protocol };
  }

  /** Which of `applicationProtocols` both sides have. */
  get protocol(): string | undefined {
    return agreedProtocol(this.#place.details.applicationProtocol).protocol;
  }

  // Streams

  /** Whether there are streams: both sides have agreed on them. */
  get hasStreams(): boolean {
    return this.#link !== undefined;
  }

  get #streams(): WebSession {
    if (this.#link === undefined) throw new SealgramError("no_streams", "the peer has no streams");
    return this.#link.web;
  }

  /**
   * Opens a stream in both directions. The peer learns of it with the first bytes.
   * @throws SealgramError no_streams, quota_exceeded (not with `waitUntilAvailable`), or why the session has ended
   */
  async createBidirectionalStream(options?: StreamOptions): Promise<BidirectionalStream> {
    return this.#streams.createBidirectionalStream(options);
  }

  /** As {@link createBidirectionalStream}. */
  async createUnidirectionalStream(options?: StreamOptions): Promise<SendStreamFace> {
    return this.#streams.createUnidirectionalStream(options);
  }

  /**
   * Streams in both directions that the peer opens; none while {@link onrequest} is set. It ends with the session, however
   * that ends, behind the streams that have arrived as a whole; a session without streams has none.
   */
  get incomingBidirectionalStreams(): IterableStream<BidirectionalStream> {
    return this.#link?.web.incomingBidirectional.readable ?? none();
  }

  /** Streams that the peer opens and alone writes to; otherwise as {@link incomingBidirectionalStreams}. */
  get incomingUnidirectionalStreams(): IterableStream<ReceiveStreamFace> {
    return this.#link?.web.incomingUnidirectional.readable ?? none();
  }

  /**
   * Sends a request and waits for the response of the peer's {@link onrequest}; any number at a time.
   * @throws StreamError if the peer does not answer it, the signal's reason, TypeError for what is no bytes, or as
   *   {@link createBidirectionalStream}
   */
  async request(message: Uint8Array, options?: RequestOptions): Promise<Bytes> {
    return this.#streams.request(message, options);
  }

  /**
   * Answers requests. While it is set, all bidirectional streams that the peer opens are requests. A peer without streams
   * makes none.
   */
  get onrequest(): RequestHandler | null {
    return this.#onrequest;
  }

  set onrequest(handler: RequestHandler | null) {
    this.#onrequest = handler;
    if (this.#link !== undefined) this.#link.web.onrequest = handler;
  }

  // Datagrams

  /**
   * Sends a datagram: at once, or with streams, as soon as the path allows. It may change as soon as this returns.
   * @param fate with streams, told once whether the datagram has arrived, as far as that is known, if it was taken: at the
   *   session's end at the latest
   * @returns false if it was dropped: there is no room for it, it is larger than {@link maxDatagramSize}, or the session
   *   is over; `droppedOutgoing` counts it
   * @throws TypeError for what is no bytes
   */
  sendDatagram(datagram: Uint8Array, fate?: Fate): boolean {
    const outcome = this.offer(bytesOf(datagram, "a datagram"), fate);
    if (outcome === "full") this.#refusedOutgoing++;
    return outcome === "taken";
  }

  /** @internal As {@link sendDatagram}; what there is no room for is to be offered again. */
  offer(datagram: Uint8Array, fate?: Fate): DatagramOutcome {
    const outcome = this.#link?.sendDatagram(datagram, fate) ?? this.#sendAlone(datagram);
    if (outcome === "taken") {
      this.#datagramsSent++;
      this.#bytesSent += datagram.length;
    } else if (outcome === "refused") this.#refusedOutgoing++;
    return outcome;
  }

  /** Without streams. */
  #sendAlone(datagram: Uint8Array): DatagramOutcome {
    const { state, maxDataBytes } = this.#association.connection;
    if (state === "closed" || datagram.length > maxDataBytes) return "refused";
    return this.#association.send(datagram) ? "taken" : "full";
  }

  /** The largest datagram that can be sent, in bytes. It may grow, as larger ones prove to arrive. */
  get maxDatagramSize(): number {
    return this.#link?.web.engine.maxDatagramSize ?? this.#association.connection.maxDataBytes;
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
    this.#datagrams ??= this.#openDatagrams();
    return this.#datagrams;
  }

  #openDatagrams(): Datagrams {
    const alone = { limit: 1, maxAgeMs: Number.POSITIVE_INFINITY, drained: this.#place.drained };
    const datagrams = new Datagrams(this, this.#queue, this.#link?.web.engine.datagrams ?? alone);
    if (this.#end !== undefined) datagrams.end(this.#end);
    return datagrams;
  }

  #receive(buffer: Bytes, start: number, length: number): void {
    this.#datagramsReceived++;
    this.#bytesReceived += length;
    if (this.#handler !== null && this.#queue.isEmpty) {
      call(this.#handler, this.#place.views.of(buffer, start, length), this.#report);
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
      call(this.#handler, datagram, this.#report);
    }
  }

  // Resumption

  /**
   * A client's newest ticket, to be passed to the next `connect`: as it is, or as JSON, which `JSON.stringify` makes of it.
   * It is a secret.
   */
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

  #receiveTicket(received: SessionTicket): void {
    // On the clock of a process its age would be lost with the process.
    const ticket = keptTicket({ ...received, receivedAtMs: Date.now() });
    this.#ticket = ticket;
    if (this.#onticket !== null) call(this.#onticket, ticket, this.#report);
  }

  // Keys, paths, statistics

  /**
   * Keying material that both sides can make and nobody else (RFC 9846 §7.5).
   * @param length in bytes
   * @throws SealgramError session_closed, or why it has ended, after the end
   */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Bytes {
    if (this.#end !== undefined) throw this.#end;
    const { connection } = this.#association;
    return connection.exportKeyingMaterial(label, bytesOf(context, "the context"), length);
  }

  /** Changes the keys that this side sends with, as the session does by itself long before it has to. */
  updateKeys(): void {
    if (this.#end === undefined) this.#association.run((connection) => connection.updateKeys());
  }

  /**
   * A client's: goes on from another socket, on another port and whatever network there is now. The session survives,
   * as it does when a NAT or the network changes the address without a word.
   * @throws TypeError on a server's session; after the end, why it has ended
   */
  async rebind(): Promise<void> {
    if (this.#place.rebind === undefined)
      throw new TypeError("only a client's session has a socket of its own");
    if (this.isClosed) throw this.#end ?? new SealgramError("session_closed", "the session is closed");
    await this.#place.rebind();
  }

  /** Counters since it began, and what the path is like. */
  async getStats(): Promise<SessionStats> {
    const { connection } = this.#association;
    return {
      datagramsSent: this.#datagramsSent,
      bytesSent: this.#bytesSent,
      datagramsReceived: this.#datagramsReceived,
      bytesReceived: this.#bytesReceived,
      droppedIncoming: this.#queue.dropped,
      expiredIncoming: this.#queue.expired,
      droppedOutgoing: this.#refusedOutgoing + (this.#link?.datagramsDropped ?? 0),
      drops: { ...connection.drops },
      rttMs: connection.rttMs,
      handshakeMs: this.#place.details.handshakeMs,
      path: this.#link?.stats,
    };
  }

  /**
   * Tells the peer, and ends the session. Datagrams that were taken before leave first, as far as the path takes them
   * within three probe time-outs, some round trips: {@link closed} settles when they have. Streams that are not done are
   * given up: what a stream's `close` has told as acknowledged the peer can read even then. Idempotent.
   * @param info for the peer's {@link closed}; without streams it cannot be told
   * @throws RangeError for a code that is not from 0 to 2^32 - 1
   */
  close({ closeCode = 0, reason = "" }: Partial<CloseInfo> = {}): void {
    if (closeCode >>> 0 !== closeCode) throw new RangeError(`not a close code: ${closeCode}`);
    if (this.#link === undefined) this.#association.connection.close();
    else this.#link.close(closeCode, reason);
  }
}

/** The incoming streams of a session that has none. */
function none<T>(): ReadableStream<T> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
