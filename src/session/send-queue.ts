/**
 * Whose turn it is: streams with a higher sendOrder first, and those of the same order one after the other, so that
 * none of them waits for the end of another (W3C WebTransport, "sendOrder").
 */

/** Streams of one sendOrder, as a ring buffer that grows. */
class Ring<T> {
  #items: (T | undefined)[] = new Array(8).fill(undefined);
  #head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.length) & (this.#items.length - 1)] = item;
    this.length++;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.length--;
    return item;
  }

  #grow(): void {
    const items = this.#items;
    this.#items = [...items.slice(this.#head), ...items.slice(0, this.#head), ...new Array(items.length)];
    this.#items.fill(undefined, items.length);
    this.#head = 0;
  }
}

export class SendQueue<T> {
  /** Highest order first; groups that have become empty go when they are met. */
  readonly #groups: { readonly order: number; readonly ring: Ring<T> }[] = [];

  get isEmpty(): boolean {
    return this.first === undefined;
  }

  /** Puts a stream that is not in the queue at the end of those of its order. */
  push(item: T, order: number): void {
    const groups = this.#groups;
    let at = 0;
    while (at < groups.length && groups[at]!.order > order) at++;
    let group = groups[at];
    if (group?.order !== order) {
      group = { order, ring: new Ring() };
      groups.splice(at, 0, group);
    }
    group.ring.push(item);
  }

  /** Whose turn it is. */
  get first(): T | undefined {
    const groups = this.#groups;
    while (groups.length > 1 && groups[0]!.ring.length === 0) groups.shift();
    return groups[0]?.ring.first;
  }

  /** Takes the stream out whose turn it is. */
  shift(): T | undefined {
    return this.first === undefined ? undefined : this.#groups[0]!.ring.shift();
  }

  clear(): void {
    this.#groups.length = 0;
  }
}
