/** A session's streams in the shape of W3C WebTransport's, on an engine. */
import { onAbort, unlessAborted } from "../abort.ts";
import { type Bytes, bytesOf } from "../core/bytes.ts";
import { SealgramError } from "../errors.ts";
import { checkOptions, type Names } from "../options.ts";
import type { PacketCarrier } from "./carrier.ts";
import type { SessionEnd } from "./end.ts";
import { SessionEngine } from "./engine.ts";
import { IncomingStreams } from "./incoming-streams.ts";
import type { SessionOptions } from "./options.ts";
import { type RequestHandler, type RequestOptions, type Responder, request, respond } from "./requests.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";
import {
  type BidirectionalStream,
  openFaces,
  type ReceiveStreamFace,
  type SendStreamFace,
  type StreamsOwner,
} from "./web-streams.ts";

/** As WebTransportSendStreamOptions. */
export interface StreamOptions {
  /** Of two streams with something to send, the one with the higher order goes first: 0 unless given. */
  readonly sendOrder?: number | undefined;
  /** Waits while the peer allows no more streams, instead of failing. */
  readonly waitUntilAvailable?: boolean | undefined;
}

const STREAM_NAMES: Names<StreamOptions> = { sendOrder: 1, waitUntilAvailable: 1 };

/** What the streams need of where they live. */
export interface WebSessionHost {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number;
  /** `flush` is to be called soon, and the deadline may be earlier. */
  wake(): void;
  /** A datagram, valid during the call only. */
  datagram(buffer: Bytes, start: number, length: number): void;
  /** The end, once. */
  closed(end: SessionEnd): void;
}

interface Opening {
  readonly sendOrder: number;
  resolve(stream: Stream): void;
  reject(error: unknown): void;
}

/** An engine's streams as WHATWG streams, and requests on them: the half of a `Session` that needs no DTLS. */
export class WebSession implements StreamsOwner {
  /** What it stands on. */
  readonly engine: SessionEngine;
  /**
   * Settles once the peer's limits are known: for a client, a round trip after its handshake.
   *
   * A server could tell its own a round trip earlier, in records right behind its Finished (RFC 9846 §2). It does not: its
   * session begins when the client has proved who it is. Before that, everybody who begins a handshake would get one, with
   * a packet to be repeated and timers beside those of the handshake; and of a client that cannot read those records yet,
   * RFC 9147 §4.2.1 says that it "MAY either buffer or discard" them.
   */
  readonly ready: Promise<void>;
  /** Streams that the peer has opened. */
  readonly incomingBidirectional: IncomingStreams<BidirectionalStream>;
  readonly incomingUnidirectional: IncomingStreams<ReceiveStreamFace>;
  readonly #host: WebSessionHost;
  readonly #openings: readonly [bidi: Opening[], uni: Opening[]] = [[], []];
  #settleReady!: { resolve(): void; reject(error: Error): void };
  readonly #responder: Responder;
  #onrequest: RequestHandler | null = null;

