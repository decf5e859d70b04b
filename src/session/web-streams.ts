/** Streams as WHATWG streams with their back-pressure, in the shape of W3C WebTransport's. */
import { onAbort } from "../abort.ts";
import { type Bytes, bytesOf } from "../core/bytes.ts";
import type { IterableStream } from "../runtime-types.ts";
import type { Stream, StreamUser } from "./stream.ts";
import { StreamError } from "./stream-error.ts";
import type { Streams } from "./streams.ts";

/** What streams need of the session. */
export interface StreamsOwner {
  readonly streams: Streams;
  /** The congestion window. */
  readonly windowBytes: number;
  /** There is something to send. */
  wake(): void;
}

/** As WebTransportSendStreamStats. */
export interface SendStreamStats {
  /** Bytes that were written, sent at least once, and acknowledged from the beginning on. */
  readonly bytesWritten: number;
  readonly bytesSent: number;
  readonly bytesAcknowledged: number;
}

/** As WebTransportReceiveStreamStats. */
export interface ReceiveStreamStats {
  /** Bytes that have come, and those that the application has taken. */
  readonly bytesReceived: number;
  readonly bytesRead: number;
}

/** The sending part of a stream. `abort` resets it with the reason's `streamErrorCode`. */
export interface SendStreamFace extends WritableStream<Uint8Array> {
  /** The stream's number (RFC 9000 §2.1). */
  readonly id: number;
  /** Of two streams with something to send, the one with the higher order goes first. */
  sendOrder: number;
  /** What has gone so far. */
  getStats(): Promise<SendStreamStats>;
}

/** The receiving part of a stream. `cancel` asks the peer to stop, with the reason's `streamErrorCode`. */
export interface ReceiveStreamFace extends IterableStream<Bytes> {
  /** The stream's number (RFC 9000 §2.1). */
  readonly id: number;
  /** What has come so far. */
  getStats(): Promise<ReceiveStreamStats>;
}

/** A stream in both directions, as WebTransportBidirectionalStream. */
export interface BidirectionalStream {
  /** What the peer sends, and what this side sends. Either half ends by itself. */
  readonly readable: ReceiveStreamFace;
  readonly writable: SendStreamFace;
}

/** What is written but not sent yet before `write` waits, and the least that must have gone for it to go on. */
const SEND_BUFFER_BYTES = 262_144;
const RESUME_BYTES = 131_072;
/**
 * What is kept for a stream until it is acknowledged: more than windows may have under way while a loss is repaired, and
 * not as much as a peer likes that leaves a stream's beginning unacknowledged.
 */
const MIN_KEPT_BYTES = 1_048_576;
const MAX_KEPT_BYTES = 16_777_216;
const KEPT_WINDOWS = 4;
/** The most that one read answers. */
const CHUNK_BYTES = 65_536;

const hasByteStreams: boolean = typeof ReadableByteStreamController !== "undefined";

/** Makes the faces of the parts that a stream has. */
export function openFaces(
  owner: StreamsOwner,
  stream: Stream,
): { readable: ReceiveStreamFace | undefined; writable: SendStreamFace | undefined } {
  const reader = stream.receive === undefined ? undefined : new Reader(owner, stream);
  const writer = stream.send === undefined ? undefined : new Writer(owner, stream);
  const user: StreamUser = {
    readable: () => reader?.wake(),
    reset: (errorCode) => reader?.fail(new StreamError("the peer has reset the stream", uint32(errorCode))),
    writable: () => writer?.wake(),
    acknowledged: () => writer?.acknowledged(),
    stopped: (errorCode) =>
      writer?.fail(new StreamError("the peer does not read the stream", uint32(errorCode))),
    ended: (reason) => {
      if (!stream.receive?.hasArrived) reader?.fail(reason);
      writer?.fail(reason);
    },
  };
  stream.user = user;
  return { readable: reader?.face, writable: writer?.face };
}

/** Codes above what WebTransport knows are not told. */
function uint32(code: number): number {
  return code >>> 0 === code ? code : 0;
}

function codeOf(reason: unknown): number {
  const code = (reason as { streamErrorCode?: unknown } | undefined | null)?.streamErrorCode;
  return typeof code === "number" ? uint32(code) : 0;
}

class Reader {
  readonly face: ReceiveStreamFace;
  readonly #owner: StreamsOwner;
  readonly #stream: Stream;
  #controller: ReadableByteStreamController | ReadableStreamDefaultController<Bytes> | undefined;
  #wake: (() => void) | undefined;

