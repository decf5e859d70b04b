/** The streams that the peer opens, as one WHATWG stream of them. */
import type { IterableStream } from "../runtime-types.ts";
import type { Stream } from "./stream.ts";

/** Streams that the peer has opened and nobody has taken yet: as many as the peer was allowed, at most. */
export class IncomingStreams<Face> {
  readonly #open: (stream: Stream) => Face;
  #waiting: Stream[] = [];
  #readable: IterableStream<Face> | undefined;
  #controller: ReadableStreamDefaultController<Face> | undefined;
  #wake: (() => void) | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  /** @param open makes the face of a stream that is taken */
  constructor(open: (stream: Stream) => Face) {
    this.#open = open;
  }

  /** Made for the first who asks: most sessions are used in one way, or none. */
  get readable(): IterableStream<Face> {
    this.#readable ??= this.#newReadable();
    return this.#readable;
  }

  #newReadable(): IterableStream<Face> {
    const readable = new ReadableStream<Face>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#controller = undefined;
          this.#wake?.();
        },
      },
      { highWaterMark: 0 },
    );
    if (this.#end !== undefined) this.#finish(this.#end.error);
    return readable;
  }

  async #pull(): Promise<void> {
    while (this.#controller !== undefined && this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const stream = this.#waiting.shift();
    if (stream !== undefined) this.#controller?.enqueue(this.#open(stream));
  }

  push(stream: Stream): void {
    this.#waiting.push(stream);
    this.#wake?.();
  }

  /** All that wait, for somebody else. */
  take(): Stream[] {
    return this.#waiting.splice(0);
  }

  end(error: Error | undefined): void {
    this.#waiting = [];
    this.#end = { error };
    this.#finish(error);
  }

  #finish(error: Error | undefined): void {
    if (error === undefined) this.#controller?.close();
    else this.#controller?.error(error);
    this.#controller = undefined;
    this.#wake?.();
  }
}
