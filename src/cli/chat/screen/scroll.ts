/** Which of a room's rows are in sight: it stays where it is whatever comes before and behind. */
import type { Row } from "./style.ts";

/** Rows in blocks that have names. */
export interface Blocks {
  readonly count: number;
  keyAt(index: number): string;
  /** -1 if there is none. */
  indexOf(key: string): number;
  rowsAt(index: number): readonly Row[];
}

export interface Sight {
  /** As many as there is room for, or all that there are. */
  readonly rows: readonly Row[];
  /** Whether the first row of all is in sight. */
  readonly isAtBegin: boolean;
}

/** A row of a block. */
interface Place {
  readonly index: number;
  readonly row: number;
}

export class Scroll {
  /** The last row in sight; none at the end, where what is new comes into sight. */
  #last: { readonly key: string; readonly row: number } | undefined;

  get isAtEnd(): boolean {
    return this.#last === undefined;
  }

  toEnd(): void {
    this.#last = undefined;
  }

  /** Up or down by so many rows, as far as there are any. */
  by(rows: number, blocks: Blocks, height: number): void {
    const last = this.#place(blocks);
    if (last === undefined) return;
    this.#settle(moved(blocks, last, rows), blocks, height);
  }

  toBegin(blocks: Blocks, height: number): void {
    if (blocks.count > 0) this.#settle({ index: 0, row: 0 }, blocks, height);
  }

  /** So far that a block is in sight. */
  toBlock(key: string, blocks: Blocks, height: number): void {
    const index = blocks.indexOf(key);
    const last = this.#place(blocks);
    if (index === -1 || last === undefined) return;
    const end = { index, row: blocks.rowsAt(index).length - 1 };
    const top = moved(blocks, last, 1 - height);
    if (isBefore(last, end)) this.#settle(end, blocks, height);
    else if (isBefore({ index, row: 0 }, top)) {
      this.#settle(moved(blocks, { index, row: 0 }, height - 1), blocks, height);
    }
  }

  /** What is in sight. */
  look(blocks: Blocks, height: number): Sight {
    const place = this.#place(blocks);
    if (place === undefined || height < 1) return { rows: [], isAtBegin: true };
    // There may be less above than there was, or more room.
    this.#settle(place, blocks, height);
    const last = this.#place(blocks)!;
    const rows: Row[] = [];
    let { index } = last;
    let own = blocks.rowsAt(index).slice(0, last.row + 1);
    for (;;) {
      rows.unshift(...own);
      if (rows.length >= height || index === 0) break;
      own = [...blocks.rowsAt(--index)];
    }
    return { rows: rows.slice(-height), isAtBegin: index === 0 && rows.length <= height };
  }

  #place(blocks: Blocks): Place | undefined {
    if (blocks.count === 0) return undefined;
    if (this.#last !== undefined) {
      const index = blocks.indexOf(this.#last.key);
      if (index !== -1) return { index, row: Math.min(this.#last.row, blocks.rowsAt(index).length - 1) };
    }
    return endOf(blocks);
  }

  /** There is nothing above the first row, so that the last in sight is so far down at least. */
  #settle(place: Place, blocks: Blocks, height: number): void {
    const lowest = moved(blocks, { index: 0, row: 0 }, height - 1);
    const last = isBefore(place, lowest) ? lowest : place;
    const end = endOf(blocks);
    this.#last =
      last.index === end.index && last.row === end.row
        ? undefined
        : { key: blocks.keyAt(last.index), row: last.row };
  }
}

function endOf(blocks: Blocks): Place {
  const index = blocks.count - 1;
  return { index, row: blocks.rowsAt(index).length - 1 };
}

function isBefore(a: Place, b: Place): boolean {
  return a.index === b.index ? a.row < b.row : a.index < b.index;
}

function moved(blocks: Blocks, { index, row }: Place, by: number): Place {
  let at = index;
  let to = row + by;
  while (to < 0 && at > 0) to += blocks.rowsAt(--at).length;
  while (at < blocks.count - 1 && to >= blocks.rowsAt(at).length) to -= blocks.rowsAt(at++).length;
  return { index: at, row: Math.min(Math.max(0, to), blocks.rowsAt(at).length - 1) };
}
