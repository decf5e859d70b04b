/** A set of stream offsets as disjoint, ascending ranges. Most of the time there is one, or none. */
export class OffsetRanges {
  /** start, end, start, end … */
  readonly #edges: number[] = [];

  get isEmpty(): boolean {
    return this.#edges.length === 0;
  }

  /** How many ranges there are. */
  get count(): number {
    return this.#edges.length / 2;
  }

  /** Start of the first range; 0 if there is none. */
  get start(): number {
    return this.#edges[0] ?? 0;
  }

  /** End of the first range; 0 if there is none. */
  get firstEnd(): number {
    return this.#edges[1] ?? 0;
  }

  /** Adds the offsets from `start` up to, but not including, `end`. */
  add(start: number, end: number): void {
    const edges = this.#edges;
    const last = edges.length - 1;
    if (start >= end) return;
    if (last < 0 || start > edges[last]!) {
      edges.push(start, end);
      return;
    }
    if (start >= edges[last - 1]!) {
      if (end > edges[last]!) edges[last] = end;
      return;
    }
    const from = this.#firstEndingFrom(start);
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

  /** Takes the offsets from `start` up to, but not including, `end` out. */
  remove(start: number, end: number): void {
    const edges = this.#edges;
    if (start >= end || edges.length === 0) return;
    const from = this.#firstEndingFrom(start);
    let to = from;
    const rest: number[] = [];
    while (to < edges.length && edges[to]! < end) {
      if (edges[to]! < start) rest.push(edges[to]!, start);
      if (edges[to + 1]! > end) rest.push(end, edges[to + 1]!);
      to += 2;
    }
    if (to > from) edges.splice(from, to - from, ...rest);
  }

  /** Adds the part of `start` to `end` that is not in `other`. */
  addExcept(start: number, end: number, other: OffsetRanges): void {
    let at = start;
    for (let i = 0; i < other.#edges.length; i += 2) {
      const low = other.#edges[i]!;
      if (low >= end) break;
      if (low > at) this.add(at, low);
      at = Math.max(at, other.#edges[i + 1]!);
    }
    if (at < end) this.add(at, end);
  }

  /** Calls back with each part of `start` to `end` that is in the set. */
  within(start: number, end: number, each: (start: number, end: number) => void): void {
    const edges = this.#edges;
    for (let i = this.#firstEndingFrom(start); i < edges.length && edges[i]! < end; i += 2) {
      const low = Math.max(start, edges[i]!);
      const high = Math.min(end, edges[i + 1]!);
      if (low < high) each(low, high);
    }
  }

  clear(): void {
    this.#edges.length = 0;
  }

  /** Index of the first range that ends at `offset` or later. */
  #firstEndingFrom(offset: number): number {
    const edges = this.#edges;
    let low = 0;
    let high = edges.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (edges[2 * middle + 1]! < offset) low = middle + 1;
      else high = middle;
    }
    return 2 * low;
  }
}
