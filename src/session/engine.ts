/**
 * A session of streams and datagrams on numbered records: RFC 9000's frames and RFC 9002's recovery, sans-IO. Packets
 * and time come in, packets and a deadline go out.
 *
 * Inputs: `receive`, `handleTimeout`, `pathChanged`, `end`. Commands: `streams`, `sendDatagram`, `close`. After any of
 * them `flush` sends what is to be sent and `deadlineMs` says when time is an input again.
 */
import type { Bytes } from "../core/bytes.ts";
import { SealgramError } from "../errors.ts";
import { type Fate, Fates } from "./callbacks.ts";
import type { PacketCarrier } from "./carrier.ts";
import { Closing } from "./closing.ts";
import { type DatagramOutcome, OutgoingDatagrams } from "./datagram-queue.ts";
import { SessionEnd } from "./end.ts";
import { TransportError, transportErrorName } from "./errors.ts";
import { IdleTimeout } from "./idle.ts";
import { Incoming } from "./incoming.ts";
import { MetricsLog } from "./metrics-log.ts";
import type { SessionOptions } from "./options.ts";
import { Outgoing } from "./outgoing.ts";
import { ownParameters } from "./own-parameters.ts";
import { MAX_PACKET_BYTES } from "./packet.ts";
import type { TransportParameters } from "./parameters.ts";
import { ReceivedPackets } from "./recovery/received-packets.ts";
import { Recovery } from "./recovery/recovery.ts";
import type { Sent } from "./sent.ts";
import { newCounters, type SessionCounters } from "./statistics.ts";
import type { Stream } from "./stream.ts";
import { Streams } from "./streams.ts";
import { MAX_EPOCH } from "./varint.ts";

/** Where a session's outputs go. Whatever they call of the session, nothing is sent before the next `flush`. */
export interface EngineHost {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number;
  /** The peer's parameters have come: streams can be opened. */
  ready(): void;
  /** A datagram, valid during the call only. */
  datagram(buffer: Bytes, start: number, length: number): void;
  /** The peer has opened a stream. */
  incoming(stream: Stream): void;
  /** The peer allows more streams of a kind. */
  mayOpen(unidirectional: boolean): void;
  /** Something is to be sent, or the deadline may be earlier: `flush` soon. */
  wake(): void;
  /** The end, once; the carrier may live on for a while to tell the peer. */
  closed(end: SessionEnd): void;
}

/** A connection that may not send now may when something has come, or soon after. */
const RETRY_MS = 10;
/** So many times in a row a peer may leave the question unanswered whether it is there. */
const MAX_UNANSWERED = 3;
/** What was said before the end has so long to leave, in probe time-outs: as long as the end itself (RFC 9000 §10.2). */
const FAREWELL_PROBE_TIMEOUTS = 3;

/** One side of a session. */
export class SessionEngine {
  /** Its parts: streams, loss recovery, datagrams that wait, counters. */
  readonly streams: Streams;
  readonly recovery: Recovery<Sent | undefined>;
  readonly datagrams: OutgoingDatagrams;
  readonly counters: SessionCounters = newCounters();
  readonly #options: SessionOptions;
  readonly #carrier: PacketCarrier;
  readonly #host: EngineHost;
  readonly #received = new ReceivedPackets();
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  readonly #idle: IdleTimeout;
  readonly #fates: Fates;
  readonly #metrics: MetricsLog | undefined;
  #closing: Closing | undefined;
  /** The application's end, which waits for the datagrams that came before it. */
  #farewell: { readonly end: SessionEnd; readonly untilMs: number } | undefined;
  #isOver = false;
  /** The carrier is to be closed at the next flush. */
  #mustClose = false;
  /** When the peer was last heard, or asked for a sign of life; and how often it was asked since it was heard. */
  #lastHeardMs: number;
  #unanswered = 0;
  #tickAtMs: number;
  /** When the peer was last told, for the sake of telling, that flow control holds this side up. */
  #toldHeldUpAtMs: number = Number.NEGATIVE_INFINITY;
  /** Not to be tried again before: the carrier has refused a packet. */
  #retryAtMs: number = Number.NEGATIVE_INFINITY;
  /** What had been written to streams at the last flush. */
  #writtenBefore = 0;
  /** Whether a packet, a time-out or a flush is under way: what is called from within is not to send. */
  #isAtWork = false;
  /** The packet that is being received, and whether it counts as received already. */
  #epoch = 0;
  #sequenceNumber = 0;
  #isCounted = false;

