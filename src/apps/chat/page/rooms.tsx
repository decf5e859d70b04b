/** @jsxImportSource preact */
/** The rooms and conversations at the side; on a phone, a drawer. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ChatView, PresenceState, Timeline } from "../client/entry.ts";
import { Avatar } from "./avatar.tsx";
import type { DialogName } from "./chat.tsx";
import { Icon, IconButton } from "./icons.tsx";
import type { Place } from "./place.ts";
import { plural } from "./words.ts";

export function Rooms({
  place,
  view,
  isOpen,
  onShow,
  onDialog,
  onClose,
}: {
  readonly place: Place;
  readonly view: ChatView;
  /** As a drawer. */
  readonly isOpen: boolean;
  readonly onShow: (timeline: Timeline) => void;
  readonly onDialog: (name: DialogName) => void;
  readonly onClose: () => void;
}): VNode {
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (isOpen) ref.current?.querySelector<HTMLElement>("[aria-current], button")?.focus();
  }, [isOpen]);
  const { timelines, shown, client } = view;
  const isConnected = view.connection.kind === "connected";
  const list = (kind: "room" | "direct") => (
    <ul>
      {timelines
        .filter(({ room }) => room.kind === kind)
        .map((timeline) => (
          <li key={timeline.room.id}>
            <RoomLink
              timeline={timeline}
              presence={view.presenceOf(timeline.room.name)}
              isShown={timeline === shown}
              onShow={onShow}
            />
          </li>
        ))}
    </ul>
  );
  const hasDirect = timelines.some(({ room }) => room.kind === "direct");
  return (
    <>
      <nav class="rooms" aria-label="Rooms and conversations" ref={ref}>
        <header>
          <p class="place">
            <bdi>{place.name}</bdi>
          </p>
          <button type="button" class="sealed" onClick={() => onDialog("seal")} data-ok={isConnected}>
            <Icon name="lock" />
            {isConnected ? "Sealed" : "Offline"}
            <span class="unseen">: how this connection is protected</span>
          </button>
          <IconButton icon="close" label="Close the list" class="drawer-close" onClick={onClose} />
        </header>
        <button type="button" class="finder" aria-keyshortcuts="Control+K" onClick={() => onDialog("find")}>
          <Icon name="search" />
          Find or start
          <kbd>Ctrl K</kbd>
        </button>
        <div class="lists">
          <div class="list-head">
            <h2>Rooms</h2>
            <IconButton icon="plus" label="New room" onClick={() => onDialog("new")} />
          </div>
          {list("room")}
          {hasDirect && (
            <div class="list-head">
              <h2>Direct messages</h2>
            </div>
          )}
          {hasDirect && list("direct")}
        </div>
        <footer>
          <button type="button" class="self" onClick={() => onDialog("account")}>
            <Avatar name={client.user.name} presence={isConnected ? "online" : "offline"} />
            <span class="self-name">
              <bdi>{client.user.name}</bdi>
              <span class="unseen">: your login</span>
            </span>
          </button>
          <IconButton icon="help" label="Keyboard shortcuts" onClick={() => onDialog("keys")} />
        </footer>
      </nav>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Escape and the button close it, too */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <div class="scrim" onClick={onClose} />
    </>
  );
}

function RoomLink({
  timeline,
  presence,
  isShown,
  onShow,
}: {
  readonly timeline: Timeline;
  readonly presence: PresenceState;
  readonly isShown: boolean;
  readonly onShow: (timeline: Timeline) => void;
}): VNode {
  const { room, unread, hasMoreUnread } = timeline;
  const isUnread = unread > 0 || hasMoreUnread;
  return (
    <button
      type="button"
      class={isUnread ? "unread" : ""}
      aria-current={isShown ? "page" : undefined}
      onClick={() => onShow(timeline)}
    >
      {room.kind === "direct" ? (
        <Avatar name={room.name} presence={presence} />
      ) : (
        <span class="hash" aria-hidden="true">
          {room.access === "members" ? <Icon name="lock" /> : "#"}
        </span>
      )}
      <bdi class="name">{room.name}</bdi>
      {room.kind === "room" && room.access === "members" && <span class="unseen">, members only</span>}
      {isUnread && (
        <span class="count">
          {unread}
          {hasMoreUnread && "+"}
          <span class="unseen"> unread {unread === 1 ? "message" : "messages"}</span>
        </span>
      )}
    </button>
  );
}

/** For those who do not see colours, and those who do not see. */
export function presenceText(presence: PresenceState): string {
  return { online: "online", away: "away", offline: "offline" }[presence];
}

export function membersText(count: number): string {
  return plural(count, "member");
}
