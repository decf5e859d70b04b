/** @jsxImportSource preact */
/** What was said in a room: it stays where it is while older pages come, and at its end while new messages do. */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatView, MessageItem, Timeline } from "../client/entry.ts";
import { Icon } from "./icons.tsx";
import { isInsideText } from "./keys.tsx";
import { Happening, Message, type MessageActions } from "./message.tsx";
import { rowsOf } from "./rows.ts";
import { dayText, plural } from "./words.ts";

/** Older pages are asked for when so much is left above, in pixels. */
const AHEAD = 800;
/** So near to the end, one is at it. */
const NEAR = 40;
/** Screen readers are not to read out older pages: they are told of additions again after that. */
const QUIET_MS = 1_000;

/** Where one was when one has scrolled last. */
interface Noted {
  readonly scrollTop: number;
  readonly scrollHeight: number;
  /** The first row in sight, and where it was. */
  readonly anchor: { readonly key: string; readonly top: number } | undefined;
}

export function Log({
  view,
  timeline,
  readBefore,
  actions,
  onWrite,
}: {
  readonly view: ChatView;
  readonly timeline: Timeline;
  readonly readBefore: number;
  readonly actions: Omit<MessageActions, "go">;
  /** Goes on in the field to write in. */
  readonly onWrite: () => void;
}): VNode {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const noted = useRef<Noted>(undefined);
  const isAtEnd = useRef(true);
  const hasBegun = useRef(false);
  const [newestSeen, setNewestSeen] = useState<number>();
  const [isPaging, setPaging] = useState(true);
  const { items, room } = timeline;
  const user = view.client.user;
  const rows = useMemo(() => rowsOf(items, user.name, readBefore), [items, user.name, readBefore]);
  const mayModerate = room.kind === "room" && (room.role !== "member" || user.role !== "member");

  const rowOf = (key: string) =>
    [...(list.current?.children ?? [])].find((row) => (row as HTMLElement).dataset.key === key);

  /** Notes where one is, so as to be there again whatever changes. */
  const note = () => {
    const { scrollTop, scrollHeight } = box.current!;
    const { top } = box.current!.getBoundingClientRect();
    const row = [...list.current!.children].find((each) => each.getBoundingClientRect().bottom > top);
    const key = (row as HTMLElement | undefined)?.dataset.key;
    const anchor = key === undefined ? undefined : { key, top: row!.getBoundingClientRect().top };
    noted.current = { scrollTop, scrollHeight, anchor };
  };
  const isNearEnd = ({ scrollHeight }: { readonly scrollHeight: number }) =>
    scrollHeight - box.current!.clientHeight - box.current!.scrollTop < NEAR;
  const scrolled = () => {
    isAtEnd.current = isNearEnd(box.current!);
    setNewestSeen(isAtEnd.current ? undefined : (before) => before ?? newestPosition());
    note();
  };
  const newestPosition = () => items.findLast(({ position }) => position !== undefined)?.position ?? 0;

  const toEnd = () => {
    isAtEnd.current = true;
    setNewestSeen(undefined);
    box.current!.scrollTop = box.current!.scrollHeight;
  };

  const stay = () => {
    const element = box.current;
    // An observer may tell of what is not there any more.
    if (element === null) return;
    if (noted.current !== undefined) {
      // Who has scrolled since then is there already, and it is told of in the next frame only.
      const by = element.scrollTop - noted.current.scrollTop;
      if (by < 0) isAtEnd.current = isNearEnd(noted.current) || isNearEnd(element);
      const { anchor } = noted.current;
      const row = anchor === undefined ? undefined : rowOf(anchor.key);
      if (!isAtEnd.current && row !== undefined)
        element.scrollTop += row.getBoundingClientRect().top - (anchor!.top - by);
    }
    if (isAtEnd.current) element.scrollTop = element.scrollHeight;
    note();
  };

  useLayoutEffect(() => {
    if (!hasBegun.current && timeline.isLoaded) {
      hasBegun.current = true;
      const mark = rowOf("new");
      if (mark !== undefined) {
        const element = box.current!;
        element.scrollTop += mark.getBoundingClientRect().top - element.getBoundingClientRect().top - 64;
        scrolled();
        return;
      }
    }
    stay();
  }, [rows, timeline.isLoaded]);

  // What becomes larger or smaller without an item: the window, a long text, the field to write in.
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current) stay();
    });
    observer.observe(box.current!);
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, []);

  // One's own words are to be seen.
  const lastItem = items.at(-1);
  const lastPending =
    lastItem?.kind === "message" && lastItem.position === undefined ? lastItem.key : undefined;
  useLayoutEffect(() => {
    if (lastPending !== undefined) toEnd();
  }, [lastPending]);

  const loadOlder = () => {
    if (!timeline.isLoaded || !timeline.hasOlder || box.current!.scrollTop > AHEAD) return;
    setPaging(true);
    timeline.loadOlder().catch(() => {});
  };
  useEffect(loadOlder, [rows, timeline.isLoaded]);
  useEffect(() => {
    const timer = setTimeout(() => setPaging(false), QUIET_MS);
    return () => clearTimeout(timer);
  }, [items[0]?.key, timeline.isLoaded]);

  const go = (position: number) => {
    const item = timeline.at(position);
    const row = item === undefined ? undefined : rowOf(item.key);
    row?.scrollIntoView({ block: "center" });
    (row as HTMLElement | undefined)?.focus({ preventScroll: true });
  };
  const all: MessageActions = useMemo(() => ({ ...actions, go }), [actions]);

  const mayRemove = (item: MessageItem) => item.author === user.name || mayModerate;
  const pressed = (event: KeyboardEvent) => {
    if (isInsideText(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const found = [...list.current!.querySelectorAll<HTMLElement>("li[data-message]")];
    const at = found.indexOf((event.target as HTMLElement).closest("li")!);
    const row = rows.find(({ key }) => key === found[at]?.dataset.key);
    const item = row?.kind === "message" ? row.item : undefined;
    const isStored = item?.position !== undefined && !item.isDeleted;
    const isOwn = item?.author === user.name;
    const focus = (index: number) => found[Math.max(0, Math.min(index, found.length - 1))]?.focus();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "ArrowUp") focus(at === -1 ? found.length - 1 : at - 1);
    else if (key === "ArrowDown" && at === found.length - 1) onWrite();
    else if (key === "ArrowDown" && at !== -1) focus(at + 1);
    else if (key === "Home" && at !== -1) focus(0);
    else if (key === "End") focus(found.length - 1);
    else if (key === "Escape") onWrite();
    else if (key === "r" && isStored) actions.reply(item);
    else if (key === "e" && isStored && isOwn && item.text !== "") actions.edit(item);
    else if (key === "Delete" && isStored && mayRemove(item)) actions.remove(item);
    else return;
    event.preventDefault();
  };

  const missed =
    newestSeen === undefined
      ? 0
      : items.filter(
          (item) => item.kind === "message" && item.author !== user.name && (item.position ?? 0) > newestSeen,
        ).length;
  return (
    <div class="log-frame">
      <div
        class="log"
        ref={box}
        role="log"
        aria-label={`Messages: ${room.name}`}
        aria-live={isPaging ? "off" : "polite"}
        aria-relevant="additions"
        aria-busy={!timeline.isLoaded}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be focused
        tabIndex={0}
        onScroll={() => {
          scrolled();
          loadOlder();
        }}
        onKeyDown={pressed}
      >
        <div class="log-top">
          {!timeline.isLoaded || timeline.hasOlder ? (
            <p class="quiet">
              <span class="spinner" /> Loading …
            </p>
          ) : (
            <Beginning timeline={timeline} />
          )}
        </div>
        <ol ref={list}>
          {rows.map((row) => {
            switch (row.kind) {
              case "day":
                return (
                  <li key={row.key} data-key={row.key} class="day">
                    <span>{dayText(row.timeMs)}</span>
                  </li>
                );
              case "new":
                return (
                  <li key={row.key} data-key={row.key} class="new">
                    <span>New</span>
                  </li>
                );
              case "happening":
                return (
                  <li key={row.key} data-key={row.key}>
                    <Happening item={row.item} />
                  </li>
                );
              default:
                return (
                  <li
                    key={row.key}
                    data-key={row.key}
                    data-message
                    class={row.isContinued ? "message continued" : "message"}
                    tabIndex={-1}
                  >
                    <Message
                      room={room}
                      item={row.item}
                      answered={row.item.replyTo === undefined ? undefined : timeline.at(row.item.replyTo)}
                      isContinued={row.isContinued}
                      isOwn={row.item.author === user.name}
                      mayRemove={mayRemove(row.item)}
                      actions={all}
                    />
                  </li>
                );
            }
          })}
        </ol>
      </div>
      {newestSeen !== undefined && (
        <button type="button" class="to-end" onClick={toEnd}>
          {missed > 0 ? plural(missed, "new message") : "To the newest"}
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

function Beginning({ timeline: { room } }: { readonly timeline: Timeline }): VNode {
  return (
    <p class="quiet">
      {room.kind === "direct" ? (
        <>
          This is the beginning of your conversation with <bdi>{room.name}</bdi>.
        </>
      ) : (
        <>
          This is the beginning of <bdi>{room.name}</bdi>.
        </>
      )}
    </p>
  );
}
