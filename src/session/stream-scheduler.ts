/** Whose turn it is to send stream data: what was lost before what is new, higher orders first, and in turn among equals. */
import type { ControlFrames } from "./control-frames.ts";
import { Control } from "./control-frames.ts";
import type { SendCredit } from "./flow.ts";
import { FrameType } from "./frames.ts";
import { SendQueue } from "./send-queue.ts";
import type { SendStream } from "./send-stream.ts";
import type { Sent } from "./sent.ts";
import { type Stream, StreamControl } from "./stream.ts";
import type { PacketWriter } from "./varint.ts";

export class StreamScheduler {
  readonly #streams: ReadonlyMap<number, Stream>;
  readonly #credit: SendCredit;
  readonly #control: ControlFrames;
  readonly #lost = new SendQueue<SendStream>();
  readonly #fresh = new SendQueue<SendStream>();
  /** Streams with something to send that the session's flow control does not allow. */
  #withoutCredit: SendStream[] = [];
  /** Streams that their own limits hold up, or did. */
  readonly #blocked = new Set<Stream>();

  constructor(streams: ReadonlyMap<number, Stream>, credit: SendCredit, control: ControlFrames) {
    this.#streams = streams;
    this.#credit = credit;
    this.#control = control;
  }

  /** A stream may have something new to send, or be held up. */
  enqueue(stream: Stream): void {
    const send = stream.send!;
    if (send.hasFresh && !send.isQueuedFresh) {
      send.isQueuedFresh = true;
      this.#fresh.push(send, send.sendOrder);
    }
    if (send.isBlocked && send.blockedAt !== send.limit) {
      send.blockedAt = send.limit;
      this.#blocked.add(stream);
      this.#control.raiseOf(stream, StreamControl.stream_data_blocked);
    }
  }

  /** Whether flow control may hold something up. */
  get isHeldUp(): boolean {
    return this.#blocked.size > 0 || this.#withoutCredit.length > 0;
  }

  /** Tells the peer once more what holds this side up; what does not any more is forgotten. */
  tellHeldUp(): void {
    if (this.#withoutCredit.length > 0) this.#control.raise(Control.data_blocked);
    for (const stream of this.#blocked) {
      if (stream.send!.isBlocked) this.#control.raiseOf(stream, StreamControl.stream_data_blocked);
      else this.#blocked.delete(stream);
    }
  }

  /** The stream is done. */
  forget(stream: Stream): void {
    this.#blocked.delete(stream);
  }

  /** Something of a stream may have to be sent again. */
  enqueueLost(send: SendStream): void {
    if (!send.hasLost || send.isQueuedLost) return;
    send.isQueuedLost = true;
    this.#lost.push(send, send.sendOrder);
  }

  /** The session's flow control allows more. */
  creditRaised(): void {
    const waiting = this.#withoutCredit;
    this.#withoutCredit = [];
    for (const send of waiting) this.#fresh.push(send, send.sendOrder);
  }

  get hasData(): boolean {
    return this.#nextLost() !== undefined || this.#nextFresh() !== undefined;
  }

  /** Fills a packet. Answers what went into it, before `sent`. */
  fill(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    return this.#writeFresh(writer, this.#writeLost(writer, sent));
  }

  #nextLost(): SendStream | undefined {
    for (let send = this.#lost.first; send !== undefined; send = this.#lost.first) {
      if (send.hasLost) return send;
      this.#lost.shift();
      send.isQueuedLost = false;
    }
    return undefined;
  }

  #writeLost(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    let frames = sent;
    for (let send = this.#nextLost(); send !== undefined; send = this.#nextLost()) {
      const range = send.writeLost(writer);
      if (range === undefined) break;
      frames = { type: FrameType.stream, stream: this.#streams.get(send.id), range, next: frames };
    }
    return frames;
  }

  /** The next stream with something new that flow control allows to send. */
  #nextFresh(): SendStream | undefined {
    for (let send = this.#fresh.first; send !== undefined; send = this.#fresh.first) {
      const needsCredit = send.sent < send.written && this.#credit.available === 0;
      if (send.hasFresh && !needsCredit) return send;
      this.#fresh.shift();
      if (send.hasFresh) this.#waitForCredit(send);
      else send.isQueuedFresh = false;
    }
    return undefined;
  }

  #waitForCredit(send: SendStream): void {
    this.#withoutCredit.push(send);
    const credit = this.#credit;
    if (credit.blockedAt === credit.limit) return;
    credit.blockedAt = credit.limit;
    this.#control.raise(Control.data_blocked);
  }

  #writeFresh(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    let frames = sent;
    for (let send = this.#nextFresh(); send !== undefined; send = this.#nextFresh()) {
      const range = send.writeFresh(writer, this.#credit.available);
      if (range === undefined) break;
      this.#credit.sent += range.end - range.start;
      const stream = this.#streams.get(send.id)!;
      frames = { type: FrameType.stream, stream, range, next: frames };
      // The next one's turn.
      this.#fresh.shift();
      send.isQueuedFresh = false;
      this.enqueue(stream);
      stream.user?.writable();
    }
    return frames;
  }

  clear(): void {
    this.#lost.clear();
    this.#fresh.clear();
    this.#withoutCredit = [];
    this.#blocked.clear();
  }
}
