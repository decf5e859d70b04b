/** Where one is in a room's messages: what of them is on the page, what is in sight, and what is read by that. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatView, Timeline } from "../client/entry.ts";
import { Anchor, lastSeen } from "./anchor.ts";
import { isNewTo, type Row, rowsOf } from "./rows.ts";
import { around, boundsOf, earlier, later, NEWEST, trimmed } from "./span.ts";

/** More is put on the page when so much is left above or below, in pixels. */
const AHEAD = 800;
/** What is new is shown from its beginning, unless there is more of it. */
const MAX_CATCH_UP = 500;
/** A message that is answered is looked for as far back as this. */
const MAX_PAGES = 40;
/** Between a row that somebody goes to and the upper edge, in pixels. */
const MARGIN = 64;

export interface Scrolling {
  /** What scrolls, and the list of rows in it, each with its `data-key` and, if it is stored, `data-position`. */
  readonly box: RefObject<HTMLDivElement | null>;
  readonly list: RefObject<HTMLOListElement | null>;
  readonly rows: readonly Row[];
  /** Whether what is new, or the newest, is in sight for the first time. */
  readonly hasBegun: boolean;
  /** Whether there is more before the first row. */
  readonly hasEarlier: boolean;
  /** Whether the newest is in sight. */
  readonly isAtEnd: boolean;
  /** Why older pages do not come. */
  readonly failure: Error | undefined;
  /** Asks for them again. */
  retry(): void;
  /** To be called when it has scrolled. */
  scrolled(): void;
  toEnd(isFocused?: boolean): void;
  /** To the message of a position, if it can be found. */
  go(position: number): Promise<void>;
}

