/**
 * Work of several parties on one thread, in turns: a party that has had less of it lately comes first, and between slices of
 * it the event loop goes on. As long as nothing waits, work is done at once.
 */
import { setImmediate } from "node:timers";

/** So much at once, and so much earlier than those who keep on asking does one come who has not asked for a while. */
const SLICE_MS = 4;

interface Party {
  readonly waiting: (() => void)[];
  /** What it has had, on a clock that goes with those who wait. */
  hadMs: number;
}

export class Turns<Key> {
  readonly #now: () => number;
  /** Those who wait, and those who have had something since none waited. */
  readonly #parties = new Map<Key, Party>();
  #waiting = 0;
  /** What the one had had who came last: none of those who wait has had less. */
  #floorMs = 0;
  #leftMs = SLICE_MS;
  #isScheduled = false;

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Does work when it is the turn of that party, whose own is done in order.
   * @returns how many milliseconds it has taken; rejects with what it throws
   */
  run(key: Key, work: () => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#partyOf(key).waiting.push(() => {
        const startMs = this.#now();
        try {
          work();
        } catch (error) {
          reject(error);
        }
        resolve(this.#now() - startMs);
      });
      this.#waiting++;
      this.#go();
    });
  }

  /** No party saves turns up by not taking them. */
  #partyOf(key: Key): Party {
    let party = this.#parties.get(key);
    if (party === undefined) {
      party = { waiting: [], hadMs: 0 };
      this.#parties.set(key, party);
    }
    if (party.waiting.length === 0) party.hadMs = Math.max(party.hadMs, this.#floorMs - SLICE_MS);
    return party;
  }

  #go(): void {
    while (this.#waiting > 0 && this.#leftMs > 0) this.#next();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#leftMs = SLICE_MS;
      if (this.#waiting > 0) this.#go();
      else this.#parties.clear();
    });
  }

  #next(): void {
    const party = this.#first();
    const startMs = this.#now();
    this.#floorMs = Math.max(this.#floorMs, party.hadMs);
    this.#waiting--;
    party.waiting.shift()!();
    const tookMs = this.#now() - startMs;
    party.hadMs += tookMs;
    this.#leftMs -= tookMs;
  }

  /** Of those who wait, the one who has had least. */
  #first(): Party {
    let first: Party | undefined;
    for (const party of this.#parties.values()) {
      if (party.waiting.length > 0 && (first === undefined || party.hadMs < first.hadMs)) first = party;
    }
    return first!;
  }
}
