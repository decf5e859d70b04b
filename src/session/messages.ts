/** Messages on a stream, each after its length as a variable-length integer (RFC 9000 §16). */
import type { Bytes } from "../core/bytes.ts";
import { SealgramError } from "../errors.ts";
import { MAX_VALUE, PacketReader, PacketWriter, varintLength } from "./varint.ts";

/** Bounds of messages. */
export interface MessageOptions {
  /** A longer message is an error on either side; 16 MiB unless given. */
  readonly maxMessageBytes?: number | undefined;
}

const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Sends and receives whole messages on a stream, or on either half of one. Iterating over it gives the peer's messages
 * and ends with the peer's half; leaving the iteration cancels that half.
 */
export class MessageStream implements AsyncIterable<Bytes> {
  readonly #maxBytes: number;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #readable: ReadableStream<Bytes> | undefined;

  constructor(
    stream: { readonly readable?: ReadableStream<Bytes>; readonly writable?: WritableStream<Uint8Array> },
    { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: MessageOptions = {},
  ) {
    this.#maxBytes = maxMessageBytes;
    this.#writer = stream.writable?.getWriter();
    this.#readable = stream.readable;
  }

  /**
   * Sends a message; settles once the stream has room for more.
   * @throws RangeError above the limit, TypeError if nothing can be sent on the stream
   */
  async send(message: Uint8Array): Promise<void> {
    if (this.#writer === undefined) throw new TypeError("the stream is for receiving only");
    if (message.length > this.#maxBytes)
      throw new RangeError(`a message of more than ${this.#maxBytes} bytes`);
    const writer = new PacketWriter(varintLength(message.length) + message.length);
    writer.varint(message.length);
    writer.bytes(message);
    await this.#writer.write(writer.buffer);
  }

  /** Ends this side's half; settles once the peer has everything. */
  async close(): Promise<void> {
    await this.#writer?.close();
  }

  /** @throws SealgramError message_too_long, message_truncated (the stream ends within one), or why the stream failed */
  async *[Symbol.asyncIterator](): AsyncIterator<Bytes> {
    if (this.#readable === undefined) throw new TypeError("the stream is for sending only");
    const input = new Input(this.#readable.getReader());
    try {
      for (;;) {
        const length = await input.length();
        if (length === undefined) return;
        if (length > this.#maxBytes) {
          throw new SealgramError("message_too_long", `a message of more than ${this.#maxBytes} bytes`);
        }
        yield await input.take(length);
      }
    } finally {
      await input.cancel();
    }
  }
}

/** Bytes as they come, in one buffer, whatever pieces they come in. */
class Input {
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  #buffer: Bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(reader: ReadableStreamDefaultReader<Bytes>) {
    this.#reader = reader;
  }

  /** @returns false at the end */
  async #fill(): Promise<boolean> {
    const { value, done } = await this.#reader.read();
    if (done) return false;
    if (this.#start === this.#end) {
      this.#buffer = value;
      this.#start = 0;
      this.#end = value.length;
      return true;
    }
    if (this.#end + value.length > this.#buffer.length) this.#grow(value.length);
    this.#buffer.set(value, this.#end);
    this.#end += value.length;
    return true;
  }

  /** Twice what is needed: so each byte is copied a few times at most, however many pieces there are. */
  #grow(length: number): void {
    const held = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(2 * (held.length + length));
    this.#buffer.set(held);
    this.#start = 0;
    this.#end = held.length;
  }

  /** The next message's length; nothing at the end. */
  async length(): Promise<number | undefined> {
    while (this.#start === this.#end) if (!(await this.#fill())) return undefined;
    const first = this.#buffer[this.#start]!;
    const bytes = await this.take(1 << (first >> 6));
    const reader = new PacketReader();
    reader.begin(bytes, 0, bytes.length);
    return Math.min(reader.varint(), MAX_VALUE);
  }

  async take(length: number): Promise<Bytes> {
    while (this.#end - this.#start < length) if (!(await this.#fill())) throw truncated();
    const taken = this.#buffer.slice(this.#start, this.#start + length);
    this.#start += length;
    return taken;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
  }
}

function truncated(): SealgramError {
  return new SealgramError("message_truncated", "the stream ends within a message");
}
