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
  /** What any ACK has named, be it forged. */
  readonly named: Ranges;
}

/** What an ACK tells. */
export interface AckNews {
  /** Whether anything that no ACK has named before, or that is certain only now. */
  readonly isNew: boolean;
  /** When the last of the records was sent that are certain only now. */
  readonly sentAtMs: number | undefined;
}

interface Part {
  readonly message: TrackedMessage;
  readonly start: number;
  readonly end: number;
}

/**
 * What is known of a record that is not acknowledged. It may be `underWay`; `claimed` to have arrived by an ACK in the
 * clear, which may be forged; `overdue`, and its contents are due again once the rest of the flight has been sent; or `lost`,
 * and they are due now.
 */
type Fate = "underWay" | "claimed" | "overdue" | "lost";

interface SentRecord {
  readonly parts: readonly Part[];
  /** On the connection's clock. */
  readonly sentAtMs: number;
  /** Length of the datagram that it was in. */
  readonly datagramBytes: number;
  fate: Fate;
}

/** One handshake record, ready to be sealed. */
export interface HandshakeContent {
  readonly epoch: number;
  readonly content: Bytes;
  /** To be called with the record's number when it is sent, and the length of the datagram that it is in. */
  readonly sent: (sequenceNumber: number, datagramBytes: number) => void;
}

/** Records whose contents are remembered for ACKs; beyond it the oldest are forgotten, and their contents are due again. */
const MAX_REMEMBERED = 512;

/** Records that are sent again while others have not been sent at all: a small part of a transmission (§5.8.3). */
const REPEATED_WITH_THE_REST = 2;

/**
 * A flight, or one post-handshake message, from its first transmission until all of it is acknowledged. It knows what
 * has become of each record, and so what is due; when to give one up is its owner's concern.
 */
export class Flight {
  readonly #messages: readonly TrackedMessage[];
  /** In the order in which they were sent. */
  readonly #records = new Map<string, SentRecord>();
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #largestArrivedBytes = 0;
  #isRepeated = false;

