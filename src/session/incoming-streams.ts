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
  #isOver = false;

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
    this.#finish();
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
    this.#finish();
  }

  push(stream: Stream): void {
    this.#waiting.push(stream);
    this.#wake?.();
  }

  /** All that wait, for somebody else. */
  take(): Stream[] {
    return this.#waiting.splice(0);
  }

  /** The session is over: those that have arrived as a whole can still be taken. */
  end(): void {
    this.#waiting = this.#waiting.filter(({ receive }) => receive!.hasArrived);
    this.#isOver = true;
    this.#finish();
  }

  /**
   * It ends in good order however the session did, which tells it itself: a loop over streams is not to fail because a
   * peer has gone.
   */
  #finish(): void {
    if (!this.#isOver || this.#waiting.length > 0) return;
    this.#controller?.close();
    this.#controller = undefined;
    this.#wake?.();
  }
}
