/** Runs a side's handshake: gives it messages, and waits for what it computes. */
import { type HandshakeResult, lastingSecrets } from "./handshake.ts";
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
  #isRunning = false;
  #isStopped = false;

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
    this.#step(() => this.#procedure.next(input));
  }

  /** Ends it where it is, so that it erases its secrets; at the end of the step that it is at, if something in it asks. */
  stop(): void {
    this.#isStopped = true;
    if (!this.#isRunning) this.#procedure.return(undefined as never);
  }

  #step(advance: () => IteratorResult<Promise<unknown> | undefined, HandshakeResult>): void {
    this.#isRunning = true;
    let step: ReturnType<typeof advance>;
    try {
      step = advance();
    } finally {
      this.#isRunning = false;
    }
    if (!this.#isStopped) this.#follow(step);
    else if (step.done) for (const secret of lastingSecrets(step.value)) secret.fill(0);
    else this.stop();
  }

  #follow(step: IteratorResult<Promise<unknown> | undefined, HandshakeResult>): void {
    if (step.done) this.#owner.finished(step.value);
    else if (step.value !== undefined) {
      this.#isComputing = true;
      step.value.then(
        (value) => this.#proceed(() => this.resume(value)),
        // The procedure may know what to do instead.
        (error: unknown) => this.#proceed(() => this.#step(() => this.#procedure.throw(error))),
      );
    }
  }

  #proceed(next: () => void): void {
    this.#isComputing = false;
    this.#owner.proceed(next);
  }
}
