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

/** Timers and limits of the handshake (RFC 9147 §5.8.2). */
export interface ReliabilityOptions {
  /** First retransmission time-out. */
  readonly initialTimeoutMs: number;
  /** Where doubling it ends. */
  readonly maxTimeoutMs: number;
  /** How often a flight is sent again before the connection is given up. */
  readonly maxRetransmissions: number;
  /** Sets the time-out to 1.5 times the round trip once that is measured. */
  readonly adaptTimeout: boolean;
  /** Sends what is missing as soon as an ACK, or a repetition of the peer's flight, shows that it is. */
  readonly eagerRetransmission: boolean;
  /**
   * Sends the ACK of an incomplete flight again while nothing new comes: a server that may not send more to an address
   * it has not validated waits for something to arrive.
   */
  readonly repeatsAcks: boolean;
  /** "SHOULD NOT send more than 10 records in a single transmission" (§5.8.3) */
  readonly recordsPerTransmission: number;
  /**
   * How often a flight is sent in datagrams of full size before smaller ones are tried, for the path's MTU may be
   * smaller than assumed (§4.4: "2-3 seems appropriate"); infinite where the MTU is known.
   */
  readonly transmissionsAtFullSize: number;
  /** A deadline this close counts as passed: for hosts whose timers are coarse. */
  readonly timerGranularityMs: number;
  /** The longest handshake message that is accepted. */
  readonly maxMessageBytes: number;
}

export const defaultReliability: ReliabilityOptions = {
  initialTimeoutMs: 400,
  maxTimeoutMs: 60_000,
  maxRetransmissions: 12,
  adaptTimeout: true,
  eagerRetransmission: true,
  repeatsAcks: true,
  recordsPerTransmission: 10,
  transmissionsAtFullSize: 2,
  timerGranularityMs: 0,
  maxMessageBytes: 65_536,
};

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
/** No measured time-out is shorter. */
const MIN_TIMEOUT_MS = 20;
const RECORD_NUMBER_BYTES = 16;

export class Reliability {
  readonly #records: RecordLayer;
  readonly #host: ReliabilityHost;
  readonly #options: ReliabilityOptions;
  readonly #acks = new AckList();
  readonly #reassembler: Reassembler;
  #nextSendSeq: number;
  #flight: Flight | undefined;
  #whenAcknowledged: (() => void) | undefined;
  /** What waits for the flight under way. */
  #waiting: { messages: readonly Bytes[]; whenAcknowledged: (() => void) | undefined }[] = [];
  #baseTimeoutMs: number;
  #retransmitAtMs: number | undefined;
  #ackAtMs: number | undefined;
  #ackIntervalStartMs = 0;
  /** How often an ACK was sent since something new came. */
  #ackRepetitions = 0;
  /** ACKs mean nothing, and may not be sent, before DTLS 1.3 is selected (§7). */
  #versionKnown = false;
  #established = false;
  #readEpoch = 0;
  #smoothedRttMs: number | undefined;

