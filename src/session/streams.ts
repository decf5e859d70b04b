/**
 * All streams of a session: which there are, how many there may be, and the session's flow control over them (RFC 9000 §2
 * to §4).
 */
import type { Bytes } from "../core/bytes.ts";
import { Control, ControlFrames } from "./control-frames.ts";
import { TransportError } from "./errors.ts";
import { ReceiveWindow, SendCredit, type WindowLimits } from "./flow.ts";
import { FrameType } from "./frames.ts";
import type { TransportParameters } from "./parameters.ts";
import { ReceiveStream } from "./receive-stream.ts";
import { SendStream } from "./send-stream.ts";
import type { Sent, SentFrame } from "./sent.ts";
import { SERVER_INITIATED, Stream, StreamControl, UNIDIRECTIONAL } from "./stream.ts";
import { IncomingLimit, OutgoingLimit } from "./stream-limits.ts";
import { StreamScheduler } from "./stream-scheduler.ts";
import type { PacketWriter } from "./varint.ts";

export interface StreamsOptions {
  readonly isServer: boolean;
  readonly streamWindow: WindowLimits;
  readonly sessionWindow: WindowLimits;
  /** Streams of each kind that the peer may have open at a time. */
  readonly maxIncomingBidi: number;
  readonly maxIncomingUni: number;
}

export interface StreamsHost {
  now(): number;
  rttMs(): number;
  /** The peer has opened a stream. */
  incoming(stream: Stream): void;
  /** The peer allows more streams of a kind. */
  mayOpen(unidirectional: boolean): void;
}

/** All streams of an engine. What the peer's frames do to them is answered with whether it was new. */
export class Streams {
  /** Flow control of what the peer sends on all streams. */
  readonly window: ReceiveWindow;
  /** Flow control of what this side sends on all streams. */
  readonly credit: SendCredit = new SendCredit();
  /** What the application has written to all streams so far. */
  writtenBytes = 0;
  readonly #host: StreamsHost;
  readonly #options: StreamsOptions;
  readonly #streams = new Map<number, Stream>();
  readonly #incoming: readonly [bidi: IncomingLimit, uni: IncomingLimit];
  readonly #outgoing: readonly [bidi: OutgoingLimit, uni: OutgoingLimit];
  readonly #control: ControlFrames;
  readonly #scheduler: StreamScheduler;
  #peer: TransportParameters | undefined;