  constructor(owner: StreamsOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
    const source = {
      start: (controller: ReadableByteStreamController | ReadableStreamDefaultController<Bytes>) => {
        this.#controller = controller;
        const { errorCode, state } = stream.receive!;
        // Reset before anybody saw it.
        if (state === "reset") this.fail(new StreamError("the peer has reset the stream", uint32(errorCode)));
      },
      pull: () => this.#pull(),
      cancel: (reason: unknown) => {
        this.#controller = undefined;
        this.wake();
        owner.streams.stop(stream, codeOf(reason));
        owner.wake();
      },
    };
    const readable = hasByteStreams
      ? new ReadableStream({ ...source, type: "bytes" }, { highWaterMark: 0 })
      : new ReadableStream(source as UnderlyingDefaultSource<Bytes>, { highWaterMark: 0 });
    this.face = Object.assign(readable as IterableStream<Bytes>, {
      id: stream.id,
      getStats: async () => {
        const { received, consumed } = stream.receive!.window;
        return { bytesReceived: received, bytesRead: consumed };
      },
    });
  }

  async #pull(): Promise<void> {
    const receive = this.#stream.receive!;
    while (this.#controller !== undefined && receive.readableBytes === 0 && !receive.isAtEnd) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const controller = this.#controller;
    if (controller === undefined) return;
    const { streams } = this.#owner;
    const request = "byobRequest" in controller ? controller.byobRequest : null;
    if (receive.readableBytes > 0) {
      const view = request?.view;
      if (request && view) {
        const target = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
        request.respond(streams.read(this.#stream, target.length, target).length);
      } else controller.enqueue(streams.read(this.#stream, CHUNK_BYTES));
      this.#owner.wake();
    }
    if (receive.isAtEnd) {
      // An end without a byte has not been told to the stream.
      if (receive.state === "open") streams.read(this.#stream, 0);
      this.#controller = undefined;
      controller.close();
      if ("byobRequest" in controller) controller.byobRequest?.respond(0);
    }
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  fail(error: Error): void {
    this.#controller?.error(error);
    this.#controller = undefined;
    this.wake();
  }
}

class Writer {
  readonly face: SendStreamFace;
  readonly #owner: StreamsOwner;
  readonly #stream: Stream;
  #controller: WritableStreamDefaultController | undefined;
  #waiting: { resolve(): void; reject(error: Error): void } | undefined;
  #isClosing = false;

  constructor(owner: StreamsOwner, stream: Stream) {
    this.#owner = owner;
    this.#stream = stream;
    const send = stream.send!;
    const { streams } = owner;
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        if (send.state === "reset" || send.state === "reset_acknowledged") {
          this.fail(new StreamError("the peer does not read the stream", uint32(send.errorCode)));
        }
      },
      write: (chunk) => {
        try {
          streams.write(stream, bytesOf(chunk, "a chunk"));
        } catch (error) {
          // It takes nothing from now on: the peer is not to wait for more.
          streams.reset(stream, codeOf(error));
          owner.wake();
          throw error;
        }
        owner.wake();
        return this.#hasRoom(SEND_BUFFER_BYTES) ? undefined : this.#wait();
      },
      close: () => {
        streams.finish(stream);
        owner.wake();
        this.#isClosing = true;
        return send.state === "acknowledged" ? undefined : this.#wait();
      },
      abort: (reason) => {
        this.#controller = undefined;
        streams.reset(stream, codeOf(reason));
        owner.wake();
      },
    });
    this.face = Object.assign(writable, {
      id: stream.id,
      sendOrder: 0,
      getStats: async () => ({
        bytesWritten: send.written,
        bytesSent: send.sent,
        bytesAcknowledged: send.acknowledged,
      }),
    });
    Object.defineProperty(this.face, "sendOrder", {
      get: () => send.sendOrder,
      // WebIDL makes 0 of null.
      set: (order: number | null) => {
        if (!Number.isFinite(order ?? 0)) throw new TypeError(`not a sendOrder: ${order}`);
        send.sendOrder = order ?? 0;
      },
    });
    // The sink is not asked to abort before `write` or `close` has settled: they fail for the same reason.
    const signal = this.#controller?.signal;
    onAbort(signal, () => {
      streams.reset(stream, codeOf(signal!.reason));
      owner.wake();
      this.#waiting?.reject(signal!.reason);
      this.#waiting = undefined;
    });
  }

  #hasRoom(unsentBytes: number): boolean {
    const { unsentBytes: unsent, written, acknowledged } = this.#stream.send!;
    const windows = KEPT_WINDOWS * this.#owner.windowBytes;
    const keptBytes = Math.min(Math.max(windows, MIN_KEPT_BYTES), MAX_KEPT_BYTES);
    return unsent <= unsentBytes && written - acknowledged <= keptBytes;
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #settle(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  wake(): void {
    if (!this.#isClosing && this.#waiting !== undefined && this.#hasRoom(RESUME_BYTES)) this.#settle();
  }

  acknowledged(): void {
    this.#settle();
    this.#controller = undefined;
  }

  fail(error: Error): void {
    this.#controller?.error(error);
    this.#controller = undefined;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
