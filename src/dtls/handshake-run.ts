/** Runs a side's handshake: gives it messages, and waits for what it computes. */
import type { HandshakeResult } from "./handshake.ts";
import type { Procedure } from "./procedure.ts";

export interface HandshakeOwner {
  /** Goes on with the handshake, outside of any input; what it throws ends the connection. */
  proceed(next: () => void): void;
  finished(result: HandshakeResult): void;
}

export class HandshakeRun {
  readonly #owner: HandshakeOwner;
  readonly #procedure: Procedure<HandshakeResult>;
  #isComputing = false;

  constructor(owner: HandshakeOwner, procedure: Procedure<HandshakeResult>) {
    this.#owner = owner;
    this.#procedure = procedure;
  }

  /** Whether it waits for a promise rather than for a message. */
  get isComputing(): boolean {
    return this.#isComputing;
  }

  /** Starts it, or goes on with the message or the value that it waits for. */
  resume(input?: unknown): void {
    this.#follow(this.#procedure.next(input));
  }

  #follow(step: IteratorResult<Promise<unknown> | undefined, HandshakeResult>): void {
    if (step.done) this.#owner.finished(step.value);
    else if (step.value !== undefined) {
      this.#isComputing = true;
      step.value.then(
        (value) => this.#proceed(() => this.resume(value)),
        // The procedure may know what to do instead.
        (error: unknown) => this.#proceed(() => this.#follow(this.#procedure.throw(error))),
      );
    }
  }

  #proceed(next: () => void): void {
    this.#isComputing = false;
    this.#owner.proceed(next);
  }
}
