/** Who may go on: so many at a time, the others in the order in which they came. */
import { ChatError } from "../protocol.ts";

const MAX_WAITING = 256;

export class Turns {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Settles when it is one's turn. @throws ChatError too_many if too many wait */
  async take(): Promise<void> {
    if (this.#taken < this.#limit) {
      this.#taken++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw new ChatError("too_many", "too many wait for their turn");
    // Whoever is through hands its place on.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** To be called by whoever is through. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }

  /** Nobody waits any more. */
  end(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
