/** Who is writing at present: whoever has said so lately, and has not been heard since. */

/** Signs of typing come every few seconds, and may be lost. */
const FORGET_MS = 6_000;

export class TypingUsers {
  readonly #change: () => void;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** @param change called when somebody begins or ends */
  constructor(change: () => void) {
    this.#change = change;
  }

  get names(): string[] {
    return [...this.#timers.keys()];
  }

  began(user: string): void {
    const before = this.#timers.get(user);
    clearTimeout(before);
    this.#timers.set(
      user,
      setTimeout(() => this.ended(user), FORGET_MS),
    );
    if (before === undefined) this.#change();
  }

  ended(user: string): void {
    clearTimeout(this.#timers.get(user));
    if (this.#timers.delete(user)) this.#change();
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
