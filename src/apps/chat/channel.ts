/** Messages of JSON on a stream, each behind its length as a variable-length integer of four bytes (RFC 9000 §16). */
import { Malformed } from "./check.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const HEAD_BYTES = 4;

/** A message as it goes on the stream. */
export function frame(message: unknown): Uint8Array {
  const content = encoder.encode(JSON.stringify(message));
  const framed = new Uint8Array(HEAD_BYTES + content.length);
  new DataView(framed.buffer).setUint32(0, 0x8000_0000 + content.length);
  framed.set(content, HEAD_BYTES);
  return framed;
}

/** @throws Malformed for what is no JSON */
export function parse(content: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(content));
  } catch {
    throw new Malformed("no JSON");
  }
}

/** Takes messages, and whatever bytes come behind them, from a stream. */
export class MessageReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #maxBytes: number;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(readable: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#reader = readable.getReader();
    this.#maxBytes = maxBytes;
  }

  /**
   * The next message, of so many bytes at most; `undefined` at the end of the stream.
   * @throws Malformed for what is no message, and why the stream failed
   */
  async next(maxBytes: number = this.#maxBytes): Promise<unknown> {
    const content = await this.content(maxBytes);
    return content && parse(content);
  }

  /** As {@link next}, as it came. */
  async content(maxBytes: number = this.#maxBytes): Promise<Uint8Array | undefined> {
    const head = await this.#take(HEAD_BYTES);
    if (head === undefined) return undefined;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0) - 0x8000_0000;
    if (!(length > 0 && length <= maxBytes)) throw new Malformed("a message of another length");
    const content = await this.#take(length);
    if (content === undefined) throw new Malformed("half a message");
    return content;
  }

  async #take(length: number): Promise<Uint8Array | undefined> {
    let held = this.#rest;
    if (held.length < length) {
      const parts = [held];
      let bytes = held.length;
      while (bytes < length) {
        const { value, done } = await this.#reader.read();
        if (done) {
          if (bytes > 0) throw new Malformed("half a message");
          return undefined;
        }
        parts.push(value);
        bytes += value.length;
      }
      held = concatenate(parts, bytes);
    }
    this.#rest = held.subarray(length);
    return held.subarray(0, length);
  }

  /** Bytes that are no message; `undefined` at the end of the stream. */
  async bytes(): Promise<Uint8Array | undefined> {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = new Uint8Array(0);
      return rest;
    }
    const { value, done } = await this.#reader.read();
    return done ? undefined : value;
  }

  cancel(reason?: unknown): void {
    void this.#reader.cancel(reason).catch(() => {});
  }
}

function concatenate(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
