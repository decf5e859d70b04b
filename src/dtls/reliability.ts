/**
 * What makes the handshake reliable: flights and their retransmission, ACKs, reassembly (RFC 9147 §5 and §7). One
 * flight is under way at a time; what comes after it waits.
 *
 * Neither side ever waits for the other without a timer of its own that sends (§5.8.1), but for a server that has sent
 * a HelloRetryRequest (§3.1), and sides that compute:
 *
 * - A flight is sent again by the retransmission timer until it is acknowledged, by an ACK or by the beginning of its answer.
 * - From that beginning on, until the answer is complete, what has come of it is acknowledged again and again.
 *
 * An ACK lets the flight go on, by the records that it frees a place for, and tells what is missing: what left longer ago
 * than an answer takes. What left since then may still arrive, and is not sent again. Only a time-out without any news
 * makes the timer back off.
 */
import type { Bytes } from "../core/bytes.ts";
import { ContentType } from "../core/index.ts";
import { decodeAck, encodeAck } from "../tls/ack.ts";
import { fault } from "../tls/wire.ts";
import { AckList } from "./ack-list.ts";
import { AckSchedule } from "./ack-schedule.ts";
import type { DatagramPacker } from "./datagrams.ts";
import { Flight } from "./flight.ts";
import { readFragments } from "./fragment.ts";
import { HANDSHAKE_EPOCH } from "./handshake.ts";
import { Reassembler, type ReceivedMessage } from "./reassembly.ts";
import type { RecordLayer } from "./record-layer.ts";
import type { ReliabilityOptions } from "./reliability-options.ts";
import { RetransmissionTimer } from "./retransmission-timer.ts";

/** What the reliability layer needs of its connection. */
export interface ReliabilityHost {
  now(): number;
  /** A packer for the current path and its MTU. */
  packer(): DatagramPacker;
  /** Bytes of one datagram shrink: repeated losses of this size may be the path's MTU (RFC 9147 §4.4). */
  reduceMtu(lostBytes: number): void;
  /** The peer's hello came in datagrams of this size, for want of larger ones. */
  limitMtu(mtuBytes: number): void;
}

/** Messages beyond the expected one that are kept. */
const MESSAGES_AHEAD = 6;
const MAX_MESSAGE_SEQ = 0xffff;
const RECORD_NUMBER_BYTES = 16;
/** Of a record in the clear. */
const RECORD_HEADER_BYTES = 13;

export class Reliability {
  readonly #records: RecordLayer;
  readonly #host: ReliabilityHost;
  readonly #options: ReliabilityOptions;
  readonly #acks = new AckList();
  readonly #ackSchedule = new AckSchedule();
  readonly #reassembler: Reassembler;
  readonly #timer: RetransmissionTimer;
  #nextSendSeq: number;
  /** message_seq that the peer's next flight begins with: those before are answered by ours. */
  #answeredSeq = 0;
  #flight: Flight | undefined;
  /** The flight that was taken for acknowledged, as what came in the clear seemed to answer it. */
  #seeminglyAnswered: Flight | undefined;
  #whenAcknowledged: (() => void) | undefined;
  /** Whether the flight is sent again by the timer. */
  #isTimed = true;
  /** Time-outs of the flight since there was news of it. */
  #timeouts = 0;
  /** How often it had to be sent again in datagrams larger than any that is known to have arrived. */
  #largeLosses = 0;
  /** What waits for the flight under way. */
  #waiting: { messages: () => readonly Bytes[]; whenAcknowledged: (() => void) | undefined }[] = [];
  #retransmitAtMs: number | undefined;
  /** The size that the peer's hello is cut to, 0 while it is not. */
  #peerMtuBytes = 0;
  /** ACKs mean nothing, and may not be sent, before DTLS 1.3 is selected (§7). */
  #versionKnown = false;
  #established = false;
  #readEpoch = 0;

