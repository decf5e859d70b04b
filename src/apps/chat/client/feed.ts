/** Values for an iteration that takes its time. */
export class Feed<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #left: () => void;
  #values: T[] = [];
  /** Those who wait for the next values, in their order. */
  #waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #isOver = false;
  #drained: (() => void)[] = [];

  /** @param left called when the iteration was left */
  constructor(limit: number, left: () => void) {
    this.#limit = limit;
    this.#left = left;
  }

  push(value: T): void {
    if (this.#isOver) return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#values.push(value);
    else next({ value, done: false });
  }

  end(): void {
    this.#isOver = true;
    for (const next of this.#waiting.splice(0)) next({ value: undefined, done: true });
    this.#drain();
  }

  get isFull(): boolean {
    return this.#values.length >= this.#limit;
  }

  /** Settles once it is not full. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #drain(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#values.length > 0) {
      const value = this.#values.shift()!;
      if (!this.isFull) this.#drain();
      return Promise.resolve({ value, done: false });
    }
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#values = [];
    this.end();
    this.#left();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
