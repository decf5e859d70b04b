/**
 * The sending part of a stream (RFC 9000 §3.1): keeps bytes until they are acknowledged, cuts them into STREAM frames,
 * and sends again what was lost.
 */
import { streamHeaderLength, writeStreamHeader } from "./frames.ts";
import { OffsetRanges } from "./offset-ranges.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import type { PacketWriter } from "./varint.ts";

/** What a STREAM frame has carried. */
export interface SentRange {
  readonly start: number;
  readonly end: number;
  readonly fin: boolean;
}

export type SendState = "open" | "finished" | "acknowledged" | "reset" | "reset_acknowledged";

/** Frames that begin with fewer bytes than this wait for the next packet. */
const LEAST_BYTES = 32;

export class SendStream {
  readonly id: number;
  /** Streams with a higher one are served first, if the application has set any. */
  sendOrder: number;
  state: SendState = "open";
  /** The peer's limit (§4.1). */
  limit: number;
  /** The limit that the peer was told this stream is held up by. */
  blockedAt = -1;
  /** Why it was reset, by either side. */
  errorCode = 0;
  /** Bytes written, sent at least once, and acknowledged from the start. */
  written = 0;
  sent = 0;
  acknowledged = 0;
  // Places in the queues of the scheduler.
  isQueuedFresh = false;
  isQueuedLost = false;
  readonly #buffer = new StreamBuffer();
  readonly #acknowledged = new OffsetRanges();
  readonly #lost = new OffsetRanges();
  #isFinSent = false;
  #isFinLost = false;
  #isFinAcknowledged = false;

  constructor(id: number, limit: number, sendOrder: number) {
    this.id = id;
    this.limit = limit;
    this.sendOrder = sendOrder;
  }

  /** Bytes that were written and never sent. */
  get unsentBytes(): number {
    return this.written - this.sent;
  }

  /** Nothing will come of it any more. */
  get isDone(): boolean {
    return this.state === "acknowledged" || this.state === "reset_acknowledged";
  }

  /** Whether something has to be sent again. */
  get hasLost(): boolean {
    return this.state === "finished" || this.state === "open"
      ? this.#isFinLost || !this.#lost.isEmpty
      : false;
  }

  /** Whether there is something new that the stream's own limit allows. */
  get hasFresh(): boolean {
    if (this.state === "open") return this.sent < Math.min(this.written, this.limit);
    if (this.state !== "finished") return false;
    return this.sent < this.written ? this.sent < this.limit : !this.#isFinSent;
  }

  /** Whether its own limit is all that holds it up. */
  get isBlocked(): boolean {
    return (this.state === "open" || this.state === "finished") && this.written > this.limit
      ? this.sent === this.limit
      : false;
  }

  /** Takes a copy of `bytes`. */
  write(bytes: Uint8Array): void {
    this.#buffer.write(this.written, bytes, 0, bytes.length);
    this.written += bytes.length;
  }

  /** What was written is all. */
  finish(): void {
    if (this.state === "open") this.state = "finished";
  }

  /**
   * Gives the stream up; RESET_STREAM has to follow.
   * @returns whether there was something left to give up
   */
  reset(errorCode: number): boolean {
    if (this.state !== "open" && this.state !== "finished") return false;
    this.state = "reset";
    this.errorCode = errorCode;
    this.#buffer.clear();
    this.#lost.clear();
    return true;
  }

  /**
   * Writes a STREAM frame of what was lost.
   * @returns what it carries, or nothing if there is no room for it
   */
  writeLost(writer: PacketWriter): SentRange | undefined {
    const start = this.#lost.isEmpty ? this.sent : this.#lost.start;
    const end = this.#lost.isEmpty ? start : this.#lost.firstEnd;
    const range = this.#write(writer, start, end);
    if (range === undefined) return undefined;
    this.#lost.remove(range.start, range.end);
    if (range.fin) this.#isFinLost = false;
    return range;
  }

  /**
   * Writes a STREAM frame of what is new.
   * @param credit of the session's flow control, in bytes
   */
  writeFresh(writer: PacketWriter, credit: number): SentRange | undefined {
    const end = Math.min(this.written, this.limit, this.sent + credit);
    const range = this.#write(writer, this.sent, end);
    if (range === undefined) return undefined;
    this.sent = range.end;
    if (range.fin) this.#isFinSent = true;
    return range;
  }

  #write(writer: PacketWriter, start: number, wanted: number): SentRange | undefined {
    const room = writer.room - streamHeaderLength(this.id, start);
    const length = Math.min(wanted - start, room);
    if (room < 0 || (length < wanted - start && length < LEAST_BYTES)) return undefined;
    const end = start + length;
    const fin = this.state === "finished" && end === this.written;
    if (length === 0 && !fin) return undefined;
    writeStreamHeader(writer, this.id, start, length, fin);
    this.#buffer.read(start, length, writer.buffer, writer.at);
    writer.at += length;
    return { start, end, fin };
  }

  /**
   * The peer has received a frame.
   * @returns how many bytes more are acknowledged from the start
   */
  handleAcknowledged({ start, end, fin }: SentRange): number {
    if (this.state !== "open" && this.state !== "finished") return 0;
    const before = this.acknowledged;
    this.#acknowledged.add(start, end);
    this.#lost.remove(start, end);
    if (this.#acknowledged.start === 0 && this.#acknowledged.firstEnd > before) {
      this.acknowledged = this.#acknowledged.firstEnd;
      this.#buffer.release(this.acknowledged);
    }
    if (fin) {
      this.#isFinAcknowledged = true;
      this.#isFinLost = false;
    }
    if (this.#isFinAcknowledged && this.acknowledged === this.written) {
      this.state = "acknowledged";
      this.#buffer.clear();
    }
    return this.acknowledged - before;
  }

  /** A frame has got lost, or is to be sent again in case it has. */
  handleLost({ start, end, fin }: SentRange): void {
    if (this.state !== "open" && this.state !== "finished") return;
    this.#lost.addExcept(start, end, this.#acknowledged);
    if (fin && !this.#isFinAcknowledged) this.#isFinLost = true;
  }
}
