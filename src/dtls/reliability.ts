/**
 * What makes the handshake reliable: flights and their retransmission, ACKs, reassembly (RFC 9147 §5 and §7). One
 * flight is under way at a time; what comes after it waits.
 */
import type { Bytes } from "../core/bytes.ts";
import { ContentType } from "../core/index.ts";
import { decodeAck, encodeAck, type RecordNumber } from "../tls/ack.ts";
import { fault } from "../tls/wire.ts";
import { AckList } from "./ack-list.ts";
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
  /** Bytes of one datagram shrink: repeated losses may be the path's MTU (RFC 9147 §4.4). */
  reduceMtu(): void;
}

/** Messages beyond the expected one that are kept. */
const MESSAGES_AHEAD = 6;
const MAX_MESSAGE_SEQ = 0xffff;
const RECORD_NUMBER_BYTES = 16;

export class Reliability {
  readonly #records: RecordLayer;
  readonly #host: ReliabilityHost;
  readonly #options: ReliabilityOptions;
  readonly #acks = new AckList();
  readonly #reassembler: Reassembler;
  readonly #timer: RetransmissionTimer;
  #nextSendSeq: number;
  /** message_seq that the peer's next flight begins with: those before are answered by ours. */
  #answeredSeq = 0;
  #flight: Flight | undefined;
  #whenAcknowledged: (() => void) | undefined;
  /** Whether the flight is sent again by the timer. */
  #isTimed = true;
  /** What waits for the flight under way. */
  #waiting: { messages: () => readonly Bytes[]; whenAcknowledged: (() => void) | undefined }[] = [];
  #retransmitAtMs: number | undefined;
  #ackAtMs: number | undefined;
  #ackIntervalStartMs = 0;
  /** How often an ACK was sent since something new came. */
  #ackRepetitions = 0;
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

  /** Measured without retransmissions, or `undefined` so far. */
  get rttMs(): number | undefined {
    return this.#timer.rttMs;
  }