  constructor(messages: readonly OutgoingMessage[]) {
    this.#messages = messages.map((message) => ({
      ...message,
      acknowledged: new Ranges(),
      named: new Ranges(),
    }));
  }

  /** The epoch of its last message. */
  get epoch(): number {
    return this.#messages[this.#messages.length - 1]!.epoch;
  }

  /** When a record was last sent, on the connection's clock. */
  get sentAtMs(): number {
    return this.#sentAtMs;
  }

  /** Whether any record was ever given up. */
  get isRepeated(): boolean {
    return this.#isRepeated;
  }

  /** The largest datagram that is known to have arrived, in bytes. */
  get largestArrivedBytes(): number {
    return this.#largestArrivedBytes;
  }

  get isAcknowledged(): boolean {
    return this.#messages.every(({ bytes, acknowledged }) => acknowledged.covers(bytes.length - 4));
  }

  /** Whether any part of it has been acknowledged. */
  get isPartlyAcknowledged(): boolean {
    return this.#messages.some(({ acknowledged }) => acknowledged.count > 0);
  }

  /** How many records may yet arrive. */
  get recordsUnderWay(): number {
    let count = 0;
    for (const { fate } of this.#records.values()) if (fate === "underWay") count++;
    return count;
  }

  /** Whether any of it is to be sent now. */
  get isDue(): boolean {
    const settled = this.#settled();
    return this.#messages.some((message) => !settled.get(message)!.covers(message.bytes.length - 4));
  }

  /**
   * Takes an ACK into account.
   * @param isCertain whether it is the peer that says so; what is not certain is believed for a while: see {@link expire}
   */
  acknowledge(numbers: readonly RecordNumber[], isCertain: boolean): AckNews {
    let isNew = false;
    let sentAtMs: number | undefined;
    for (const number of numbers) {
      const key = keyOf(number);
      const record = this.#records.get(key);
      if (record === undefined) continue;
      record.fate = "claimed";
      for (const { message, start, end } of record.parts) {
        isNew ||= isCertain || !message.named.contains(start, end);
        message.named.add(start, end);
        if (isCertain) message.acknowledged.add(start, end);
      }
      if (!isCertain) continue;
      this.#records.delete(key);
      sentAtMs = Math.max(sentAtMs ?? record.sentAtMs, record.sentAtMs);
      this.#largestArrivedBytes = Math.max(this.#largestArrivedBytes, record.datagramBytes);
    }
    if (sentAtMs !== undefined) this.#forgetAcknowledged();
    return { isNew, sentAtMs };
  }

  /** Other copies of what is acknowledged tell nothing any more. */
  #forgetAcknowledged(): void {
    for (const [key, { parts }] of this.#records) {
      const isAcknowledged = parts.every(({ message, start, end }) =>
        message.acknowledged.contains(start, end),
      );
      if (isAcknowledged) this.#records.delete(key);
    }
  }

  /**
   * The peer is alive and does not have what was sent up to this time: that is lost. Answers how large the largest datagram
   * among it was, 0 for none.
   */
  giveUp(untilMs: number): number {
    return this.#settle(
      "lost",
      ({ fate, sentAtMs }) => (fate === "underWay" || fate === "overdue") && sentAtMs <= untilMs,
    );
  }

  /**
   * Nothing is heard of what is under way, be it lost or not acknowledged in part. A peer that keeps nothing that comes out
   * of order needs what was sent longest ago; one that cannot acknowledge parts needs the rest of the flight: both go
   * along, and the hello each time, without which none of it can be read. Answers as {@link giveUp} once all of the flight
   * was sent.
   * @param believesClaims whether what is only said to have arrived may wait for once
   */
  expire(believesClaims: boolean): number {
    const largestBytes = this.#settle("overdue", ({ fate }) => fate === "underWay");
    const isThrough = !this.isDue;
    const isDoubtful = ({ fate }: SentRecord) =>
      fate === "overdue" || (fate === "claimed" && !believesClaims);
    const isHello = ({ parts }: SentRecord) => parts[0]!.message.epoch < this.epoch;
    let oldest = REPEATED_WITH_THE_REST;
    this.#settle("lost", (record) => isDoubtful(record) && (isThrough || isHello(record) || oldest-- > 0));
    if (!this.isDue) this.#settle("lost", () => true);
    return isThrough ? largestBytes : 0;
  }

  /** The peer has repeated what this flight answers: it lacks the hello. Answers as {@link giveUp}. */
  repeat(): number {
    const largestBytes = this.#settle("overdue", ({ fate }) => fate === "underWay");
    this.expire(false);
    return largestBytes;
  }

  #settle(fate: Fate, which: (record: SentRecord) => boolean): number {
    let largestBytes = 0;
    for (const record of this.#records.values()) {
      if (!which(record)) continue;
      record.fate = fate;
      largestBytes = Math.max(largestBytes, record.datagramBytes);
    }
    if (largestBytes > 0) this.#isRepeated = true;
    return largestBytes;
  }

  /** What of each message is not to be sent now. */
  #settled(): Map<TrackedMessage, Ranges> {
    const settled = new Map(
      this.#messages.map((message) => [message, new Ranges(message.acknowledged)] as const),
    );
    for (const { fate, parts } of this.#records.values()) {
      if (fate === "lost") continue;
      for (const { message, start, end } of parts) settled.get(message)!.add(start, end);
    }
    return settled;
  }

  /**
   * Cuts what is due into records.
   * @param room how many bytes of content the next record of an epoch may have: more than a fragment header, or 0 to stop
   */
  *contents(nowMs: number, room: (epoch: number) => number): Generator<HandshakeContent> {
    let parts: Part[] = [];
    let length = 0;
    let epoch = -1;
    let space = 0;
    for (const [message, settled] of this.#settled()) {
      for (const [from, to] of settled.gaps(message.bytes.length - 4)) {
        let start = from;
        do {
          const least = FRAGMENT_HEADER + Math.min(1, to - start);
          if (parts.length > 0 && (epoch !== message.epoch || space - length < least)) {
            yield this.#content(nowMs, epoch, parts, length);
            parts = [];
            length = 0;
          }
          if (parts.length === 0) {
            epoch = message.epoch;
            space = room(epoch);
            if (space === 0) return;
          }
          const end = Math.min(to, start + space - length - FRAGMENT_HEADER);
          parts.push({ message, start, end });
          length += FRAGMENT_HEADER + end - start;
          start = end;
        } while (start < to);
      }
    }
    if (parts.length > 0) yield this.#content(nowMs, epoch, parts, length);
  }

  #content(sentAtMs: number, epoch: number, parts: readonly Part[], length: number): HandshakeContent {
    const content = new Uint8Array(length);
    let at = 0;
    for (const { message, start, end } of parts) {
      at = writeFragment(message.bytes, message.messageSeq, start, end - start, content, at);
    }
    return {
      epoch,
      content,
      sent: (sequenceNumber, datagramBytes) =>
        this.#remember({ epoch, sequenceNumber }, { parts, sentAtMs, datagramBytes, fate: "underWay" }),
    };
  }

  #remember(number: RecordNumber, record: SentRecord): void {
    this.#sentAtMs = record.sentAtMs;
    this.#records.set(keyOf(number), record);
    if (this.#records.size > MAX_REMEMBERED) this.#records.delete(this.#records.keys().next().value!);
  }
}

function keyOf({ epoch, sequenceNumber }: RecordNumber): string {
  return `${epoch} ${sequenceNumber}`;
}
