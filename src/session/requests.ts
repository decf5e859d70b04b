/** Requests and responses: one bidirectional stream for each, its end is the message's end. */
import { onAbort } from "../abort.ts";
import { type Bytes, bytesOf } from "../core/bytes.ts";
import { type FaultReport, isWithdrawal } from "../faults.ts";
import type { Stream, StreamUser } from "./stream.ts";
import { StreamError } from "./stream-error.ts";
import type { StreamsOwner } from "./web-streams.ts";

/** What a request's handler may want to know beyond the request. */
export interface RequestContext {
  /** Aborted when nobody waits for the response any more: the peer has given the request up, or the session is over. */
  readonly signal: AbortSignal;
}

/**
 * Answers a request. To refuse one, it throws a `StreamError`, whose code the peer is told. Whatever else it throws is a
 * fault, and so is an answer that is no bytes: the peer is told no more than that the request has failed.
 */
export type RequestHandler = (request: Bytes, context: RequestContext) => Uint8Array | Promise<Uint8Array>;

/** How long to wait for a response, and for how much of it. */
export interface RequestOptions {
  /** Gives the request up: its stream is reset, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** A longer response is an error; 16 MiB unless told. */
  readonly maxResponseBytes?: number | undefined;
}

/** Codes of RESET_STREAM and STOP_SENDING. */
export const RequestErrorCode = { cancelled: 0, failed: 1, too_large: 2, busy: 3 } as const;

export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 512;

/** What messages that are being collected may take up together. */
export interface MessageBudget {
  availableBytes: number;
}

/** Collects all that a stream carries. */
class Collector implements StreamUser, RequestContext {
  readonly message: Promise<Bytes>;
  readonly #owner: StreamsOwner;
  readonly #stream: Stream;
  readonly #maxBytes: number;
  readonly #budget: MessageBudget;
  /** One that grows, as a peer may send its message byte by byte. */
  #buffer: Bytes = new Uint8Array(0);
  #bytes = 0;
  #controller: AbortController | undefined;
  /** Whether no caller waits for the response any more. */
  isGivenUp = false;
  #resolve!: (message: Bytes) => void;
  #reject!: (error: unknown) => void;

  constructor(owner: StreamsOwner, stream: Stream, maxBytes: number, budget: MessageBudget) {
    this.#owner = owner;
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.message = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    stream.user = this;
    this.readable();
  }

  /** Made for those who ask for it only. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isGivenUp) this.#controller.abort();
    return this.#controller.signal;
  }

  readable(): void {
    const receive = this.#stream.receive!;
    if (receive.state === "reset") this.reset(receive.errorCode);
    if (receive.state !== "open") return;
    const { readableBytes } = receive;
    if (this.#bytes + readableBytes > this.#maxBytes) {
      this.#refuse("too_large", `a message of more than ${this.#maxBytes} bytes`);
    } else if (readableBytes > this.#budget.availableBytes) {
      this.#refuse("busy", "too many bytes of requests at a time");
    } else {
      this.#take(readableBytes);
      if (receive.isAtEnd) this.#resolve(this.#whole());
    }
    this.#owner.wake();
  }

  #refuse(reason: "too_large" | "busy", message: string): void {
    const code = RequestErrorCode[reason];
    this.fail(new StreamError(message, code, reason), code);
  }

  #take(length: number): void {
    const { streams } = this.#owner;
    const end = this.#bytes + length;
    this.#budget.availableBytes -= length;
    if (end > this.#buffer.length) {
      const isWhole = end === this.#stream.receive!.finalSize;
      const grown = new Uint8Array(isWhole ? end : Math.max(2 * end, FIRST_BUFFER_BYTES));
      grown.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = grown;
    }
    // An end without a byte is read, too.
    streams.read(this.#stream, length, this.#buffer.subarray(this.#bytes));
    this.#bytes = end;
  }

  #whole(): Bytes {
    const buffer = this.#buffer;
    this.#buffer = new Uint8Array(0);
    return buffer.length === this.#bytes ? buffer : buffer.slice(0, this.#bytes);
  }

  /** Nobody keeps the message any more. */
  release(): void {
    this.#budget.availableBytes += this.#bytes;
    this.#bytes = 0;
  }

  /** Gives both directions up. */
  fail(error: unknown, errorCode: number): void {
    const { streams } = this.#owner;
    this.#buffer = new Uint8Array(0);
    streams.stop(this.#stream, errorCode);
    streams.reset(this.#stream, errorCode);
    this.#owner.wake();
    this.#reject(error);
  }

  reset(errorCode: number): void {
    this.#giveUp();
    // Not later: the next request may come with the same packet.
    this.release();
    this.#reject(new StreamError("the peer has given the request up", errorCode >>> 0));
  }

  stopped(): void {
    this.#giveUp();
  }

  ended(reason: Error): void {
    this.#giveUp();
    this.#reject(reason);
  }

  #giveUp(): void {
    this.isGivenUp = true;
    this.#controller?.abort();
  }

  // The stream keeps what was written until it is acknowledged.
  writable(): void {}
  acknowledged(): void {}
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
  // Responses are as many as this side has asked for.
  const budget = { availableBytes: Number.POSITIVE_INFINITY };
  const collector = new Collector(owner, stream, maxResponseBytes, budget);
  const ignore = onAbort(signal, () => collector.fail(signal!.reason, RequestErrorCode.cancelled));
  if (!signal?.aborted) {
    owner.streams.write(stream, message);
    owner.streams.finish(stream);
    owner.wake();
  }
  if (signal === undefined) return collector.message;
  try {
    return await collector.message;
  } finally {
    ignore();
  }
}

/** How a session answers requests. */
export interface Responder {
  /** The longest request that is taken, and what all may take up together: a request that exceeds it is refused. */
  readonly maxRequestBytes: number;
  readonly budget: MessageBudget;
  /** Told of the faults of handlers. */
  readonly report: FaultReport;
}

/** Answers the request that comes on a stream. */
export async function respond(
  owner: StreamsOwner,
  stream: Stream,
  handler: RequestHandler,
  { maxRequestBytes, budget, report }: Responder,
): Promise<void> {
  const collector = new Collector(owner, stream, maxRequestBytes, budget);
  let isHandled = false;
  try {
    const message = await collector.message;
    isHandled = true;
    const response = bytesOf(await handler(message, collector), "an answer");
    if (stream.send!.state !== "open") return;
    owner.streams.write(stream, response);
    owner.streams.finish(stream);
    owner.wake();
  } catch (error) {
    const isRefusal = error instanceof StreamError;
    if (isHandled && !isRefusal && !(collector.isGivenUp && isWithdrawal(error))) report(error);
    collector.fail(error, isRefusal ? error.streamErrorCode : RequestErrorCode.failed);
  } finally {
    collector.release();
  }
}