  constructor(options: SessionOptions, carrier: PacketCarrier, host: EngineHost) {
    const nowMs = host.now();
    this.#options = options;
    this.#carrier = carrier;
    this.#host = host;
    this.#lastHeardMs = nowMs;
    this.#tickAtMs = nowMs;
    this.#idle = new IdleTimeout(options.idleTimeoutMs, nowMs);
    this.#fates = new Fates(options.report);
    this.datagrams = new OutgoingDatagrams(options.outgoingDatagrams, this.#fates);
    this.recovery = new Recovery<Sent | undefined>(this.#recoveryHost(), nowMs, options.recovery);
    const { recovery } = this;
    this.streams = new Streams(options, {
      now: () => host.now(),
      rttMs: () => recovery.rtt.smoothedMs,
      incoming: (stream) => {
        if (!this.isOver) host.incoming(stream);
      },
      mayOpen: (unidirectional) => host.mayOpen(unidirectional),
    });
    this.#incoming = new Incoming(this.#incomingHost(), nowMs);
    const parameters = ownParameters(options);
    options.log?.parametersSet(nowMs, "local", parameters);
    this.#metrics = options.log && new MetricsLog(options.log, this.recovery);
    this.#outgoing = new Outgoing(parameters, options, carrier, {
      streams: this.streams,
      recovery,
      received: this.#received,
      datagrams: this.datagrams,
      counters: this.counters,
      idle: this.#idle,
      fates: this.#fates,
    });
    carrier.setMtu(recovery.mtu.currentBytes);
  }

