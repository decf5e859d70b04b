/** How much room text takes on a terminal, and how it is broken into lines. */
import stringWidth from "string-width";
import { type Harmless, joined as joinedText, repeated } from "../../harmless.ts";
import type { Row, Span, Style } from "./style.ts";

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const ASCII = /^[ -~]*$/;

/**
 * Letters of the scripts that are written most: each is one character wherever another of them follows (UAX #29, GB999).
 * The segmenter is many times slower.
 */
const LETTERS =
  " -~\\u00a1-\\u00ac\\u00ae-\\u02ff\\u0370-\\u0482\\u048a-\\u052f" +
  "\\u3001-\\u3029\\u3041-\\u3096\\u30a1-\\u30ff\\u4e00-\\u9fff";
const RUNS = new RegExp(`([${LETTERS}]+)|[^${LETTERS}]+`, "gu");

/** What a reader takes for one character each. */
export function graphemes<T extends string>(text: T): T[] {
  if (ASCII.test(text)) return [...text] as T[];
  const found: string[] = [];
  for (const [run, letters] of text.matchAll(RUNS)) {
    if (letters !== undefined) for (const letter of letters) found.push(letter);
    else {
      // The letter before may be part of it.
      segment((found.pop() ?? "") + run, found);
    }
  }
  return found as T[];
}

/** For each segment engines take time in proportion to the whole text: they are given little at a time. */
const WINDOW = 128;

function segment(text: string, found: string[]): void {
  let window = WINDOW;
  for (let at = 0; at < text.length; ) {
    const part = text.slice(at, at + window);
    const isLast = at + window >= text.length;
    const segments = Array.from(segmenter.segment(part), ({ segment }) => segment);
    // The last one may go on behind the window; where there is no other, it is longer than that.
    const whole = isLast ? segments : segments.slice(0, -1);
    for (const each of whole) {
      found.push(each);
      at += each.length;
    }
    window = whole.length === 0 ? 2 * window : WINDOW;
  }
}

/** Those of characters that were seen: a text has few different ones. */
const widths = new Map<string, number>();
const MAX_WIDTHS = 10_000;
/** Longer than most characters. */
const MAX_KEPT_LENGTH = 16;

/** In columns. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  if (text.length > MAX_KEPT_LENGTH) {
    const characters = graphemes(text);
    if (characters.length > 1) return characters.reduce((sum, character) => sum + widthOf(character), 0);
    return stringWidth(text);
  }
  let width = widths.get(text);
  if (width === undefined) {
    width = stringWidth(text);
    if (widths.size >= MAX_WIDTHS) widths.clear();
    widths.set(text, width);
  }
  return width;
}

export function rowWidth(row: Row): number {
  return row.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** As much of a text as fits, with an ellipsis if that is not all. */
export function truncate(text: Harmless, width: number): Harmless {
  if (widthOf(text) <= width) return text;
  let taken = "";
  let left = width - 1;
  for (const character of graphemes(text)) {
    left -= widthOf(character);
    if (left < 0) break;
    taken += character;
  }
  return (width < 1 ? "" : `${taken}…`) as Harmless;
}

/** A row of no more than so many columns. */
export function truncateRow(row: Row, width: number): Row {
  const spans: Span[] = [];
  let left = width;
  for (const span of row) {
    const own = widthOf(span.text);
    if (own > left) {
      spans.push({ ...span, text: truncate(span.text, left) });
      break;
    }
    spans.push(span);
    left -= own;
  }
  return spans;
}

/** A row with something at its right end, of exactly so many columns; what is at the left gives way. */
export function spread(left: Row, right: Row, width: number, style?: Style): Row {
  const end = truncateRow(right, width);
  const endWidth = rowWidth(end);
  const gap = endWidth === 0 ? 0 : 1;
  const begin = truncateRow(left, Math.max(0, width - endWidth - gap));
  const space = repeated(" ", Math.max(0, width - rowWidth(begin) - endWidth));
  const all = [...begin, { text: space }, ...end];
  return style === undefined ? all : all.map((span) => ({ ...span, style: { ...style, ...span.style } }));
}

interface Piece {
  readonly text: Harmless;
  readonly width: number;
  readonly style: Style | undefined;
}

/**
 * Breaks text at spaces, and at line feeds; words longer than a line wherever it ends. Spaces at the end of a line that was
 * broken are left out.
 * @param width of each row, 1 at least
 */
export function wrap(spans: readonly Span[], width: number): Row[] {
  const rows: Row[] = [];
  let row: Piece[] = [];
  let used = 0;
  /** Where the row can be broken: behind so many pieces, the last of which are spaces. */
  let breakAt = 0;
  let hasWord = false;
  const finish = (count: number) => {
    const rest = row.slice(count);
    let end = count;
    while (end > 0 && row[end - 1]!.text === " ") end--;
    rows.push(joined(row.slice(0, end)));
    row = rest;
    used = rest.reduce((sum, piece) => sum + piece.width, 0);
    breakAt = 0;
    hasWord = rest.length > 0;
  };
  for (const { text, style } of spans) {
    for (const character of graphemes(text)) {
      if (character === "\n") {
        rows.push(joined(row));
        row = [];
        used = 0;
        breakAt = 0;
        hasWord = false;
        continue;
      }
      const own = widthOf(character);
      if (used + own > width && row.length > 0) {
        // A space that does not fit is where the line ends.
        if (character === " ") {
          finish(row.length);
          continue;
        }
        finish(breakAt > 0 ? breakAt : row.length);
      }
      row.push({ text: character, width: own, style });
      used += own;
      // Indentation is no place to break at.
      if (character !== " ") hasWord = true;
      else if (hasWord) breakAt = row.length;
    }
  }
  rows.push(joined(row));
  return rows;
}

function joined(pieces: readonly Piece[]): Row {
  const spans: { texts: Harmless[]; style: Style | undefined }[] = [];
  for (const { text, style } of pieces) {
    const last = spans.at(-1);
    if (last !== undefined && last.style === style) last.texts.push(text);
    else spans.push({ texts: [text], style });
  }
  return spans.map(({ texts, style }) =>
    style === undefined ? { text: joinedText(texts) } : { text: joinedText(texts), style },
  );
}