  constructor(options: StreamsOptions, host: StreamsHost) {
    this.#options = options;
    this.#host = host;
    this.window = new ReceiveWindow(options.sessionWindow, host.now());
    this.#incoming = [new IncomingLimit(options.maxIncomingBidi), new IncomingLimit(options.maxIncomingUni)];
    this.#outgoing = [new OutgoingLimit(), new OutgoingLimit()];
    this.#control = new ControlFrames({
      window: this.window,
      credit: this.credit,
      incoming: this.#incoming,
      outgoing: this.#outgoing,
      clock: host,
    });
    this.#scheduler = new StreamScheduler(this.#streams, this.credit, this.#control);
  }

  /** Streams that are not yet done. */
  get size(): number {
    return this.#streams.size;
  }

  /** A stream that is not done. */
  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** What the peer allows to begin with. */
  allow(peer: TransportParameters): void {
    this.#peer = peer;
    this.maxData(peer.initialMaxData);
    this.maxStreams(false, peer.initialMaxStreamsBidi);
    this.maxStreams(true, peer.initialMaxStreamsUni);
  }

  // The application

  /** A new stream, or nothing while the peer allows no more of the kind. */
  open(unidirectional: boolean, sendOrder: number): Stream | undefined {
    const limits = this.#outgoing[unidirectional ? 1 : 0];
    if (limits.opened >= limits.limit) {
      if (this.#peer !== undefined && limits.blockedAt !== limits.limit) {
        limits.blockedAt = limits.limit;
        this.#control.raise(unidirectional ? Control.streams_blocked_uni : Control.streams_blocked_bidi);
      }
      return undefined;
    }
    const kind = (this.#options.isServer ? SERVER_INITIATED : 0) | (unidirectional ? UNIDIRECTIONAL : 0);
    const peer = this.#peer!;
    const limit = unidirectional ? peer.initialMaxStreamDataUni : peer.initialMaxStreamDataBidiRemote;
    return this.#create(4 * limits.opened++ + kind, true, limit, sendOrder);
  }

  #create(id: number, isOwn: boolean, limit: number, sendOrder: number): Stream {
    const isUni = (id & UNIDIRECTIONAL) !== 0;
    const send = isUni && !isOwn ? undefined : new SendStream(id, limit, sendOrder);
    const receive =
      isUni && isOwn ? undefined : new ReceiveStream(id, this.#options.streamWindow, this.#host.now());
    const stream = new Stream(id, isOwn, send, receive);
    this.#streams.set(id, stream);
    return stream;
  }

  /** Sends, as soon as it may. The bytes are copied. */
  write(stream: Stream, bytes: Uint8Array): void {
    const send = stream.send!;
    if (send.state !== "open") throw new TypeError("the stream is not open for writing");
    send.write(bytes);
    this.writtenBytes += bytes.length;
    this.#scheduler.enqueue(stream);
  }

  /** Ends this side's part behind what was written. */
  finish(stream: Stream): void {
    stream.send!.finish();
    this.#scheduler.enqueue(stream);
  }

  /** Gives this side's part up (RESET_STREAM, RFC 9000 §19.4). */
  reset(stream: Stream, errorCode: number): void {
    if (stream.send!.reset(errorCode)) this.#control.raiseOf(stream, StreamControl.reset_stream);
  }

  /** Asks the peer to give its part up (STOP_SENDING, RFC 9000 §19.5). */
  stop(stream: Stream, errorCode: number): void {
    const receive = stream.receive!;
    if (receive.state !== "open") return;
    this.#consumed(receive.stop(errorCode));
    if (receive.isStopDue) this.#control.raiseOf(stream, StreamControl.stop_sending);
    this.#tidy(stream);
  }

  /** Reads up to `maxBytes`, into `target` if there is one. */
  read(stream: Stream, maxBytes: number, target?: Uint8Array): Bytes {
    const receive = stream.receive!;
    const bytes = receive.read(maxBytes, target);
    this.#consumed(bytes.length);
    if (receive.finalSize === undefined && receive.window.isLow) {
      this.#control.raiseOf(stream, StreamControl.max_stream_data);
    }
    if (receive.isAtEnd) {
      receive.finish();
      this.#tidy(stream);
    }
    return bytes;
  }

  /** The application has taken a stream that the peer has opened. */
  accept(stream: Stream): void {
    stream.isAccepted = true;
    this.#tidy(stream);
  }

  #consumed(bytes: number): void {
    this.window.consumed += bytes;
    if (this.window.isLow) this.#control.raise(Control.max_data);
  }

  /** Forgets a stream that is done. */
  #tidy(stream: Stream): void {
    if (!stream.isDone || !stream.isAccepted || !this.#streams.delete(stream.id)) return;
    this.#scheduler.forget(stream);
    if (this.#isOwn(stream.id)) return;
    const limits = this.#incoming[(stream.id & UNIDIRECTIONAL) === 0 ? 0 : 1];
    limits.finish();
    this.#allowMore(limits);
  }

  #allowMore(limits: IncomingLimit): void {
    if (!limits.isLow) return;
    this.#control.raise(limits === this.#incoming[0] ? Control.max_streams_bidi : Control.max_streams_uni);
  }

  #isOwn(id: number): boolean {
    return (id % 2 === SERVER_INITIATED) === this.#options.isServer;
  }

  // The peer's frames; those that answer a boolean tell whether anything has changed

  /**
   * The stream that a frame is about; none if it is done.
   * @param sends whether the frame is about what the peer sends
   * @throws TransportError stream_state_error, stream_limit_error
   */
  #find(id: number, sends: boolean): Stream | undefined {
    const existing = this.#streams.get(id);
    if (existing !== undefined) {
      if ((sends ? existing.receive : existing.send) === undefined) throw wrongDirection();
      return existing;
    }
    const isUni = id % 4 >= UNIDIRECTIONAL;
    const index = Math.floor(id / 4);
    const isOwn = this.#isOwn(id);
    if (isUni && isOwn === sends) throw wrongDirection();
    if (isOwn) {
      if (index < this.#outgoing[isUni ? 1 : 0].opened) return undefined;
      throw new TransportError("stream_state_error", "a frame on a stream that was never opened");
    }
    const limits = this.#incoming[isUni ? 1 : 0];
    if (index < limits.opened) return undefined;
    limits.admit(index);
    // "A stream ID that is used out of order results in all streams of that type with lower-numbered stream IDs also
    // being opened" (§3.2).
    const limit = this.#peer!.initialMaxStreamDataBidiLocal;
    while (limits.opened <= index) {
      this.#host.incoming(this.#create(4 * limits.opened++ + (id % 4), false, limit, 0));
    }
    this.#allowMore(limits);
    return this.#streams.get(id);
  }

  /**
   * A STREAM frame.
   * @returns whether there was anything new in it
   * @throws TransportError for one that breaks a rule, as do the others
   */
  data(id: number, offset: number, buffer: Bytes, start: number, length: number, fin: boolean): boolean {
    const stream = this.#find(id, true);
    if (stream === undefined) return false;
    const receive = stream.receive!;
    const knewEnd = receive.finalSize !== undefined;
    const growth = this.#admit(receive, offset + length, fin);
    const before = receive.readableBytes;
    receive.store(offset, buffer, start, length);
    this.#consumed(receive.discardArrived());
    if (receive.readableBytes > before || (fin && !knewEnd && receive.isAtEnd)) stream.user?.readable();
    this.#tidy(stream);
    return growth > 0 || (fin && !knewEnd);
  }

  #admit(receive: ReceiveStream, end: number, isFinal: boolean): number {
    const growth = receive.admit(end, isFinal);
    this.window.received += growth;
    if (this.window.received > this.window.limit) {
      throw new TransportError("flow_control_error", "more data than the session allows");
    }
    return growth;
  }

  /** A RESET_STREAM frame. */
  resetStream(id: number, errorCode: number, finalSize: number): boolean {
    const stream = this.#find(id, true);
    if (stream === undefined) return false;
    const receive = stream.receive!;
    const knewEnd = receive.finalSize !== undefined;
    this.#admit(receive, finalSize, true);
    const { state } = receive;
    this.#consumed(receive.reset(errorCode, knewEnd));
    const isNew = receive.state !== state;
    if (isNew && state === "open") stream.user?.reset(errorCode);
    this.#tidy(stream);
    return isNew;
  }

  /** A STOP_SENDING frame. */
  stopSending(id: number, errorCode: number): boolean {
    const stream = this.#find(id, false);
    if (stream === undefined) return false;
    const send = stream.send!;
    // "An endpoint that receives a STOP_SENDING frame MUST send a RESET_STREAM frame" if it is not done (§3.5).
    if (!send.reset(errorCode)) return false;
    this.#control.raiseOf(stream, StreamControl.reset_stream);
    stream.user?.stopped(errorCode);
    return true;
  }

  /** A MAX_DATA frame. */
  maxData(limit: number): boolean {
    if (!this.credit.raise(limit)) return false;
    this.#scheduler.creditRaised();
    return true;
  }

  /** A MAX_STREAM_DATA frame. */
  maxStreamData(id: number, limit: number): boolean {
    const stream = this.#find(id, false);
    const send = stream?.send;
    if (send === undefined || limit <= send.limit) return false;
    send.limit = limit;
    this.#scheduler.enqueue(stream!);
    return true;
  }

  /** A MAX_STREAMS frame. */
  maxStreams(unidirectional: boolean, limit: number): boolean {
    if (!this.#outgoing[unidirectional ? 1 : 0].raise(limit)) return false;
    this.#host.mayOpen(unidirectional);
    return true;
  }

  /**
   * The peer is held up. Limits of bytes move with what is read, whatever it says; but its stream exists. Those of streams
   * grow as soon as they can.
   */
  blocked(frameType: number, id: number, limit: number): boolean {
    if (frameType === FrameType.stream_data_blocked) this.#find(id, true);
    if (frameType !== FrameType.streams_blocked_bidi && frameType !== FrameType.streams_blocked_uni)
      return false;
    const limits = this.#incoming[frameType === FrameType.streams_blocked_uni ? 1 : 0];
    limits.peerBlocked(limit);
    this.#allowMore(limits);
    return limits.isLow;
  }

  // Sending

  /** Whether there is anything to send. */
  get hasFrames(): boolean {
    return !this.#control.isEmpty || this.#scheduler.hasData;
  }

  /** Whether flow control may hold something up that the application has written. */
  get isHeldUp(): boolean {
    return this.#scheduler.isHeldUp;
  }

  /** Tells the peer once more what holds this side up. */
  tellHeldUp(): void {
    this.#scheduler.tellHeldUp();
  }

  /** Fills a packet. Answers what went into it, before `sent`. */
  fill(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    return this.#scheduler.fill(writer, this.#control.write(writer, sent));
  }

  // What became of frames

  /** The peer has acknowledged a frame that was sent. */
  acknowledged({ type, stream, range }: SentFrame): void {
    if (stream === undefined) return;
    const { send } = stream;
    if (range !== undefined) {
      const { state } = send!;
      const isReleased = send!.handleAcknowledged(range) > 0;
      if (send!.state === "acknowledged" && state !== "acknowledged") stream.user?.acknowledged();
      else if (isReleased) stream.user?.writable();
    } else if (type === FrameType.reset_stream) send!.state = "reset_acknowledged";
    else return;
    this.#tidy(stream);
  }

  /** A frame is lost, or may be: what still matters of it is sent again. */
  lost(frame: SentFrame): void {
    const { type, stream, range } = frame;
    if (range !== undefined) {
      const send = stream!.send!;
      send.handleLost(range);
      this.#scheduler.enqueueLost(send);
    } else if (type !== FrameType.reset_stream || stream!.send!.state === "reset") this.#control.lost(frame);
  }

  /** The session is over. */
  end(reason: Error): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#scheduler.clear();
    this.#control.clear();
    for (const stream of streams) {
      stream.send?.reset(0);
      stream.user?.ended(reason);
    }
  }
}

function wrongDirection(): TransportError {
  return new TransportError("stream_state_error", "a frame against the direction of its stream");
}
