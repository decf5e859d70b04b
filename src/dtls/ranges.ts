/** A set of byte positions as disjoint, ascending ranges: what of a message has arrived, or was acknowledged. */
export class Ranges {
  /** start, end, start, end … */
  readonly #edges: number[];

  constructor(from?: Ranges) {
    this.#edges = from === undefined ? [] : [...from.#edges];
  }

  /** How many ranges there are. */
  get count(): number {
    return this.#edges.length / 2;
  }

  /** Adds the positions from `start` up to, but not including, `end`. */
  add(start: number, end: number): void {
    const edges = this.#edges;
    let from = 0;
    while (from < edges.length && edges[from + 1]! < start) from += 2;
    let to = from;
    let low = start;
    let high = end;
    while (to < edges.length && edges[to]! <= end) {
      low = Math.min(low, edges[to]!);
      high = Math.max(high, edges[to + 1]!);
      to += 2;
    }
    edges.splice(from, to - from, low, high);
  }

  /** Whether every position below `length` is in the set. */
  covers(length: number): boolean {
    return length === 0 ? this.#edges.length > 0 : this.#edges[0] === 0 && this.#edges[1]! >= length;
  }

  /** Whether the positions from `start` up to, but not including, `end` are in the set; for none, whether `start` was added. */
  contains(start: number, end: number): boolean {
    for (let i = 0; i < this.#edges.length; i += 2) {
      if (this.#edges[i]! <= start && end <= this.#edges[i + 1]!) return true;
    }
    return false;
  }

  /** Whether adding these positions leaves no more ranges than there are. */
  adjoins(start: number, end: number): boolean {
    for (let i = 0; i < this.#edges.length; i += 2) {
      if (this.#edges[i]! <= end && start <= this.#edges[i + 1]!) return true;
    }
    return false;
  }

  /** The positions below `length` that are missing now, as start and end pairs. */
  gaps(length: number): (readonly [start: number, end: number])[] {
    const gaps: (readonly [start: number, end: number])[] = [];
    let at = 0;
    for (let i = 0; i < this.#edges.length; i += 2) {
      if (this.#edges[i]! > at) gaps.push([at, Math.min(this.#edges[i]!, length)]);
      at = this.#edges[i + 1]!;
    }
    if (at < length || (length === 0 && this.#edges.length === 0)) gaps.push([at, length]);
    return gaps;
  }

  /** The parts of `start` to `end` that are in the set. */
  *within(start: number, end: number): Generator<readonly [start: number, end: number]> {
    for (let i = 0; i < this.#edges.length; i += 2) {
      const low = Math.max(start, this.#edges[i]!);
      const high = Math.min(end, this.#edges[i + 1]!);
      if (low < high) yield [low, high];
    }
  }
}
