/** @jsxImportSource preact */
/** What was said in a room. */
import type { VNode } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { ChatView, MessageItem, Timeline } from "../client/entry.ts";
import { Announcer } from "./announcer.tsx";
import { Icon } from "./icons.tsx";
import { isInsideText } from "./keys.tsx";
import { Happening, Message, type MessageActions } from "./message.tsx";
import { useScrolling } from "./scrolling.ts";
import { dayText, failureText, plural } from "./words.ts";

export function Log({
  view,
  timeline,
  isLooking,
  actions,
  onWrite,
}: {
  readonly view: ChatView;
  readonly timeline: Timeline;
  /** Whether somebody looks at the page. */
  readonly isLooking: boolean;
  readonly actions: Omit<MessageActions, "go">;
  /** Goes on in the field to write in. */
  readonly onWrite: () => void;
}): VNode {
  const scrolling = useScrolling(view, timeline, isLooking);
  const { box, list, rows } = scrolling;
  const { room } = timeline;
  const { user } = view.client;
  const mayModerate = room.kind === "room" && (room.role !== "member" || user.role !== "member");
  const latest = useRef(scrolling);
  latest.current = scrolling;
  const all: MessageActions = useMemo(() => {
    // What cannot be found stays an earlier message.
    const go = (position: number) => void latest.current.go(position).catch(() => {});
    return { ...actions, go };
  }, [actions]);

  const mayRemove = (item: MessageItem) => item.author === user.name || mayModerate;
  const pressed = (event: KeyboardEvent) => {
    if (isInsideText(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    // A picture that is shown large is in front of the log, and has keys of its own.
    if ((event.target as HTMLElement).closest("dialog") !== null) return;
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
    else if (key === "End") scrolling.toEnd(true);
    else if (key === "Escape") onWrite();
    else if (key === "r" && isStored) actions.reply(item);
    else if (key === "e" && isStored && isOwn && item.text !== "") actions.edit(item);
    else if (key === "Delete" && isStored && mayRemove(item)) actions.remove(item);
    else return;
    event.preventDefault();
  };

  return (
    <div class="log-frame">
      <div
        class="log"
        ref={box}
        role="log"
        aria-label={`Messages: ${room.name}`}
        // What is put on the page was not said just now: that is announced below.
        aria-live="off"
        aria-busy={!scrolling.hasBegun}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be focused
        tabIndex={0}
        onScroll={scrolling.scrolled}
        onKeyDown={pressed}
      >
        <div class="log-top">
          {scrolling.failure !== undefined ? (
            <p class="failed" role="alert">
              {failureText(scrolling.failure)}
              <button type="button" class="link" onClick={scrolling.retry}>
                Try again
              </button>
            </p>
          ) : scrolling.hasEarlier ? (
            <p class="quiet">
              <span class="spinner" /> Loading …
            </p>
          ) : (
            <Beginning timeline={timeline} />
          )}
        </div>
        <ol ref={list} data-begun={scrolling.hasBegun}>
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
                  <li key={row.key} data-key={row.key} data-position={row.item.position}>
                    <Happening item={row.item} />
                  </li>
                );
              default:
                return (
                  <li
                    key={row.key}
                    data-key={row.key}
                    data-position={row.item.position}
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
      {!scrolling.isAtEnd && (
        <button type="button" class="to-end" onClick={() => scrolling.toEnd()}>
          {timeline.unread > 0 ? plural(timeline.unread, "new message") : "To the newest"}
          <Icon name="down" />
        </button>
      )}
      <Announcer timeline={timeline} user={user.name} />
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
