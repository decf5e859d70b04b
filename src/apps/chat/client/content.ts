/** The bytes of an attachment, which its reader may stop reading: it is not kept open for that. */
import { StreamError } from "../../../session/stream-error.ts";
import type { MessageReader } from "../channel.ts";
import { Malformed } from "../check.ts";
import { ChatError } from "../protocol.ts";

export class Content implements AsyncIterableIterator<Uint8Array> {
  readonly #reader: MessageReader;
  readonly #idleMs: number;
  readonly #ended: () => void;
  #left: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  /** Why there is no more, if that is not its end. */
  #error: ChatError | undefined;

  /**
   * @param bytes how many there are
   * @param idleMs how long nobody may read before it is given up
   * @param ended called once, when it is over in whatever way
   */
  constructor(reader: MessageReader, bytes: number, idleMs: number, ended: () => void) {
    this.#reader = reader;
    this.#left = bytes;
    this.#idleMs = idleMs;
    this.#ended = ended;
    this.#wait();
  }

  #wait(): void {
    this.#timer = setTimeout(
      () => this.#end(new ChatError("stalled", "nobody has read the attachment for too long")),
      this.#idleMs,
    );
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    clearTimeout(this.#timer);
    try {
      const chunk = this.#isOver ? undefined : await this.#reader.bytes();
      if (chunk === undefined) {
        if (!this.#isOver && this.#left > 0)
          throw new ChatError("disconnected", "the attachment is incomplete");
        this.#end();
      } else {
        this.#left -= chunk.length;
        if (this.#left < 0) throw new ChatError("malformed", "more bytes than announced");
        this.#wait();
        return { value: chunk, done: false };
      }
    } catch (error) {
      this.#end(brokenOff(error));
    }
    if (this.#error === undefined) return { value: undefined, done: true };
    throw this.#error;
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#end();
    return { value: undefined, done: true };
  }

  #end(error?: ChatError): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#reader.cancel();
    this.#ended();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Why a stream of an attachment has ended before its time. */
export function brokenOff(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  if (error instanceof Malformed) return new ChatError("malformed", error.message);
  return error instanceof StreamError
    ? new ChatError("internal", "the server has broken the attachment off")
    : new ChatError("disconnected", "the connection is lost");
}