  constructor(options: SessionOptions, carrier: PacketCarrier, host: WebSessionHost) {
    this.#host = host;
    const { maxRequestBytes, maxRequestsBytes, report } = options;
    this.#responder = { maxRequestBytes, budget: { availableBytes: maxRequestsBytes }, report };
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => {});
    this.incomingBidirectional = new IncomingStreams((stream) => {
      this.streams.accept(stream);
      return openFaces(this, stream) as BidirectionalStream;
    });
    this.incomingUnidirectional = new IncomingStreams((stream) => {
      this.streams.accept(stream);
      return openFaces(this, stream).readable!;
    });
    this.engine = new SessionEngine(options, carrier, {
      now: () => host.now(),
      ready: () => this.#settleReady.resolve(),
      datagram: (buffer, start, length) => host.datagram(buffer, start, length),
      incoming: (stream) => this.#incoming(stream),
      mayOpen: (unidirectional) => this.#mayOpen(unidirectional),
      wake: () => host.wake(),
      closed: (end) => this.#closed(end),
    });
  }

  /** The engine's. */
  get streams(): Streams {
    return this.engine.streams;
  }

  /** The congestion window, by which streams judge how much to keep. */
  get windowBytes(): number {
    return this.engine.recovery.windowBytes;
  }

  /** Something is to be sent: the host is told. */
  wake(): void {
    this.#host.wake();
  }

  // Streams of this side

  /** @throws SealgramError quota_exceeded if the peer allows no more and nobody wants to wait */
  async createBidirectionalStream(options: StreamOptions = {}): Promise<BidirectionalStream> {
    checkOptions("createBidirectionalStream", options, STREAM_NAMES);
    return openFaces(this, await this.#open(false, options)) as BidirectionalStream;
  }

  /** As {@link createBidirectionalStream}. */
  async createUnidirectionalStream(options: StreamOptions = {}): Promise<SendStreamFace> {
    checkOptions("createUnidirectionalStream", options, STREAM_NAMES);
    return openFaces(this, await this.#open(true, options)).writable!;
  }

  /** @param signal gives the wait up */
  async #open(unidirectional: boolean, options: StreamOptions = {}, signal?: AbortSignal): Promise<Stream> {
    const { sendOrder = 0, waitUntilAvailable = false } = options;
    if (!Number.isFinite(sendOrder)) throw new TypeError(`not a sendOrder: ${sendOrder}`);
    if (!this.engine.isReady) await unlessAborted(signal, this.ready);
    const stream = this.#openNow(unidirectional, sendOrder);
    if (stream !== undefined) return stream;
    this.wake();
    if (!waitUntilAvailable) {
      throw new SealgramError("quota_exceeded", "the peer allows no more streams at present");
    }
    return this.#openLater(unidirectional, sendOrder, signal);
  }

  #openNow(unidirectional: boolean, sendOrder: number): Stream | undefined {
    if (this.engine.isOver) throw new SealgramError("session_closed", "the session is closed");
    // Those that wait go first.
    if (this.#openings[unidirectional ? 1 : 0].length > 0) return undefined;
    return this.streams.open(unidirectional, sendOrder);
  }

  async #openLater(unidirectional: boolean, sendOrder: number, signal?: AbortSignal): Promise<Stream> {
    const openings = this.#openings[unidirectional ? 1 : 0];
    let opening!: Opening;
    const opened = new Promise<Stream>((resolve, reject) => {
      opening = { sendOrder, resolve, reject };
    });
    openings.push(opening);
    const ignore = onAbort(signal, () => {
      const at = openings.indexOf(opening);
      // Once it is open it is its user's to give up.
      if (at < 0) return;
      openings.splice(at, 1);
      opening.reject(signal!.reason);
    });
    try {
      return await opened;
    } finally {
      ignore();
    }
  }

  #mayOpen(unidirectional: boolean): void {
    const openings = this.#openings[unidirectional ? 1 : 0];
    while (openings.length > 0) {
      const stream = this.streams.open(unidirectional, openings[0]!.sendOrder);
      if (stream === undefined) return;
      openings.shift()!.resolve(stream);
    }
  }

  // Streams of the peer

  #incoming(stream: Stream): void {
    if (stream.send === undefined) this.incomingUnidirectional.push(stream);
    else if (this.#onrequest === null) this.incomingBidirectional.push(stream);
    else this.#respond(stream, this.#onrequest);
  }

  // Requests

  /** Sends a request on a stream of its own, and waits for the response. */
  async request(message: Uint8Array, options: RequestOptions = {}): Promise<Bytes> {
    checkOptions("request", options, { signal: 1, maxResponseBytes: 1 });
    options.signal?.throwIfAborted();
    const bytes = bytesOf(message, "a request");
    const stream =
      (this.engine.isReady ? this.#openNow(false, 0) : undefined) ??
      (await this.#open(false, { waitUntilAvailable: true }, options.signal));
    return request(this, stream, bytes, options);
  }

  /** Answers requests. */
  get onrequest(): RequestHandler | null {
    return this.#onrequest;
  }

  /** While it is set, all bidirectional streams that the peer opens are requests. */
  set onrequest(handler: RequestHandler | null) {
    this.#onrequest = handler;
    if (handler === null || this.engine.isOver) return;
    for (const stream of this.incomingBidirectional.take()) this.#respond(stream, handler);
  }

  #respond(stream: Stream, handler: RequestHandler): void {
    this.streams.accept(stream);
    void respond(this, stream, handler, this.#responder);
  }

  #closed(end: SessionEnd): void {
    const error = end.asError();
    this.#settleReady.reject(error);
    for (const opening of this.#openings.flatMap((openings) => openings.splice(0))) opening.reject(error);
    this.incomingBidirectional.end();
    this.incomingUnidirectional.end();
    this.#host.closed(end);
  }
}
