/**
 * The losses that congestion was concluded from: those that are found at one time, and all of a recovery period. When the
 * last of the latter has arrived after all, there was none.
 */
export class LossEvidence {
  /** Losses that the current recovery period was concluded from, and the first of them. */
  #ofEvent = 0;
  #eventStart = 0;
  /** Those found now. */
  #count = 0;
  #first = 0;
  #newestSentMs: number = Number.NEGATIVE_INFINITY;

  /** A search for lost packets begins. */
  begin(): void {
    this.#count = 0;
    this.#newestSentMs = Number.NEGATIVE_INFINITY;
  }

  /** A packet is found lost, and its loss shows congestion. They are found in ascending order. */
  found(position: number, sentMs: number): void {
    if (this.#count++ === 0) this.#first = position;
    this.#newestSentMs = Math.max(this.#newestSentMs, sentMs);
  }

  /** Whether nothing was found. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** When the newest of those found was sent. */
  get newestSentMs(): number {
    return this.#newestSentMs;
  }

  /** @param isNew whether a recovery period begins with what was found, or it belongs to the one that goes on */
  conclude(isNew: boolean): void {
    if (isNew) this.#eventStart = this.#first;
    this.#ofEvent = isNew ? this.#count : this.#ofEvent + this.#count;
  }

  /** A lost packet has arrived. Answers whether nothing is left that congestion was concluded from. */
  refute(position: number): boolean {
    return position >= this.#eventStart && --this.#ofEvent === 0;
  }

  /** What was found on another path proves nothing. */
  resetPath(): void {
    this.#ofEvent = 0;
  }
}
