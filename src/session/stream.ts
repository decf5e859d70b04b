/** A stream: one or two parts, and the frames about it that wait to be sent. */
import type { ReceiveStream } from "./receive-stream.ts";
import type { SendStream } from "./send-stream.ts";

/** Frames about one stream that have to be sent, as bits. */
export const StreamControl = {
  reset_stream: 1,
  stop_sending: 2,
  max_stream_data: 4,
  stream_data_blocked: 8,
} as const;

/** Whoever reads and writes a stream. */
export interface StreamUser {
  /** There is something to read, or the end. */
  readable(): void;
  /** Bytes that were written have been sent, or are not kept any more. */
  writable(): void;
  /** All that was written, and the end, has been acknowledged. */
  acknowledged(): void;
  /** The peer has reset its part. */
  reset(errorCode: number): void;
  /** The peer does not read this side's part any more, which was reset therefore. */
  stopped(errorCode: number): void;
  /** The session is over. */
  ended(reason: Error): void;
}

/** The two low bits of a stream ID (RFC 9000 §2.1). */
export const SERVER_INITIATED = 1;
export const UNIDIRECTIONAL = 2;

/** A stream as the engine has it; applications have its WHATWG streams. */
export class Stream {
  /** Its number (RFC 9000 §2.1). */
  readonly id: number;
  /** A receive-only stream has none. */
  readonly send: SendStream | undefined;
  /** A send-only stream has none. */
  readonly receive: ReceiveStream | undefined;
  /** Told of what happens; none before the application has taken the stream. */
  user: StreamUser | undefined;
  /** Whether the application has taken it; its own it always has. */
  isAccepted: boolean;
  /** Bits of {@link StreamControl}. */
  control = 0;
  /** Whether it waits for its turn to send them. */
  isQueuedControl = false;

  constructor(
    id: number,
    isAccepted: boolean,
    send: SendStream | undefined,
    receive: ReceiveStream | undefined,
  ) {
    this.id = id;
    this.isAccepted = isAccepted;
    this.send = send;
    this.receive = receive;
  }

  /** Whether both parts have come to their end. */
  get isDone(): boolean {
    return (this.send?.isDone ?? true) && (this.receive?.isDone ?? true);
  }
}
