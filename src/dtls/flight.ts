/** Messages that are sent until they are acknowledged (RFC 9147 §5.7, §5.8 and §7.2). */
import type { Bytes } from "../core/bytes.ts";
import type { RecordNumber } from "../tls/ack.ts";
import { FRAGMENT_HEADER, writeFragment } from "./fragment.ts";
import { Ranges } from "./ranges.ts";

/** A handshake message on its way out. */
export interface OutgoingMessage {
  readonly epoch: number;
  readonly messageSeq: number;
  /** Type, length and body. */
  readonly bytes: Bytes;
}

interface TrackedMessage extends OutgoingMessage {
  readonly acknowledged: Ranges;
  /** What is acknowledged, and what an ACK in the clear has named, which may be forged. */
  claimed: Ranges;
  /** What need not be sent in this pass over the flight: it is acknowledged, or was sent. */
  passed: Ranges;
}

interface Part {
  readonly message: TrackedMessage;
  readonly start: number;
  readonly end: number;
}

interface SentRecord {
  readonly epoch: number;
  readonly sequenceNumber: number;
  readonly parts: readonly Part[];
  /** Whether an ACK in the clear has named it. */
  isClaimed: boolean;
}

/** One handshake record, ready to be sealed. */
export interface HandshakeContent {
  readonly epoch: number;
  readonly content: Bytes;
  /** To be called with the record's number when it is sent. */
  readonly sent: (sequenceNumber: number) => void;
}

/** Records whose contents are remembered for ACKs; beyond it the oldest are forgotten. */
const MAX_REMEMBERED = 64;

/**
 * A flight, or one post-handshake message, from its first transmission until all of it is acknowledged. It knows what
 * is missing; when to send is its owner's concern.
 */
export class Flight {
  /** How often it has been sent. */
  transmissions = 0;
  /** When it was last sent, on the connection's clock. */
  sentAtMs = 0;
  readonly #messages: readonly TrackedMessage[];
  #records: SentRecord[] = [];

  constructor(messages: readonly OutgoingMessage[]) {
    this.#messages = messages.map((message) => ({
      ...message,
      acknowledged: new Ranges(),
      claimed: new Ranges(),
      passed: new Ranges(),
    }));
  }

  /** The epoch of its last message. */
  get epoch(): number {
    return this.#messages[this.#messages.length - 1]!.epoch;
  }

  get isAcknowledged(): boolean {
    return this.#messages.every(({ bytes, acknowledged }) => acknowledged.covers(bytes.length - 4));
  }

  /** Whether nothing is known to be missing, be it by ACKs that may be forged. */
  get isClaimed(): boolean {
    return this.#messages.every(({ bytes, claimed }) => claimed.covers(bytes.length - 4));
  }

  /** Whether any part of it has been acknowledged. */
  get isPartlyAcknowledged(): boolean {
    return this.#messages.some(({ acknowledged }) => acknowledged.count > 0);
  }

  /** Whether a part was held back: limits end a transmission before the flight is through. */
  get isMidway(): boolean {
    return !this.#messages.every(({ bytes, passed }) => passed.covers(bytes.length - 4));
  }

  /**
   * Takes an acknowledged record into account; answers whether it was one of this flight's.
   * @param isCertain whether it is the peer that says so; what is not certain is believed until {@link doubt}
   */
  acknowledge({ epoch, sequenceNumber }: RecordNumber, isCertain: boolean): boolean {
    const at = this.#records.findIndex(
      (record) => record.epoch === epoch && record.sequenceNumber === sequenceNumber,
    );
    if (at === -1) return false;
    const record = this.#records[at]!;
    if (isCertain) this.#records.splice(at, 1);
    else if (record.isClaimed) return false;
    record.isClaimed = true;
    for (const { message, start, end } of record.parts) {
      if (isCertain) message.acknowledged.add(start, end);
      message.claimed.add(start, end);
      message.passed.add(start, end);
    }
    return true;
  }

  /** No answer has come: what is only said to have arrived is sent again, too. */
  doubt(): void {
    for (const message of this.#messages) message.claimed = new Ranges(message.acknowledged);
  }

  /**
   * Cuts what is missing into records. What was held back the last time comes first, lest a peer that cannot acknowledge
   * parts never gets the end.
   * @param room how many bytes of content the next record of an epoch may have: more than a fragment header
   */
  *contents(room: (epoch: number) => number): Generator<HandshakeContent> {
    let parts: Part[] = [];
    let length = 0;
    let epoch = -1;
    let space = 0;
    if (!this.isMidway) for (const message of this.#messages) message.passed = new Ranges(message.claimed);
    for (const message of this.#messages) {
      for (const [from, to] of message.passed.gaps(message.bytes.length - 4)) {
        let start = from;
        do {
          const least = FRAGMENT_HEADER + Math.min(1, to - start);
          if (parts.length > 0 && (epoch !== message.epoch || space - length < least)) {
            yield this.#content(epoch, parts, length);
            parts = [];
            length = 0;
          }
          if (parts.length === 0) {
            epoch = message.epoch;
            space = room(epoch);
          }
          const end = Math.min(to, start + space - length - FRAGMENT_HEADER);
          parts.push({ message, start, end });
          length += FRAGMENT_HEADER + end - start;
          start = end;
        } while (start < to);
      }
    }
    if (parts.length > 0) yield this.#content(epoch, parts, length);
  }

  #content(epoch: number, parts: readonly Part[], length: number): HandshakeContent {
    const content = new Uint8Array(length);
    let at = 0;
    for (const { message, start, end } of parts) {
      at = writeFragment(message.bytes, message.messageSeq, start, end - start, content, at);
    }
    return {
      epoch,
      content,
      sent: (sequenceNumber) => this.#remember({ epoch, sequenceNumber, parts, isClaimed: false }),
    };
  }

  #remember(record: SentRecord): void {
    if (this.#records.length >= MAX_REMEMBERED) this.#records.shift();
    this.#records.push(record);
    for (const { message, start, end } of record.parts) message.passed.add(start, end);
  }
}
