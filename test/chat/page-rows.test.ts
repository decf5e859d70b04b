import { expect, test } from "vitest";
import type { MessageItem } from "../../src/apps/chat/client/timeline.ts";
import { rowsOf } from "../../src/apps/chat/page/rows.ts";
import {
  around,
  boundsOf,
  earlier,
  later,
  MAX_ITEMS,
  NEWEST,
  type Span,
  trimmed,
} from "../../src/apps/chat/page/span.ts";

function messages(count: number, author = "amir"): MessageItem[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: "message",
    key: `${i}`,
    position: i + 1,
    timeMs: 1_700_000_000_000 + i,
    author,
    text: `message ${i}`,
    isEdited: false,
    isDeleted: false,
  }));
}

function size(items: readonly MessageItem[], span: Span): number {
  const { from, to } = boundsOf(items, span);
  return to - from;
}

test("the newest items are on the page, and no more than a page can bear", () => {
  const items = messages(5_000);
  expect(boundsOf(items, NEWEST)).toEqual({ from: 5_000 - MAX_ITEMS, to: 5_000 });
  expect(boundsOf(items.slice(0, 10), NEWEST)).toEqual({ from: 0, to: 10 });
  expect(boundsOf([], NEWEST)).toEqual({ from: 0, to: 0 });
});

test("all items are reached step by step, back and forth, with an overlap each time", () => {
  const items = messages(2_345);
  let span = NEWEST;
  let { from, to } = boundsOf(items, span);
  while (from > 0) {
    span = earlier(items, span);
    const next = boundsOf(items, span);
    expect(next.from).toBeLessThan(from);
    expect(next.to).toBeGreaterThan(from);
    expect(size(items, span)).toBeLessThanOrEqual(MAX_ITEMS);
    ({ from, to } = next);
  }
  expect(earlier(items, span)).toBe(span);
  while (to < items.length) {
    span = later(items, span);
    const next = boundsOf(items, span);
    expect(next.to).toBeGreaterThan(to);
    expect(next.from).toBeLessThan(to);
    expect(size(items, span)).toBeLessThanOrEqual(MAX_ITEMS);
    ({ from, to } = next);
  }
  expect(later(items, span)).toBe(span);
});

test("a span stays where it is when older items come, newer ones, or the oldest are forgotten", () => {
  const items = messages(1_000);
  const span = around(items, 500);
  const keys = (all: readonly MessageItem[]) => {
    const { from, to } = boundsOf(all, span);
    return all.slice(from, to).map(({ key }) => key);
  };
  const before = keys(items);
  expect(before).toContain("500");
  const older = messages(50).map((item) => ({ ...item, key: `older ${item.key}` }));
  const newer = messages(50).map((item) => ({ ...item, key: `newer ${item.key}` }));
  expect(keys([...older, ...items, ...newer])).toEqual(before);
  expect(keys(items.slice(400))).toEqual(before.slice(before.indexOf("400")));
});

test("where one is at the end, the beginning goes; where one is not, the end does, and what is read stays", () => {
  const items = messages(1_000);
  const long: Span = { first: "100", last: undefined };
  expect(trimmed(items, long, true)).toBe(NEWEST);
  const cut = trimmed(items, long, false);
  expect(boundsOf(items, cut)).toEqual({ from: 100, to: 100 + MAX_ITEMS });
  const fixed = trimmed(items, NEWEST, false);
  expect(boundsOf([...items, ...messages(5)], fixed).from).toBe(1_000 - MAX_ITEMS);
  expect(trimmed(items, fixed, false)).toBe(fixed);
  expect(trimmed([], NEWEST, false)).toBe(NEWEST);
});

test("what is new is marked once, wherever the rows begin, and not if all of it is", () => {
  const items = messages(10);
  const marksOf = (from: number, to: number, read: number) =>
    rowsOf(items, { from, to }, "olga", read).flatMap(({ kind }, i) => (kind === "new" ? [i] : []));
  // Behind the day and five messages.
  expect(marksOf(0, 10, 5)).toEqual([6]);
  expect(marksOf(7, 10, 5)).toEqual([]);
  expect(marksOf(0, 4, 5)).toEqual([]);
  expect(marksOf(0, 10, 0)).toEqual([]);
  expect(marksOf(0, 10, 10)).toEqual([]);
  expect(rowsOf(items, { from: 0, to: 10 }, "amir", 5).some(({ kind }) => kind === "new")).toBe(false);
});
