/**
 * Look-ups under way for clients whose addresses are not proved: not too many, one for each address, and none for ever.
 * One that does not settle, as when a database hangs, would keep its place from everybody else.
 */
interface LookUp {
  readonly untilMs: number;
  giveUp(): void;
}

export class LookUps {
  readonly #places: number;
  readonly #limitMs: number;
  /** By address, oldest first. */
  readonly #underWay = new Map<string, LookUp>();

  constructor(places: number, limitMs: number) {
    this.#places = places;
    this.#limitMs = limitMs;
  }

  /** Whether one more may begin. Those that have taken too long make place. */
  hasPlace(address: string, nowMs: number): boolean {
    for (const [each, { untilMs, giveUp }] of this.#underWay) {
      if (untilMs > nowMs) break;
      this.#underWay.delete(each);
      giveUp();
    }
    return this.#underWay.size < this.#places && !this.#underWay.has(address);
  }

  /** Gives one a place. The answer is its outcome, or rejects once somebody else has its place. */
  add<T>(address: string, nowMs: number, found: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const lookUp: LookUp = {
        untilMs: nowMs + this.#limitMs,
        giveUp: () => reject(new Error("the look-up takes too long")),
      };
      this.#underWay.set(address, lookUp);
      const free = () => {
        if (this.#underWay.get(address) === lookUp) this.#underWay.delete(address);
      };
      found.then(resolve, reject).finally(free);
    });
  }
}