  #recoveryHost() {
    const engine = this;
    return {
      acknowledged(handle: Sent | undefined): void {
        engine.#outgoing.frames.acknowledged(handle);
      },
      lost(handle: Sent | undefined): void {
        engine.#outgoing.frames.lost(handle, engine.#host.now());
      },
      arrivedLate(handle: Sent | undefined): void {
        engine.#outgoing.frames.arrivedLate(handle);
      },
      datagramBytesChanged(bytes: number): void {
        engine.#carrier.setMtu(bytes);
        engine.#options.log?.mtuUpdated(engine.#host.now(), bytes);
      },
    };
  }

  #incomingHost() {
    const engine = this;
    const host = this.#host;
    return {
      streams: this.streams,
      recovery: this.recovery,
      parameters(peer: TransportParameters): void {
        engine.#options.log?.parametersSet(host.now(), "remote", peer);
        engine.#outgoing.frames.peer = peer;
        engine.streams.allow(peer);
        engine.#idle.setPeer(peer.maxIdleTimeoutMs);
        const most = Math.min(peer.maxUdpPayloadSize, MAX_PACKET_BYTES + engine.#carrier.overheadBytes);
        engine.recovery.setPeer(peer.maxAckDelayMs, most);
        host.ready();
      },
      datagram(buffer: Bytes, start: number, length: number, isLast: boolean): void {
        engine.counters.datagramsReceived++;
        if (isLast) engine.#receivedLast();
        if (!engine.isOver) host.datagram(buffer, start, length);
        engine.#isAtWork = true;
      },
      closedByPeer: (isApplication: boolean, errorCode: number, reason: string) =>
        engine.#closedByPeer(isApplication, errorCode, reason),
    };
  }

  // What it is

  /** Whether the peer's parameters have come. */
  get isReady(): boolean {
    return this.#incoming.peer !== undefined;
  }

  /** Whether it has ended for the application. */
  get isOver(): boolean {
    return this.#isOver || this.#farewell !== undefined;
  }

  /** What the peer allows; nothing before it is ready. */
  get peerParameters(): TransportParameters | undefined {
    return this.#incoming.peer;
  }

  /** The largest datagram that can be sent, in bytes; 0 also if the peer takes none. */
  get maxDatagramSize(): number {
    return Math.max(0, this.#outgoing.maxDatagramSize);
  }

  /** When {@link handleTimeout} is due; infinite if it is not. */
  get deadlineMs(): number {
    if (this.#closing !== undefined) return this.#closing.deadlineMs;
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const lifeMs = Math.min(this.#keepAliveAtMs, this.#heldUpAtMs, this.#idleAtMs);
    const endMs = this.#farewell?.untilMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.recovery.deadlineMs, lifeMs, this.#sendAtMs, endMs);
  }

  /** When there may be something to send. */
  get #sendAtMs(): number {
    if (!this.#carrier.hasRoom) return Number.POSITIVE_INFINITY;
    // At a constant rate, what is due waits for its turn.
    if (this.#options.padding.kind === "constant") return this.#tickAtMs;
    if (this.#retryAtMs !== Number.NEGATIVE_INFINITY) return this.#retryAtMs;
    const { mtu, nextSendMs } = this.recovery;
    return Math.min(this.#received.deadlineMs, mtu.deadlineMs, nextSendMs);
  }

  get #keepAliveAtMs(): number {
    const { keepAliveMs } = this.#options;
    if (keepAliveMs === undefined) return Number.POSITIVE_INFINITY;
    // In time for the peer, too (RFC 9000 §10.1.2).
    const intervalMs = Math.min(keepAliveMs, this.#idle.periodMs / 2);
    if (this.#unanswered === 0) return this.#lastHeardMs + intervalMs;
    return this.#lastHeardMs + Math.max(intervalMs, this.recovery.rtt.probeTimeoutMs);
  }

  /**
   * "To keep the connection from closing, a sender that is flow control limited SHOULD periodically send a
   * STREAM_DATA_BLOCKED or DATA_BLOCKED frame" (RFC 9000 §4.1).
   */
  get #heldUpAtMs(): number {
    if (!this.streams.isHeldUp) return Number.POSITIVE_INFINITY;
    return Math.max(this.#idle.restartedAtMs, this.#toldHeldUpAtMs) + this.#idle.periodMs / 2;
  }

  get #idleAtMs(): number {
    return this.#idle.deadlineMs(this.recovery.rtt.probeTimeoutMs);
  }

  /** Whether streams were given enough to fill a packet since the last {@link flush}. */
  get hasFullPacket(): boolean {
    return this.streams.writtenBytes - this.#writtenBefore >= this.#carrier.maxPacketBytes;
  }

  // Inputs

  /** A packet has come in the record of this number; its bytes are not needed any more when this returns. */
  receive(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void {
    if (this.#isOver) {
      this.#closing?.packetReceived();
      return;
    }
    if (epoch > MAX_EPOCH) {
      // No ACK could name it, and no peer that keeps to the rules sends it.
      this.#fail(new TransportError("protocol_violation", "a packet number above 2^62 - 1"));
      return;
    }
    const nowMs = this.#host.now();
    this.#lastHeardMs = nowMs;
    this.#unanswered = 0;
    this.#idle.received(nowMs);
    this.counters.packetsReceived++;
    this.counters.bytesReceived += length;
    this.#options.log?.packetReceived(nowMs, epoch, sequenceNumber, buffer.subarray(start, start + length));
    this.#epoch = epoch;
    this.#sequenceNumber = sequenceNumber;
    this.#isCounted = false;
    this.#isAtWork = true;
    try {
      const isAckEliciting = this.#incoming.receive(buffer, start, length, nowMs);
      if (this.#isOver) return;
      if (!this.#isCounted) this.#received.onReceived(epoch, sequenceNumber, isAckEliciting, nowMs);
      this.#metrics?.tell(nowMs);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isAtWork = false;
    }
  }

  /**
   * The packet's last frame is a datagram: with that the packet is processed (RFC 9000 §13.1, RFC 9221 §5.2), so that an
   * answer from within may go at once and acknowledge it.
   */
  #receivedLast(): void {
    this.#isCounted = true;
    this.#received.onReceived(this.#epoch, this.#sequenceNumber, true, this.#lastHeardMs);
    this.#isAtWork = false;
  }

  /** Does what is due by now. */
  handleTimeout(): void {
    const nowMs = this.#host.now();
    if (this.#closing !== undefined) {
      if (this.#closing.handleTimeout(nowMs)) {
        // Those before may be lost, and what ends DTLS tells no code.
        this.#flushClosing();
        this.#finish();
      }
      this.flush();
      return;
    }
    if (this.#isOver) return;
    if (nowMs >= this.#idleAtMs) {
      this.#lose(new SealgramError("idle_timeout", "nothing was received for too long"));
      return;
    }
    if (nowMs >= this.#keepAliveAtMs) {
      if (this.#unanswered === MAX_UNANSWERED) {
        this.#lose(new SealgramError("peer_lost", "the peer has given no sign of life when it was asked to"));
        return;
      }
      this.#askForLife(nowMs);
    }
    this.recovery.handleTimeout(nowMs);
    if (nowMs >= this.#heldUpAtMs) {
      this.#toldHeldUpAtMs = nowMs;
      // "when it has no ack-eliciting packets in flight"
      if (this.recovery.bytesInFlight === 0) this.streams.tellHeldUp();
    }
    if (this.#farewell !== undefined && nowMs >= this.#farewell.untilMs) this.#depart(this.#farewell.end);
    this.flush();
  }

  #askForLife(nowMs: number): void {
    this.#lastHeardMs = nowMs;
    this.#outgoing.frames.isPingDue = true;
    // What cannot be asked, as while a gateway is gone, is not left unanswered.
    if (this.#carrier.hasRoom) this.#unanswered++;
  }

  /** The peer is gone, and nothing can be told to it: "the connection is silently closed" (RFC 9000 §10.1). */
  #lose(error: SealgramError): void {
    this.#over(new SessionEnd(0, "", error));
    this.#carrier.abandon(error);
    this.flush();
  }

  /** The peer is somewhere else: nothing is known of the path (RFC 9000 §9.4). */
  pathChanged(): void {
    this.#unanswered = 0;
    if (!this.#isOver) this.recovery.resetPath(this.#host.now());
  }

  /** The carrier has ended, for the reason given if it was not the peer's orderly end. */
  end(reason: SealgramError | undefined): void {
    this.#closing = undefined;
    this.#over(new SessionEnd(0, "", reason));
    this.flush();
  }

  // Commands

  /**
   * Sends a datagram, at the next {@link flush} at the latest, or as soon as the path allows. It is copied.
   * @param fate told once, if the datagram is taken: at the session's end at the latest
   */
  sendDatagram(datagram: Uint8Array, fate?: Fate): DatagramOutcome {
    if (!this.#canSend(datagram)) return "refused";
    return this.datagrams.push(datagram, this.#host.now(), fate) ? "taken" : "full";
  }

  /**
   * Sends a datagram at once, if nothing else waits and acknowledgement, recovery and padding allow it.
   * @returns false if it was not sent: {@link sendDatagram} is for those that have to wait
   */
  sendDatagramNow(datagram: Uint8Array, fate?: Fate): boolean {
    if (!this.#canSend(datagram)) return false;
    if (this.#isAtWork || this.#options.padding.kind === "constant" || !this.#carrier.hasRoom) return false;
    if (this.#carrier.epoch > MAX_EPOCH) return false;
    this.#isAtWork = true;
    try {
      return this.#outgoing.sendDatagram(datagram, fate, this.#host.now());
    } finally {
      this.#isAtWork = false;
    }
  }

  #canSend({ length }: Uint8Array): boolean {
    return !this.isOver && length <= this.#outgoing.maxDatagramSize;
  }

  /**
   * Ends the session, and tells the peer why, once the datagrams have left that were taken before: nothing says when an
   * endpoint that closes sends its first CONNECTION_CLOSE (RFC 9000 §10.2). Streams end at once. Idempotent.
   */
  close(closeCode = 0, reason = ""): void {
    if (this.isOver) return;
    const end = new SessionEnd(closeCode, reason, undefined);
    const lastsMs = FAREWELL_PROBE_TIMEOUTS * this.recovery.rtt.probeTimeoutMs;
    this.#farewell = { end, untilMs: this.#host.now() + lastsMs };
    this.streams.end(end.asError());
    if (this.datagrams.length === 0) this.#depart(end);
    else this.#host.wake();
  }

  /** The carrier is about to be closed: the end that waits for datagrams does not wait any more. */
  hurry(): void {
    if (this.#farewell !== undefined) this.#depart(this.#farewell.end);
    this.flush();
  }

  #depart(end: SessionEnd): void {
    if (this.#isOver) return;
    this.#close({ isApplication: true, errorCode: end.closeCode, frameType: 0, reason: end.reason });
    this.#over(end);
  }

  /** Sends all that is to be sent and may be sent now. What is under way when it is called from within comes first. */
  flush(): void {
    if (this.#isAtWork) return;
    if (this.#carrier.epoch > MAX_EPOCH) this.#endNumbers();
    const { padding } = this.#options;
    this.#isAtWork = true;
    this.#writtenBefore = this.streams.writtenBytes;
    try {
      if (!this.#isOver) {
        if (padding.kind === "constant") this.#flushAtRate(this.#host.now(), padding.intervalMs);
        else this.#flushAll();
        if (this.#farewell !== undefined && this.datagrams.length === 0) this.#depart(this.#farewell.end);
      }
      if (this.#isOver) this.#flushClosing();
    } finally {
      this.#isAtWork = false;
    }
    this.#fates.tell();
    if (!this.#mustClose) return;
    this.#mustClose = false;
    this.#carrier.close();
  }

  /**
   * "If the packet number for sending reaches 2^62-1, the sender MUST close the connection without sending a
   * CONNECTION_CLOSE frame or any further packets" (RFC 9000 §12.3). DTLS tells the peer.
   */
  #endNumbers(): void {
    const isNew = !this.#isOver;
    if (isNew || this.#closing !== undefined) this.#finish();
    if (!isNew) return;
    const message = "the session has no packet number left";
    this.#over(new SessionEnd(0, "", new SealgramError("packet_numbers_exhausted", message)));
  }

  #flushAll(): void {
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
    if (this.#outgoing.isIdle) return;
    const nowMs = this.#host.now();
    let hasMore = this.#carrier.hasRoom;
    if (hasMore) this.#outgoing.sendProbe(nowMs);
    while (hasMore) hasMore = this.#outgoing.send(nowMs) && this.#carrier.hasRoom;
    if (this.#outgoing.isRefused) this.#retryAtMs = nowMs + RETRY_MS;
  }

  /** One packet for each interval; intervals that were missed stay missed. */
  #flushAtRate(nowMs: number, intervalMs: number): void {
    if (nowMs < this.#tickAtMs) return;
    this.#tickAtMs += intervalMs * Math.floor((nowMs - this.#tickAtMs) / intervalMs + 1);
    this.#outgoing.frames.isPingDue = true;
    if (this.#carrier.hasRoom) this.#outgoing.send(nowMs);
  }

  #flushClosing(): void {
    if (this.#closing === undefined || !this.#closing.isDue) return;
    this.#closing.isDue = false;
    this.#outgoing.sendClose(this.#closing, this.#host.now());
  }

  // The end

  #fail(error: unknown): void {
    // What comes of a packet that was left in its middle.
    if (this.#isOver) return;
    const fault =
      error instanceof TransportError ? error : new TransportError("internal_error", "an internal error");
    if (fault !== error) fault.cause = error;
    const { transportCode, frameType, message } = fault;
    this.#close({ isApplication: false, errorCode: transportCode, frameType, reason: message });
    this.#over(new SessionEnd(transportCode, message, fault));
  }

  #close(close: { isApplication: boolean; errorCode: number; frameType: number; reason: string }): void {
    const nowMs = this.#host.now();
    this.#options.log?.closed(nowMs, "local", close.errorCode, close.isApplication, close.reason);
    this.#closing = new Closing(close, this.recovery.rtt.probeTimeoutMs, nowMs);
    this.#host.wake();
  }

  #closedByPeer(isApplication: boolean, errorCode: number, reason: string): void {
    this.#options.log?.closed(this.#host.now(), "remote", errorCode, isApplication, reason);
    this.#finish();
    this.#over(endByPeer(isApplication, errorCode, reason));
  }

  #finish(): void {
    this.#closing = undefined;
    this.#mustClose = true;
  }

  #over(end: SessionEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#incoming.stop();
    this.datagrams.end();
    this.#outgoing.frames.end();
    this.streams.end(end.asError());
    this.recovery.end();
    // Who has ended it has ended it, whatever has come in between.
    this.#host.closed(this.#farewell?.end ?? end);
  }
}

function endByPeer(isApplication: boolean, errorCode: number, reason: string): SessionEnd {
  // no_error is how a peer ends a session that has nothing to say about it.
  if (isApplication || errorCode === 0) return new SessionEnd(errorCode, reason, undefined);
  const name = transportErrorName(errorCode);
  const message = `the peer ended the session: ${name} ${reason}`.trim();
  return new SessionEnd(errorCode, reason, new SealgramError(name, message));
}