  /** @param messageSeq of the next message in each direction: above 0 behind a stateless HelloRetryRequest */
  constructor(records: RecordLayer, host: ReliabilityHost, options: ReliabilityOptions, messageSeq = 0) {
    this.#records = records;
    this.#host = host;
    this.#options = options;
    this.#baseTimeoutMs = options.initialTimeoutMs;
    this.#nextSendSeq = messageSeq;
    const { maxMessageBytes } = options;
    this.#reassembler = new Reassembler(
      { messageBytes: maxMessageBytes, messagesAhead: MESSAGES_AHEAD },
      messageSeq,
    );
  }

  /** Measured without retransmissions, or `undefined` so far. */
  get rttMs(): number | undefined {
    return this.#smoothedRttMs;
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

  /** How many times messages wait for the flight under way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** From now on ACKs are sent and heeded. */
  selectVersion(): void {
    this.#versionKnown = true;
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
    this.#acks.clear();
    this.#ackAtMs = undefined;
    this.#ackRepetitions = 0;
    this.#startFlight(messages, whenAcknowledged);
  }

  /** Sends messages after the handshake, in the epoch that is current once all that was sent before is acknowledged. */
  sendLater(messages: readonly Bytes[], whenAcknowledged?: () => void): void {
    this.#waiting.push({ messages, whenAcknowledged });
    if (this.#flight === undefined) this.#sendWaiting();
  }

  #sendWaiting(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const epoch = this.#records.writeEpoch;
    this.#startFlight(
      next.messages.map((bytes) => ({ epoch, bytes })),
      next.whenAcknowledged,
    );
  }

  #startFlight(messages: readonly { epoch: number; bytes: Bytes }[], whenAcknowledged?: () => void): void {
    if (this.#nextSendSeq + messages.length - 1 > MAX_MESSAGE_SEQ) {
      throw fault("internal_error", "message_seq_exhausted", "the association has no message_seq left");
    }
    this.#flight = new Flight(messages.map((message) => ({ ...message, messageSeq: this.#nextSendSeq++ })));
    this.#whenAcknowledged = whenAcknowledged;
    this.#transmit(this.#flight);
  }

  #transmit(flight: Flight): void {
    this.#send(flight);
    flight.transmissions++;
    flight.sentAtMs = this.#host.now();
    this.#retransmitAtMs = flight.sentAtMs + this.#timeoutMs(flight);
  }

  #retransmit(flight: Flight): void {
    if (flight.transmissions >= this.#options.transmissionsAtFullSize) this.#host.reduceMtu();
    this.#transmit(flight);
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

  #timeoutMs(flight: Flight): number {
    const doublings = Math.min(flight.transmissions - 1, 30);
    return Math.min(this.#baseTimeoutMs * 2 ** doublings, this.#options.maxTimeoutMs);
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
    let isNew = false;
    for (const fragment of readFragments(content)) {
      // A message of an epoch that has ended: only repetitions of older ones may still arrive.
      if (epoch < this.#readEpoch && fragment.messageSeq >= this.#reassembler.nextReceiveSeq)
        throw excessData();
      const fate = this.#reassembler.add(fragment, epoch);
      if (fate === "discarded") mayAcknowledge = false;
      else if (fate !== "old") isNew = true;
    }
    if (isNew && this.#ackRepetitions > 0) {
      this.#ackRepetitions = 0;
      this.#ackAtMs = undefined;
    }
    if (mayAcknowledge) this.#acknowledgeLater({ epoch, sequenceNumber });
    if (!this.#versionKnown) return;
    if (isNew) this.#acknowledgeImplicitly();
    else if (this.#options.eagerRetransmission) this.#answerRepetition();
  }

  /** The next message in order, if it is complete. */
  nextMessage(): ReceivedMessage | undefined {
    return this.#reassembler.next();
  }

  /** "the receipt of any record responding to a given flight MUST be taken as an implicit acknowledgement" (§7.2) */
  #acknowledgeImplicitly(): void {
    if (this.#established || this.#flight === undefined) return;
    this.#measure(this.#flight);
    this.#finishFlight();
  }

  /** §5.8.1: a repetition of what was answered suggests that the answer was lost. */
  #answerRepetition(): void {
    const flight = this.#flight;
    // Messages after the handshake answer nothing.
    if (flight === undefined || flight.epoch > HANDSHAKE_EPOCH || flight.isPartlyAcknowledged) return;
    if (!this.#isRecent(flight)) this.#retransmit(flight);
  }

  #isRecent(flight: Flight): boolean {
    return this.#host.now() - flight.sentAtMs < this.#timeoutMs(flight) / 4;
  }

  #finishFlight(): void {
    this.#flight = undefined;
    this.#whenAcknowledged = undefined;
    this.#retransmitAtMs = undefined;
  }

  #measure(flight: Flight): void {
    if (flight.transmissions !== 1 || !this.#options.adaptTimeout) {
      if (!this.#options.adaptTimeout) this.#baseTimeoutMs = this.#options.initialTimeoutMs;
      return;
    }
    const rttMs = this.#host.now() - flight.sentAtMs;
    this.#smoothedRttMs =
      this.#smoothedRttMs === undefined ? rttMs : this.#smoothedRttMs * 0.875 + rttMs * 0.125;
    this.#baseTimeoutMs = Math.min(Math.max(1.5 * rttMs, MIN_TIMEOUT_MS), this.#options.maxTimeoutMs);
  }

  // ACKs

  #acknowledgeLater(number: RecordNumber): void {
    this.#acks.add(number);
    if (!this.#versionKnown || this.#ackAtMs !== undefined) return;
    this.#ackIntervalStartMs = this.#host.now();
    this.#ackAtMs = this.#ackIntervalStartMs + this.#currentTimeoutMs() / 4;
  }

  #currentTimeoutMs(): number {
    return this.#flight === undefined ? this.#baseTimeoutMs : this.#timeoutMs(this.#flight);
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
    const delayMs = this.#baseTimeoutMs * 2 ** Math.min(this.#ackRepetitions++, 30);
    this.#ackAtMs = this.#host.now() + Math.min(delayMs, this.#options.maxTimeoutMs);
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
    for (const number of numbers) progress = flight.acknowledge(number) || progress;
    if (flight.isAcknowledged) {
      this.#measure(flight);
      const whenAcknowledged = this.#whenAcknowledged;
      this.#finishFlight();
      whenAcknowledged?.();
      if (this.#flight === undefined) this.#sendWaiting();
    } else if (!this.#options.eagerRetransmission) return;
    else if (progress) this.#transmit(flight);
    else if (numbers.length === 0) this.#answerEmptyAck(flight);
  }

  /**
   * The peer lacks something, perhaps (§7.1): at once the first time, then no more often than it may repeat its flight.
   * Whoever drops all that is sent, or forges ACKs, would otherwise set off a flood.
   */
  #answerEmptyAck(flight: Flight): void {
    if (flight.transmissions === 1 || !this.#isRecent(flight)) this.#transmit(flight);
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
    this.#baseTimeoutMs = timeoutMs;
    if (this.#flight !== undefined && this.#retransmitAtMs !== undefined) {
      this.#retransmitAtMs = this.#flight.sentAtMs + this.#timeoutMs(this.#flight);
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