  /** @param messageSeq of the next message in each direction: above 0 behind a stateless HelloRetryRequest */
  constructor(records: RecordLayer, host: ReliabilityHost, options: ReliabilityOptions, messageSeq = 0) {
    this.#records = records;
    this.#host = host;
    this.#options = options;
    this.#timer = new RetransmissionTimer(options);
    this.#nextSendSeq = messageSeq;
    this.#reassembler = new Reassembler(
      {
        messageBytes: options.maxMessageBytes,
        plaintextBytes: options.maxHelloBytes,
        aheadBytes: options.maxAheadBytes,
        messagesAhead: MESSAGES_AHEAD,
        doubtsPlaintext: !options.believesPlaintext,
      },
      messageSeq,
    );
  }

  /** Round trip, or `undefined` as long as none was measured. */
  get rttMs(): number | undefined {
    return this.#timer.rttMs;
  }

  /** When {@link handleTimeout} is due. */
  get deadlineMs(): number | undefined {
    const retransmit = this.#retransmitAtMs;
    const ack = this.#ackSchedule.dueAtMs;
    return retransmit === undefined || ack === undefined ? (retransmit ?? ack) : Math.min(retransmit, ack);
  }

  /** Whether anything that was sent is not yet acknowledged. */
  get isBusy(): boolean {
    return this.#flight !== undefined || this.#waiting.length > 0;
  }

  /** Whether the last flight of the handshake is not yet acknowledged. */
  get awaitsEnd(): boolean {
    return this.#flight !== undefined && this.#flight.epoch <= HANDSHAKE_EPOCH;
  }

  /** How many times messages wait for the flight under way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the peer's next messages come under keys. */
  get expectsProtection(): boolean {
    return this.#readEpoch > 0;
  }

  get believesPlaintext(): boolean {
    return this.#options.believesPlaintext;
  }

  /** From now on ACKs are sent and heeded, also of what has come so far. */
  selectVersion(): void {
    this.#versionKnown = true;
    if (this.#acks.isEmpty || !this.#options.acknowledgesHellos) return;
    this.#acknowledgeImplicitly();
    this.#scheduleAck();
  }

  /**
   * The peer's next messages come in this epoch. Anything of an earlier one that was not processed is a fault.
   * @throws SealgramError unexpected_message
   */
  enterReadEpoch(epoch: number): void {
    this.#readEpoch = epoch;
    this.#seeminglyAnswered = undefined;
    if (this.#reassembler.forgetBefore(epoch)) throw excessData();
  }

  /** The handshake is over: from now on every flight waits for an explicit ACK (§7.1). */
  establish(): void {
    this.#established = true;
  }

  // Sending

  /**
   * Sends a flight of the handshake. It takes the place of the one before, to which the peer's flight was the answer.
   * @param whenAcknowledged called once the peer has all of it, if it acknowledges explicitly
   */
  sendFlight(messages: readonly { epoch: number; bytes: Bytes }[], whenAcknowledged?: () => void): void {
    this.#endIncomingFlight();
    this.#startFlight(messages, whenAcknowledged);
  }

  /** Sends a HelloRetryRequest, which the client has to ask for once more if it is lost (§3.1). */
  sendHelloRetryRequest(bytes: Bytes): void {
    this.#endIncomingFlight();
    this.#startFlight([{ epoch: 0, bytes }], undefined, this.#options.retransmitsHelloRetryRequest);
  }

  /** The peer's flight is complete, and what is sent now answers it. */
  #endIncomingFlight(): void {
    this.#acks.clear();
    this.#ackSchedule.clear();
    this.#answeredSeq = this.#reassembler.nextReceiveSeq;
    // "using any existing information about the PMTU" (§4.4)
    const isMtuUnknown = Number.isFinite(this.#options.transmissionsAtFullSize);
    if (this.#peerMtuBytes > 0 && isMtuUnknown) this.#host.limitMtu(this.#peerMtuBytes);
    this.#peerMtuBytes = 0;
  }

  /**
   * Sends messages after the handshake, in the epoch that is current once all that was sent before is acknowledged.
   * @param messages makes them when it is their turn
   */
  sendLater(messages: () => readonly Bytes[], whenAcknowledged?: () => void): void {
    this.#waiting.push({ messages, whenAcknowledged });
    if (this.#flight === undefined) this.#sendWaiting();
  }

  #sendWaiting(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const epoch = this.#records.writeEpoch;
    this.#startFlight(
      next.messages().map((bytes) => ({ epoch, bytes })),
      next.whenAcknowledged,
    );
  }

  #startFlight(
    messages: readonly { epoch: number; bytes: Bytes }[],
    whenAcknowledged: (() => void) | undefined,
    isTimed = true,
  ): void {
    if (this.#nextSendSeq + messages.length - 1 > MAX_MESSAGE_SEQ) {
      throw fault("internal_error", "message_seq_exhausted", "the association has no message_seq left");
    }
    this.#flight = new Flight(messages.map((message) => ({ ...message, messageSeq: this.#nextSendSeq++ })));
    this.#seeminglyAnswered = undefined;
    this.#isTimed = isTimed;
    this.#timeouts = 0;
    this.#largeLosses = 0;
    this.#whenAcknowledged = whenAcknowledged;
    this.#timer.begin(this.#host.now());
    this.#arm();
    this.#transmit(this.#flight);
  }

  /** Sends what is due of a flight, as far as there are places for it: "SHOULD NOT send more than 10 records" (§5.8.3). */
  #transmit(flight: Flight): void {
    const packer = this.#host.packer();
    const before = flight.recordsUnderWay;
    let places = this.#options.recordsPerTransmission - before;
    const room = (epoch: number) => (places-- > 0 ? packer.room(epoch) : 0);
    for (const { epoch, content, sent } of flight.contents(this.#host.now(), room)) {
      packer.add(epoch, ContentType.handshake, content, sent);
    }
    packer.flush();
    if (flight.recordsUnderWay > before) this.#arm();
  }

  /** The time-out begins anew: with what is sent, with news of the flight, and when it has passed. */
  #arm(): void {
    this.#retransmitAtMs = this.#isTimed ? this.#host.now() + this.#timer.timeoutMs : undefined;
  }

  /** Sends again what was just given up without any news of the flight; `lostBytes` is its largest datagram. */
  #retransmit(flight: Flight, lostBytes: number): void {
    this.#checkMtu(flight, lostBytes);
    if (this.#isTimed) this.#timer.backOff();
    this.#arm();
    this.#transmit(flight);
  }

  /** What is lost again and again, while nothing as large arrives, may be too large (§4.4). */
  #checkMtu({ largestArrivedBytes }: Flight, lostBytes: number): void {
    if (!this.#isTimed || lostBytes <= largestArrivedBytes) return;
    if (++this.#largeLosses >= this.#options.transmissionsAtFullSize) this.#host.reduceMtu(lostBytes);
  }

  /** There is news of the flight: what is under way may well arrive. */
  #encourage(): void {
    this.#timeouts = 0;
    this.#timer.recover();
    this.#arm();
  }

  /**
   * Sends what is under way again, by a path on which none of it has been: how long it had to wait on another says nothing
   * about this one.
   */
  resend(): void {
    this.#timer.forget();
    const flight = this.#flight;
    if (flight === undefined || !this.#isTimed) return;
    flight.giveUp(this.#host.now());
    this.#encourage();
    this.#transmit(flight);
  }

  /** Sends what was held back. */
  sendDue(): void {
    const flight = this.#flight;
    if (flight?.isDue) this.#transmit(flight);
  }

  // Receiving

  /**
   * Takes the content of a handshake record; answers whether there is anything new in it.
   * @throws SealgramError for content that no peer may send
   */
  handleRecord(content: Bytes, epoch: number, sequenceNumber: number): boolean {
    let mayAcknowledge = true;
    let isAnswered = true;
    let isNew = false;
    for (const fragment of readFragments(content)) {
      // A message of an epoch that has ended: only repetitions of older ones may still arrive.
      if (epoch < this.#readEpoch && fragment.messageSeq >= this.#reassembler.nextReceiveSeq)
        throw excessData();
      const fate = this.#reassembler.add(fragment, epoch);
      if (fate === "discarded") mayAcknowledge = false;
      else if (fate !== "old") isNew = true;
      if (fragment.messageSeq >= this.#answeredSeq) isAnswered = false;
      if (epoch === 0 && fragment.offset + fragment.data.length < fragment.length) {
        this.#peerMtuBytes = Math.max(this.#peerMtuBytes, RECORD_HEADER_BYTES + content.length);
      }
    }
    if (isAnswered && !this.#options.acknowledgesAnsweredFlights) mayAcknowledge = false;
    if (mayAcknowledge) this.#acks.add({ epoch, sequenceNumber });
    if (!this.#versionKnown) return isNew;
    if (isNew) {
      this.#acknowledgeImplicitly();
      this.#ackSchedule.hasten(this.#host.now(), this.#repeatsAcks);
    } else if (this.#options.eagerRetransmission || !this.#isTimed) this.#answerRepetition();
    if (mayAcknowledge || this.#repeatsAcks) this.#scheduleAck();
    return isNew;
  }

  /**
   * Records of the handshake have come for which there are no keys yet. The peer has answered, and it is the hello in its
   * answer that is missing.
   */
  handleRecordAhead(): void {
    const dueAtMs = this.#retransmitAtMs;
    if (dueAtMs === undefined || this.#established) return;
    this.#encourage();
    this.#retransmitAtMs = Math.min(dueAtMs, this.#retransmitAtMs!);
  }

  /**
   * Takes the content of a handshake record in the clear when all that is expected is protected.
   * @throws SealgramError for anything but repetitions
   */
  handleRepetition(content: Bytes, sequenceNumber: number): void {
    let isAnswered = true;
    for (const { messageSeq } of readFragments(content)) {
      if (messageSeq >= this.#reassembler.nextReceiveSeq) throw excessData();
      if (messageSeq >= this.#answeredSeq) isAnswered = false;
    }
    if (!isAnswered || this.#options.acknowledgesAnsweredFlights) {
      this.#acks.addRepetition({ epoch: 0, sequenceNumber });
      if (this.#versionKnown) this.#scheduleAck();
    }
    if (this.#options.eagerRetransmission) this.#answerRepetition();
  }

  /** The next message in order, if it is complete. */
  nextMessage(): ReceivedMessage | undefined {
    return this.#reassembler.next();
  }

  /**
   * The message that was last taken is taken for a forgery: it is neither acknowledged, nor the last with its number, nor an
   * answer to anything.
   */
  rejectMessage(): void {
    this.#reassembler.reject();
    this.#acks.clear();
    this.#ackSchedule.clear();
    const unanswered = this.#seeminglyAnswered;
    if (unanswered === undefined) return;
    this.#seeminglyAnswered = undefined;
    this.#flight = unanswered;
    this.#timer.begin(this.#host.now());
    this.#arm();
  }

  /** "the receipt of any record responding to a given flight MUST be taken as an implicit acknowledgement" (§7.2) */
  #acknowledgeImplicitly(): void {
    const flight = this.#flight;
    if (this.#established || flight === undefined) return;
    if (!flight.isRepeated) this.#timer.measured(this.#host.now() - flight.sentAtMs);
    this.#finishFlight();
    if (flight.epoch === 0 && !this.#options.believesPlaintext) this.#seeminglyAnswered = flight;
  }

  /** §5.8.1: a repetition of what was answered suggests that the answer was lost. */
  #answerRepetition(): void {
    const flight = this.#flight;
    // Messages after the handshake answer nothing.
    if (flight === undefined || flight.epoch > HANDSHAKE_EPOCH || flight.isPartlyAcknowledged) return;
    // It may have crossed what was sent last.
    if (this.#host.now() - flight.sentAtMs < this.#timer.timeoutMs / 4) return;
    this.#retransmit(flight, flight.repeat());
  }

  #finishFlight(): void {
    this.#timer.end(this.#host.now());
    this.#flight = undefined;
    this.#whenAcknowledged = undefined;
    this.#retransmitAtMs = undefined;
  }

  // ACKs

  /** Whether ACKs are all that this side can ask for more by: it has nothing to send itself, and waits for a flight. */
  get #repeatsAcks(): boolean {
    return this.#options.repeatsAcks && !this.#established && this.#flight === undefined;
  }

  #scheduleAck(): void {
    this.#ackSchedule.schedule(this.#host.now(), this.#timer.ackDelayMs);
  }

  /** Acknowledges all that the current flight has brought: at once where nothing else will (§7.1). */
  acknowledgeNow(): void {
    this.#ackSchedule.sent();
    if (!this.#versionKnown || (this.#acks.isEmpty && !this.#repeatsAcks)) return;
    const packer = this.#host.packer();
    const epoch = this.#records.writeEpoch;
    const most = Math.floor((packer.room(epoch) - 2) / RECORD_NUMBER_BYTES);
    if (most >= 0) packer.add(epoch, ContentType.ack, encodeAck(this.#acks.take(most)));
    packer.flush();
    if (!this.#repeatsAcks) return;
    const delayMs = this.#timer.timeoutAfterMs(this.#ackSchedule.repetitions);
    this.#ackSchedule.repeatAt(this.#host.now() + delayMs);
  }

  /**
   * Takes the content of an ACK record.
   * @throws SealgramError decode_error or illegal_parameter
   */
  handleAck(content: Bytes, epoch: number): void {
    if (!this.#versionKnown) return;
    const numbers = decodeAck(content);
    // After the handshake each direction counts its epochs for itself.
    const highest = this.#established ? this.#records.writeEpoch : epoch;
    if (numbers.some((number) => number.epoch > highest)) {
      throw fault("illegal_parameter", "invalid_ack", "an ACK of a record of a later epoch");
    }
    const flight = this.#flight;
    if (flight === undefined) return;
    const now = this.#host.now();
    // Anyone may have sent one in the clear.
    const isCertain = epoch > 0 || this.#options.believesPlaintext;
    const { isNew, sentAtMs } = flight.acknowledge(numbers, isCertain);
    if (sentAtMs !== undefined) this.#timer.measured(now - sentAtMs);
    if (flight.isAcknowledged) {
      const whenAcknowledged = this.#whenAcknowledged;
      this.#finishFlight();
      whenAcknowledged?.();
      if (this.#flight === undefined) this.#sendWaiting();
    } else if (this.#options.eagerRetransmission) {
      if (isNew) this.#encourage();
      // An ACK of nothing says that the peer cannot read the flight (§7.1): the first one is believed at once.
      const isUnread = numbers.length === 0 && !flight.isPartlyAcknowledged && !flight.isRepeated;
      const lostBytes = flight.giveUp(isUnread ? now : now - this.#timer.timeoutMs);
      if (!isNew && lostBytes > 0) this.#retransmit(flight, lostBytes);
      else {
        this.#checkMtu(flight, lostBytes);
        this.#transmit(flight);
      }
    }
  }

  // Time

  /** Answers false when the peer has not answered for too long. */
  handleTimeout(): boolean {
    const now = this.#host.now() + this.#options.timerGranularityMs;
    // The ACK first: it may spare the peer what the retransmission below spares us.
    const { dueAtMs, repetitions } = this.#ackSchedule;
    if (dueAtMs !== undefined && dueAtMs <= now) {
      if (repetitions > this.#options.maxRetransmissions) return false;
      this.acknowledgeNow();
    }
    const flight = this.#flight;
    if (flight === undefined || this.#retransmitAtMs === undefined || this.#retransmitAtMs > now) return true;
    if (++this.#timeouts > this.#options.maxRetransmissions) return false;
    this.#retransmit(flight, flight.expire(this.#timeouts === 1));
    return true;
  }

  /** Changes the initial time-out, also of timers that run. */
  setInitialTimeout(timeoutMs: number): void {
    this.#timer.restart(timeoutMs);
    if (this.#flight !== undefined && this.#retransmitAtMs !== undefined) {
      this.#retransmitAtMs = this.#flight.sentAtMs + this.#timer.timeoutMs;
    }
    this.#ackSchedule.changeDelay(this.#timer.ackDelayMs);
  }
}

function excessData(): Error {
  return fault(
    "unexpected_message",
    "excess_handshake_data",
    "a handshake message after the end of its epoch",
  );
}
