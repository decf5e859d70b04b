/** Requests and responses: one bidirectional stream for each, its end is the message's end. */
import type { Bytes } from "../core/bytes.ts";
import type { Stream, StreamUser } from "./stream.ts";
import { StreamError } from "./stream-error.ts";
import { bytesOf, type StreamsOwner } from "./web-streams.ts";

/** Answers a request. What it throws resets the stream; a `StreamError` says with which code. */
export type RequestHandler = (request: Bytes) => Uint8Array | Promise<Uint8Array>;

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** A longer response is an error; 16 MiB unless told. */
  readonly maxResponseBytes?: number;
}

/** Codes of RESET_STREAM and STOP_SENDING. */
export const RequestErrorCode = { cancelled: 0, failed: 1, too_large: 2 } as const;

export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** Collects all that a stream carries. */
class Collector implements StreamUser {
  readonly message: Promise<Bytes>;
  readonly #owner: StreamsOwner;
  readonly #stream: Stream;
  readonly #maxBytes: number;
  #parts: Bytes[] = [];
  #bytes = 0;
  #resolve!: (message: Bytes) => void;
  #reject!: (error: unknown) => void;

  constructor(owner: StreamsOwner, stream: Stream, maxBytes: number) {
    this.#owner = owner;
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.message = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    stream.user = this;
    this.readable();
  }

  readable(): void {
    const { streams } = this.#owner;
    const receive = this.#stream.receive!;
    if (receive.state === "reset") this.reset(receive.errorCode);
    if (receive.state !== "open") return;
    const { readableBytes } = receive;
    if (readableBytes > 0) {
      this.#bytes += readableBytes;
      this.#parts.push(streams.read(this.#stream, readableBytes));
    }
    if (receive.isAtEnd) {
      if (readableBytes === 0) streams.read(this.#stream, 0);
      this.#resolve(this.#parts.length === 1 ? this.#parts[0]! : concatenate(this.#parts, this.#bytes));
      this.#parts = [];
    } else if (this.#bytes > this.#maxBytes) {
      this.fail(
        new StreamError(
          `a message of more than ${this.#maxBytes} bytes`,
          RequestErrorCode.too_large,
          "too_large",
        ),
        RequestErrorCode.too_large,
      );
    }
    this.#owner.wake();
  }

  /** Gives both directions up. */
  fail(error: unknown, errorCode: number): void {
    const { streams } = this.#owner;
    this.#parts = [];
    streams.stop(this.#stream, errorCode);
    streams.reset(this.#stream, errorCode);
    this.#owner.wake();
    this.#reject(error);
  }

  reset(errorCode: number): void {
    this.#reject(new StreamError("the peer has given the request up", errorCode >>> 0));
  }

  ended(reason: Error): void {
    this.#reject(reason);
  }

  // The stream keeps what was written until it is acknowledged.
  writable(): void {}
  acknowledged(): void {}
  stopped(): void {}
}

function concatenate(parts: readonly Bytes[], bytes: number): Bytes {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Sends a request on a stream of its own, and waits for the response.
 * @throws StreamError if the peer gives it up, or its response is too long; the signal's reason if that aborts it
 */
export async function request(
  owner: StreamsOwner,
  stream: Stream,
  message: Uint8Array,
  { signal, maxResponseBytes = DEFAULT_MAX_MESSAGE_BYTES }: RequestOptions = {},
): Promise<Bytes> {
  const collector = new Collector(owner, stream, maxResponseBytes);
  const abort = () => collector.fail(signal!.reason, RequestErrorCode.cancelled);
  if (signal?.aborted) abort();
  else {
    signal?.addEventListener("abort", abort, { once: true });
    owner.streams.write(stream, message);
    owner.streams.finish(stream);
    owner.wake();
  }
  if (signal === undefined) return collector.message;
  try {
    return await collector.message;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Answers the request that comes on a stream. */
export async function respond(
  owner: StreamsOwner,
  stream: Stream,
  handler: RequestHandler,
  maxRequestBytes: number = DEFAULT_MAX_MESSAGE_BYTES,
): Promise<void> {
  const collector = new Collector(owner, stream, maxRequestBytes);
  try {
    const response = bytesOf(await handler(await collector.message));
    if (stream.send!.state !== "open") return;
    owner.streams.write(stream, response);
    owner.streams.finish(stream);
    owner.wake();
  } catch (error) {
    const code = error instanceof StreamError ? error.streamErrorCode : RequestErrorCode.failed;
    collector.fail(error, code);
  }
}