/** @param isLooking whether somebody looks at the page: nothing is read while nobody does */
export function useScrolling(view: ChatView, timeline: Timeline, isLooking: boolean): Scrolling {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const anchor = useRef(new Anchor()).current;
  /** The key of what is to be in sight, and whether it gets the focus, once it is on the page. */
  const goal = useRef<{ readonly key: string; readonly isFocused: boolean }>(undefined);
  const [span, setSpan] = useState(NEWEST);
  const [hasBegun, setBegun] = useState(false);
  const [isAtEnd, setAtEnd] = useState(true);
  const [failure, setFailure] = useState<Error>();
  const { items, hasOlder, isLoaded } = timeline;
  const user = view.client.user.name;
  const isConnected = view.connection.kind === "connected";
  const newFrom = useNewMark(timeline, user, isLooking, () => hasBegun && anchor.isAtEnd);
  const shown = trimmed(items, span, anchor.isAtEnd);
  const { from, to } = boundsOf(items, shown);
  const rows = useMemo(() => rowsOf(items, { from, to }, user, newFrom), [items, from, to, user, newFrom]);
  // Whoever is at a row that goes away is not to be nowhere.
  const hadFocus = list.current?.contains(document.activeElement) ?? false;

  const rowOf = (key: string) =>
    ([...list.current!.children] as HTMLElement[]).find((row) => row.dataset.key === key);
  const note = () => {
    anchor.note(box.current!, list.current!, to === items.length);
    setAtEnd(anchor.isAtEnd);
  };

  /** Brings a row near to the upper edge. */
  const show = (row: HTMLElement) => {
    const { top } = box.current!.getBoundingClientRect();
    box.current!.scrollTop += row.getBoundingClientRect().top - top - MARGIN;
    note();
  };

  const stay = () => {
    // An observer may tell of what is not there any more.
    if (box.current === null) return;
    anchor.stay(box.current, list.current!);
    setAtEnd(anchor.isAtEnd);
    if (!document.hidden || !anchor.isAtEnd) return;
    // What comes while nobody sees it does not push its beginning out of sight.
    const mark = rowOf("new");
    const { top } = box.current.getBoundingClientRect();
    if (mark !== undefined && mark.getBoundingClientRect().top < top + MARGIN) show(mark);
  };

  /** Whether there was a goal, and it is there. */
  const reach = (): boolean => {
    const { key, isFocused } = goal.current ?? {};
    goal.current = undefined;
    const row = key === undefined ? undefined : rowOf(key);
    if (row === undefined) return false;
    show(row);
    if (isFocused) row.focus({ preventScroll: true });
    return true;
  };

  /** What was seen to its end is read. */
  const read = () => {
    if (!isLooking || !hasBegun) return;
    if (anchor.isAtEnd) timeline.markRead();
    else timeline.markRead(lastSeen(box.current!, list.current!) ?? 0);
  };

  const loadOlder = () => {
    if (isConnected && failure === undefined) timeline.loadOlder().catch(setFailure);
  };

  /** Puts more on the page where it is needed next. */
  const extend = () => {
    if (!hasBegun) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    if (scrollTop < AHEAD && from > 0) setSpan(earlier(items, shown));
    else if (scrollTop < AHEAD && hasOlder) loadOlder();
    else if (scrollHeight - clientHeight - scrollTop < AHEAD && to < items.length)
      setSpan(later(items, shown));
  };

  const firstNew = () => timeline.items.findIndex((item) => isNewTo(item, user, newFrom));
  const begin = () => {
    const first = firstNew();
    if (first > 0) {
      anchor.isAtEnd = false;
      setSpan(around(timeline.items, first));
      goal.current = { key: "new", isFocused: false };
    }
    setBegun(true);
  };
  useLayoutEffect(() => {
    if (hasBegun || !isLoaded) return;
    // With something of what was read before.
    const isCut = timeline.hasMoreUnread || (hasOlder && firstNew() === 0);
    if (isCut && items.length < MAX_CATCH_UP) timeline.loadOlder().catch(begin);
    else begin();
  }, [items, isLoaded]);

  useEffect(() => setFailure(undefined), [isConnected]);

  useLayoutEffect(() => {
    if (shown !== span) setSpan(shown);
    if (!reach()) stay();
    if (hadFocus && document.activeElement === document.body) box.current!.focus({ preventScroll: true });
    read();
    extend();
  }, [rows, hasBegun, hasOlder, isLooking, isConnected, failure]);

  // What becomes larger or smaller without an item: the window, a long text, the field to write in.
  const latestStay = useRef(stay);
  latestStay.current = stay;
  useEffect(() => {
    const observer = new ResizeObserver(() => latestStay.current());
    observer.observe(box.current!);
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, []);

  const goTo = (key: string, isFocused: boolean) => {
    goal.current = { key, isFocused };
    // Where it is on the page already, nothing may have to be rendered.
    if (rowOf(key) !== undefined) reach();
  };
  const toEnd = (isFocused = false) => {
    const last = timeline.items.at(-1);
    anchor.isAtEnd = true;
    setSpan(NEWEST);
    stay();
    if (isFocused && last !== undefined) goTo(last.key, true);
  };

  // One's own words are to be seen.
  const last = items.at(-1);
  const lastPending = last?.kind === "message" && last.position === undefined ? last.key : undefined;
  useLayoutEffect(() => {
    if (lastPending !== undefined) toEnd();
  }, [lastPending]);

  const go = async (position: number) => {
    for (let i = 0; i < MAX_PAGES && timeline.hasOlder && timeline.at(position) === undefined; i++)
      await timeline.loadOlder();
    const { items } = timeline;
    const index = items.findIndex((item) => item.position === position);
    if (index === -1) return;
    anchor.isAtEnd = false;
    setSpan(around(items, index));
    goTo(items[index]!.key, true);
  };

  return {
    box,
    list,
    rows,
    hasBegun,
    hasEarlier: !isLoaded || hasOlder || from > 0,
    isAtEnd,
    failure,
    retry: () => setFailure(undefined),
    scrolled() {
      note();
      read();
      extend();
    },
    toEnd,
    go,
  };
}

/**
 * The position behind which messages are marked as new: that up to which the room was read when somebody began to look at
 * it. What they see coming needs no mark.
 */
function useNewMark(
  timeline: Timeline,
  user: string,
  isLooking: boolean,
  isEndInSight: () => boolean,
): number {
  const { items, room } = timeline;
  const mark = useRef(room.read);
  const hasSeenAll = useRef(false);
  if (!isLooking) mark.current = room.read;
  else if (hasSeenAll.current) {
    const newest = items.findLast(({ position }) => position !== undefined);
    mark.current = Math.max(mark.current, newest?.position ?? 0);
  }
  useLayoutEffect(() => {
    hasSeenAll.current =
      isLooking && isEndInSight() && !items.some((item) => isNewTo(item, user, mark.current));
  });
  return mark.current;
}
