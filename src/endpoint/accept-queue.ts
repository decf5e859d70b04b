interface Taker<T> {
  /** Whose it is. */
  readonly iteration: object;
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

/** Sessions on their way from a server to whoever iterates over it. */
export class AcceptQueue<T> {
  readonly #limit: number;
  readonly #isOver: (value: T) => boolean;
  readonly #waiting: T[] = [];
  #takers: Taker<T>[] = [];
  #end: { readonly error: unknown } | undefined;

  /** @param isOver of what waits: gives way to what does not */
  constructor(limit: number, isOver: (value: T) => boolean) {
    this.#limit = limit;
    this.#isOver = isOver;
  }

  /** False if nobody takes it, and too many wait already that are not over. */
  push(value: T): boolean {
    if (this.#end !== undefined) return false;
    const taker = this.#takers.shift();
    if (taker !== undefined) taker.resolve({ value, done: false });
    else if (!this.#makeRoom()) return false;
    else this.#waiting.push(value);
    return true;
  }

  #makeRoom(): boolean {
    if (this.#waiting.length < this.#limit) return true;
    const over = this.#waiting.findIndex(this.#isOver);
    return over !== -1 && this.#waiting.splice(over, 1).length > 0;
  }

  /** What waits can still be taken; then iterations end, with this error if there is one. */
  end(error?: unknown): void {
    this.#end ??= { error };
    for (const taker of this.#takers.splice(0)) this.#finish(taker);
  }

  #finish({ resolve, reject }: Pick<Taker<T>, "resolve" | "reject">): void {
    const { error } = this.#end!;
    if (error === undefined) resolve({ value: undefined, done: true });
    else reject(error);
  }

  /** Each value is for one iteration only. One that returns takes nothing any more. */
  iterate(): AsyncIterator<T> {
    const done = { value: undefined, done: true } as const;
    let isOver = false;
    const iteration: AsyncIterator<T> = {
      next: async () => (isOver ? done : this.#next(iteration)),
      return: async () => {
        isOver = true;
        const isOwn = (taker: Taker<T>) => taker.iteration === iteration;
        for (const { resolve } of this.#takers.filter(isOwn)) resolve(done);
        this.#takers = this.#takers.filter((taker) => !isOwn(taker));
        return done;
      },
    };
    return iteration;
  }

  #next(iteration: object): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      const value = this.#waiting.shift();
      if (value !== undefined) resolve({ value, done: false });
      else if (this.#end !== undefined) this.#finish({ resolve, reject });
      else this.#takers.push({ iteration, resolve, reject });
    });
  }
}
