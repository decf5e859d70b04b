/** Frames about streams that carry no data: limits, ends, and what holds this side up. Each is sent once it is due, as it is then. */
import type { ReceiveWindow, SendCredit } from "./flow.ts";
import { FrameType, writeControl } from "./frames.ts";
import type { Sent, SentFrame } from "./sent.ts";
import { type Stream, StreamControl } from "./stream.ts";
import type { IncomingLimit, OutgoingLimit } from "./stream-limits.ts";
import type { PacketWriter } from "./varint.ts";

/** Frames about no particular stream that have to be sent, as bits. */
export const Control = {
  max_data: 1,
  data_blocked: 2,
  max_streams_bidi: 4,
  max_streams_uni: 8,
  streams_blocked_bidi: 16,
  streams_blocked_uni: 32,
} as const;

const controlOfType: Readonly<Record<number, number>> = {
  [FrameType.max_data]: Control.max_data,
  [FrameType.data_blocked]: Control.data_blocked,
  [FrameType.max_streams_bidi]: Control.max_streams_bidi,
  [FrameType.max_streams_uni]: Control.max_streams_uni,
  [FrameType.streams_blocked_bidi]: Control.streams_blocked_bidi,
  [FrameType.streams_blocked_uni]: Control.streams_blocked_uni,
};

const streamControlOfType: Readonly<Record<number, number>> = {
  [FrameType.reset_stream]: StreamControl.reset_stream,
  [FrameType.stop_sending]: StreamControl.stop_sending,
  [FrameType.max_stream_data]: StreamControl.max_stream_data,
  [FrameType.stream_data_blocked]: StreamControl.stream_data_blocked,
};

/** What the frames are about. */
export interface ControlSources {
  readonly window: ReceiveWindow;
  readonly credit: SendCredit;
  readonly incoming: readonly [bidi: IncomingLimit, uni: IncomingLimit];
  readonly outgoing: readonly [bidi: OutgoingLimit, uni: OutgoingLimit];
  readonly clock: { now(): number; rttMs(): number };
}

export class ControlFrames {
  readonly #sources: ControlSources;
  /** Bits of {@link Control}. */
  #due = 0;
  #streams: Stream[] = [];

  constructor(sources: ControlSources) {
    this.#sources = sources;
  }

  get isEmpty(): boolean {
    return this.#due === 0 && this.#streams.length === 0;
  }

  /** @param control a bit of {@link Control} */
  raise(control: number): void {
    this.#due |= control;
  }

  /** @param control a bit of {@link StreamControl} */
  raiseOf(stream: Stream, control: number): void {
    stream.control |= control;
    if (stream.isQueuedControl) return;
    stream.isQueuedControl = true;
    this.#streams.push(stream);
  }

  /** A frame is lost: it is due again. */
  lost({ type, stream }: SentFrame): void {
    if (stream === undefined) this.#due |= controlOfType[type] ?? 0;
    else this.raiseOf(stream, streamControlOfType[type] ?? 0);
  }

  clear(): void {
    this.#due = 0;
    this.#streams = [];
  }

  /** Writes what there is room for. Answers what went into the packet, before `sent`. */
  write(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    const frames = this.#due === 0 ? sent : this.#writeOfSession(writer, sent);
    return this.#streams.length === 0 ? frames : this.#writeOfStreams(writer, frames);
  }

  #writeOfSession(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    let frames = sent;
    for (let bit = 1; bit <= this.#due; bit *= 2) {
      if ((this.#due & bit) === 0) continue;
      const type = this.#writeOne(writer, bit);
      if (type === -1) break;
      this.#due &= ~bit;
      if (type !== 0) frames = { type, stream: undefined, range: undefined, next: frames };
    }
    return frames;
  }

  /** @returns the frame's type, 0 if it is out of date, or -1 if there is no room for it */
  #writeOne(writer: PacketWriter, bit: number): number {
    const write = (type: number, value: number) => (writeControl(writer, type, value) ? type : -1);
    switch (bit) {
      case Control.max_data:
        this.#advance(this.#sources.window);
        return write(FrameType.max_data, this.#sources.window.limit);
      case Control.data_blocked:
        return this.#sources.credit.available > 0
          ? 0
          : write(FrameType.data_blocked, this.#sources.credit.limit);
      case Control.max_streams_bidi:
      case Control.max_streams_uni: {
        const isUni = bit === Control.max_streams_uni;
        const limits = this.#sources.incoming[isUni ? 1 : 0];
        limits.advance();
        return write(isUni ? FrameType.max_streams_uni : FrameType.max_streams_bidi, limits.limit);
      }
      default: {
        const isUni = bit === Control.streams_blocked_uni;
        const { limit, opened } = this.#sources.outgoing[isUni ? 1 : 0];
        if (opened < limit) return 0;
        return write(isUni ? FrameType.streams_blocked_uni : FrameType.streams_blocked_bidi, limit);
      }
    }
  }

  #advance(window: ReceiveWindow): void {
    const { clock } = this.#sources;
    if (window.isLow) window.advance(clock.now(), clock.rttMs());
  }

  #writeOfStreams(writer: PacketWriter, sent: Sent | undefined): Sent | undefined {
    let frames = sent;
    let done = 0;
    for (const stream of this.#streams) {
      for (let bit = 1; stream.control !== 0; bit *= 2) {
        if ((stream.control & bit) === 0) continue;
        const type = this.#writeOfStream(writer, stream, bit);
        if (type === -1) {
          this.#streams.splice(0, done);
          return frames;
        }
        stream.control &= ~bit;
        if (type !== 0) frames = { type, stream, range: undefined, next: frames };
      }
      stream.isQueuedControl = false;
      done++;
    }
    this.#streams = [];
    return frames;
  }

  #writeOfStream(writer: PacketWriter, { id, send, receive }: Stream, bit: number): number {
    const write = (type: number, a: number, b = -1) => (writeControl(writer, type, id, a, b) ? type : -1);
    switch (bit) {
      case StreamControl.reset_stream:
        // Not once the peer is known to have it (RFC 9000 §3.3).
        return send!.state === "reset" ? write(FrameType.reset_stream, send!.errorCode, send!.sent) : 0;
      case StreamControl.stop_sending:
        return receive!.isStopDue ? write(FrameType.stop_sending, receive!.errorCode) : 0;
      case StreamControl.max_stream_data: {
        const { window } = receive!;
        if (receive!.state !== "open" || receive!.finalSize !== undefined) return 0;
        this.#advance(window);
        return write(FrameType.max_stream_data, window.limit);
      }
      default:
        return send!.isBlocked ? write(FrameType.stream_data_blocked, send!.limit) : 0;
    }
  }
}
