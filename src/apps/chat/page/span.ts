/** The part of a room's items that is on the page. All of a long room would make every change slow. */

/** From one item to another, by their keys. Without the last one, up to the newest, whichever that is. */
export interface Span {
  readonly first: string | undefined;
  readonly last: string | undefined;
}

interface Keyed {
  readonly key: string;
}

/** Items on the page, at most: more than what fits on any screen, by far. */
export const MAX_ITEMS = 300;
/** So many are added at a time, and as many taken away at the other end. */
const STEP = 100;

/** Where a span begins and ends among the items as they are now; `to` is not in it. */
export function boundsOf(items: readonly Keyed[], { first, last }: Span): { from: number; to: number } {
  const indexOf = (key: string) => items.findIndex((item) => item.key === key);
  const to = last === undefined ? items.length : indexOf(last) + 1 || items.length;
  const from = first === undefined ? Math.max(0, to - MAX_ITEMS) : Math.max(0, indexOf(first));
  return { from: Math.min(from, to), to };
}

function spanOf(items: readonly Keyed[], from: number, to: number): Span {
  const begin = Math.max(0, from);
  return { first: items[begin]?.key, last: to < items.length ? items[to - 1]?.key : undefined };
}

/** With what is before it, if anything is. */
export function earlier(items: readonly Keyed[], span: Span): Span {
  const { from, to } = boundsOf(items, span);
  if (from === 0) return span;
  const begin = Math.max(0, from - STEP);
  return spanOf(items, begin, Math.min(to, begin + MAX_ITEMS));
}

/** With what is after it, if anything is. */
export function later(items: readonly Keyed[], span: Span): Span {
  const { from, to } = boundsOf(items, span);
  if (to === items.length) return span;
  const end = Math.min(items.length, to + STEP);
  return spanOf(items, Math.max(from, end - MAX_ITEMS), end);
}

/** With the item of an index in the middle. */
export function around(items: readonly Keyed[], index: number): Span {
  const from = Math.max(0, index - MAX_ITEMS / 2);
  return spanOf(items, from, Math.min(items.length, from + MAX_ITEMS));
}

/** The newest. */
export const NEWEST: Span = { first: undefined, last: undefined };

/**
 * The same without what has become too much: at the end at which nobody is.
 * @param isAtEnd whether the newest is in sight
 */
export function trimmed(items: readonly Keyed[], span: Span, isAtEnd: boolean): Span {
  if (items.length === 0) return span;
  const { from, to } = boundsOf(items, span);
  if (isAtEnd) return to === items.length && to - from > MAX_ITEMS ? NEWEST : span;
  if (to - from > MAX_ITEMS + STEP) return spanOf(items, from, from + MAX_ITEMS);
  // What one reads does not go away because more comes.
  return span.first === undefined ? spanOf(items, from, to) : span;
}