  /** When {@link handleTimeout} is due. */
  get deadlineMs(): number | undefined {
    const retransmit = this.#retransmitAtMs;
    const ack = this.#ackAtMs;
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
    if (!this.#acks.isEmpty && this.#options.acknowledgesHellos) this.#scheduleAck();
  }

  /**
   * The peer's next messages come in this epoch. Anything of an earlier one that was not processed is a fault.
   * @throws SealgramError unexpected_message
   */
  enterReadEpoch(epoch: number): void {
    this.#readEpoch = epoch;
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
    this.#ackAtMs = undefined;
    this.#ackRepetitions = 0;
    this.#answeredSeq = this.#reassembler.nextReceiveSeq;
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
    this.#isTimed = isTimed;
    this.#whenAcknowledged = whenAcknowledged;
    this.#timer.begin(this.#host.now());
    this.#transmit(this.#flight);
  }

  #transmit(flight: Flight): void {
    this.#send(flight);
    flight.transmissions++;
    flight.sentAtMs = this.#host.now();
    if (this.#isTimed) this.#retransmitAtMs = flight.sentAtMs + this.#timer.timeoutMs(flight.transmissions);
  }

  #retransmit(flight: Flight): void {
    if (this.#isTimed && flight.transmissions >= this.#options.transmissionsAtFullSize)
      this.#host.reduceMtu();
    flight.doubt();
    this.#transmit(flight);
  }

  /**
   * Sends what is under way again, by a path on which none of it has been: how long it had to wait on another says nothing
   * about this one.
   */
  resend(): void {
    this.#timer.forget();
    const flight = this.#flight;
    if (flight === undefined || !this.#isTimed) return;
    // Not the first transmission: an answer to that would seem to measure the round trip.
    flight.transmissions = 1;
    this.#retransmit(flight);
  }

  #send(flight: Flight): void {
    const packer = this.#host.packer();
    let left = this.#options.recordsPerTransmission;
    for (const { epoch, content, sent } of flight.contents((epoch) => packer.room(epoch))) {
      if (packer.isRefused) return;
      packer.add(epoch, ContentType.handshake, content, sent);
      if (--left === 0) break;
    }
    packer.flush();
  }

  /** Sends what was held back. */
  sendRest(): void {
    if (this.#flight?.isMidway) this.#send(this.#flight);
  }

  // Receiving

  /**
   * Takes the content of a handshake record.
   * @throws SealgramError for content that no peer may send
   */
  handleRecord(content: Bytes, epoch: number, sequenceNumber: number): void {
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
    }
    if (isNew && this.#ackRepetitions > 0) {
      this.#ackRepetitions = 0;
      this.#ackAtMs = undefined;
    }
    if (isAnswered && !this.#options.acknowledgesAnsweredFlights) mayAcknowledge = false;
    if (mayAcknowledge) this.#acknowledgeLater({ epoch, sequenceNumber });
    if (!this.#versionKnown) return;
    if (isNew) this.#acknowledgeImplicitly();
    else if (this.#options.eagerRetransmission || !this.#isTimed) this.#answerRepetition();
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

  /** The message that was last taken is taken for a forgery, and neither acknowledged nor the last with its number. */
  rejectMessage(): void {
    this.#reassembler.reject();
    this.#acks.clear();
    this.#ackAtMs = undefined;
  }

  /** "the receipt of any record responding to a given flight MUST be taken as an implicit acknowledgement" (§7.2) */
  #acknowledgeImplicitly(): void {
    if (this.#established || this.#flight === undefined) return;
    this.#finishFlight(this.#flight);
  }

  /** §5.8.1: a repetition of what was answered suggests that the answer was lost. */
  #answerRepetition(): void {
    const flight = this.#flight;
    // Messages after the handshake answer nothing.
    if (flight === undefined || flight.epoch > HANDSHAKE_EPOCH || flight.isPartlyAcknowledged) return;
    if (!this.#isRecent(flight)) this.#retransmit(flight);
  }

  #isRecent(flight: Flight): boolean {
    const transmissions = this.#isTimed ? flight.transmissions : 1;
    return this.#host.now() - flight.sentAtMs < this.#timer.timeoutMs(transmissions) / 4;
  }

  #finishFlight({ transmissions, sentAtMs }: Flight): void {
    this.#timer.end(transmissions, sentAtMs, this.#host.now());
    this.#flight = undefined;
    this.#whenAcknowledged = undefined;
    this.#retransmitAtMs = undefined;
  }

  // ACKs

  #acknowledgeLater(number: RecordNumber): void {
    this.#acks.add(number);
    if (this.#versionKnown) this.#scheduleAck();
  }

  #scheduleAck(): void {
    if (this.#ackAtMs !== undefined) return;
    this.#ackIntervalStartMs = this.#host.now();
    this.#ackAtMs = this.#ackIntervalStartMs + this.#currentTimeoutMs() / 4;
  }

  #currentTimeoutMs(): number {
    return this.#timer.timeoutMs(this.#flight?.transmissions ?? 0);
  }

  /** Acknowledges all that the current flight has brought: at once where nothing else will (§7.1). */
  acknowledgeNow(): void {
    this.#ackAtMs = undefined;
    if (this.#acks.isEmpty || !this.#versionKnown) return;
    const packer = this.#host.packer();
    const epoch = this.#records.writeEpoch;
    const most = Math.floor((packer.room(epoch) - 2) / RECORD_NUMBER_BYTES);
    packer.add(epoch, ContentType.ack, encodeAck(this.#acks.take(most)));
    packer.flush();
    if (!this.#options.repeatsAcks || this.#established || this.#flight !== undefined) return;
    this.#ackAtMs = this.#host.now() + this.#timer.timeoutMs(++this.#ackRepetitions);
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
    let progress = false;
    // Anybody may have sent one in the clear.
    const isCertain = epoch > 0 || this.#options.believesPlaintext;
    for (const number of numbers) progress = flight.acknowledge(number, isCertain) || progress;
    if (flight.isAcknowledged) {
      const whenAcknowledged = this.#whenAcknowledged;
      this.#finishFlight(flight);
      whenAcknowledged?.();
      if (this.#flight === undefined) this.#sendWaiting();
    } else if (!this.#options.eagerRetransmission) return;
    else if (progress && !flight.isClaimed) this.#transmit(flight);
    else if (numbers.length === 0) this.#answerEmptyAck(flight);
  }

  /**
   * The peer lacks something, perhaps (§7.1): at once the first time, then no more often than it may repeat its flight.
   * Whoever drops all that is sent, or forges ACKs, would otherwise set off a flood.
   */
  #answerEmptyAck(flight: Flight): void {
    if (flight.transmissions > 1 && this.#isRecent(flight)) return;
    flight.doubt();
    this.#transmit(flight);
  }

  // Time

  /** Answers false when the peer has not answered for too long. */
  handleTimeout(): boolean {
    const now = this.#host.now() + this.#options.timerGranularityMs;
    // The ACK first: it may spare the peer what the retransmission below spares us.
    if (this.#ackAtMs !== undefined && this.#ackAtMs <= now) {
      if (this.#ackRepetitions > this.#options.maxRetransmissions) return false;
      this.acknowledgeNow();
    }
    const flight = this.#flight;
    if (flight === undefined || this.#retransmitAtMs === undefined || this.#retransmitAtMs > now) return true;
    if (flight.transmissions > this.#options.maxRetransmissions) return false;
    this.#retransmit(flight);
    return true;
  }

  /** Changes the initial time-out, also of timers that run. */
  setInitialTimeout(timeoutMs: number): void {
    this.#timer.restart(timeoutMs);
    if (this.#flight !== undefined && this.#retransmitAtMs !== undefined) {
      this.#retransmitAtMs = this.#flight.sentAtMs + this.#timer.timeoutMs(this.#flight.transmissions);
    }
    if (this.#ackAtMs !== undefined) this.#ackAtMs = this.#ackIntervalStartMs + this.#currentTimeoutMs() / 4;
  }
}

function excessData(): Error {
  return fault(
    "unexpected_message",
    "excess_handshake_data",
    "a handshake message after the end of its epoch",
  );
}
