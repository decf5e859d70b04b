/** Counts what an asynchronous carrier has taken and not sent yet. */
export class Unsent {
  readonly #capacity: number;
  readonly #drained: () => void;
  #count = 0;
  #isFull = false;
  #whenNone: (() => void) | undefined;

  /**
   * @param capacity how many datagrams may be unsent at a time
   * @param drained called after a refusal, once there is room for half of that
   */
  constructor(capacity: number, drained: () => void) {
    this.#capacity = capacity;
    this.#drained = drained;
  }

  get count(): number {
    return this.#count;
  }

  /** Another datagram; false if it is one too many. Otherwise {@link sent} follows. */
  add(): boolean {
    if (this.#count >= this.#capacity) {
      this.#isFull = true;
      return false;
    }
    this.#count++;
    return true;
  }

  /** One has been sent, or will never be. */
  sent(): void {
    this.#count--;
    if (this.#count === 0) this.#whenNone?.();
    if (!this.#isFull || this.#count > this.#capacity / 2) return;
    this.#isFull = false;
    this.#drained();
  }

  /** Settles once all are sent, or {@link abandon} is called. */
  none(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#count === 0) resolve();
      else this.#whenNone = resolve;
    });
  }

  /** Nothing is sent any more. */
  abandon(): void {
    this.#whenNone?.();
  }
}
