/** Writes what waits for clients in turns, so that what they send meanwhile is read in between. */
import { clearImmediate, setImmediate } from "node:timers";

/** Something with bytes to write. */
export interface Pumped {
  /** Writes all that waits: several messages to one client are one write, and one packet if they are short. */
  flush(): void;
}

/** A turn of the event loop reads about as many datagrams: acknowledgements do not pile up in the socket. */
const SLICE = 32;

export class Pump {
  readonly #waiting = new Set<Pumped>();
  #next: ReturnType<typeof setImmediate> | undefined;

  /** Has it flushed soon, after those that wait already. */
  add(pumped: Pumped): void {
    this.#waiting.add(pumped);
    this.#next ??= setImmediate(() => this.#run());
  }

  remove(pumped: Pumped): void {
    this.#waiting.delete(pumped);
  }

  #run(): void {
    this.#next = undefined;
    let left = SLICE;
    for (const pumped of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(pumped);
      pumped.flush();
    }
    if (this.#waiting.size > 0) this.#next ??= setImmediate(() => this.#run());
  }

  stop(): void {
    clearImmediate(this.#next);
    this.#waiting.clear();
  }
}
