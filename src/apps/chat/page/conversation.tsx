/** @jsxImportSource preact */
/** One room: what it is, what was said in it, and the field to write in. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatView, MessageItem, Timeline } from "../client/entry.ts";
import type { DialogName } from "./chat.tsx";
import { Composer, type Purpose, sendFiles } from "./composer.tsx";
import { Dialog, Failure, useAction } from "./dialog.tsx";
import { IconButton } from "./icons.tsx";
import { Log } from "./log.tsx";
import { membersText, presenceText } from "./rooms.tsx";
import { cut, typingText } from "./words.ts";

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") ?? false;
}

export function Conversation({
  view,
  timeline,
  isLooking,
  onMenu,
  onDialog,
}: {
  readonly view: ChatView;
  readonly timeline: Timeline;
  /** Whether somebody looks at the page. */
  readonly isLooking: boolean;
  readonly onMenu: () => void;
  readonly onDialog: (name: DialogName) => void;
}): VNode {
  const { room } = timeline;
  const [purpose, setPurpose] = useState<Purpose>({ kind: "new" });
  const [removing, setRemoving] = useState<MessageItem>();
  const [isDropping, setDropping] = useState(false);
  const { failure, run, clear } = useAction();
  useEffect(() => {
    if (view.connection.kind === "connected") clear();
  }, [view.connection.kind]);
  const place = useRef<HTMLDivElement>(null);
  const write = () => place.current?.querySelector("textarea")?.focus();

  const actions = useMemo(
    () => ({
      reply: (item: MessageItem) => setPurpose({ kind: "reply", item }),
      edit: (item: MessageItem) => setPurpose({ kind: "edit", item }),
      remove: setRemoving,
      retry: (key: string) => timeline.retry(key),
      dismiss: (key: string) => timeline.dismiss(key),
    }),
    [timeline],
  );
  const editLast = () => {
    const last = timeline.items.findLast(
      (item) =>
        item.kind === "message" &&
        item.author === view.client.user.name &&
        item.state !== "failed" &&
        !item.isDeleted &&
        item.text !== "",
    );
    // What is on its way cannot be edited yet, and the one before it was not meant.
    if (last?.kind === "message" && last.position !== undefined) actions.edit(last);
  };
  const dragged = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    // Who leaves for what is inside has not left.
    const isLeaving =
      event.type === "dragleave" && !place.current!.contains(event.relatedTarget as Node | null);
    if (event.type === "dragover") setDropping(true);
    else if (isLeaving || event.type === "drop") setDropping(false);
    if (event.type === "drop") sendFiles(timeline, [...event.dataTransfer!.files]);
  };
  useEffect(() => {
    // A file that misses would be opened instead of this page.
    const missed = (event: DragEvent) => {
      if (!hasFiles(event) || event.defaultPrevented) return;
      event.preventDefault();
      event.dataTransfer!.dropEffect = "none";
    };
    addEventListener("dragover", missed);
    addEventListener("drop", missed);
    return () => {
      removeEventListener("dragover", missed);
      removeEventListener("drop", missed);
    };
  }, []);
  const othersUnread = view.timelines.some((other) => other !== timeline && other.unread > 0);
  const subtitle =
    room.kind === "direct"
      ? presenceText(view.presenceOf(room.name))
      : room.topic || membersText(room.memberCount);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files can be sent by a button, too
    <div
      class="conversation"
      ref={place}
      onDragOver={dragged}
      onDragLeave={dragged}
      onDrop={dragged}
      data-dropping={isDropping}
    >
      <header class="top">
        <IconButton
          icon="menu"
          label={othersUnread ? "Rooms: something new" : "Rooms"}
          class={othersUnread ? "menu has-news" : "menu"}
          onClick={onMenu}
        />
        <button type="button" class="heading" onClick={() => onDialog("details")}>
          <h1>
            <bdi>{room.name}</bdi>
          </h1>
          <span class="quiet" dir="auto">
            {subtitle}
          </span>
        </button>
        {room.kind === "room" && (
          <IconButton icon="invite" label="Invite somebody" onClick={() => onDialog("invite")} />
        )}
        <IconButton icon="people" label="Topic and members" onClick={() => onDialog("details")} />
      </header>
      <Log view={view} timeline={timeline} isLooking={isLooking} actions={actions} onWrite={write} />
      <div class="bottom">
        <p class="typing">{typingText(timeline.typing)}</p>
        <Failure text={failure} />
        <Composer
          timeline={timeline}
          purpose={purpose}
          onPurpose={setPurpose}
          onEdit={(item, text) => run(() => room.edit(item.position!, text))}
          onEditLast={editLast}
        />
      </div>
      {removing !== undefined && (
        <Dialog title="Delete this message?" onClose={() => setRemoving(undefined)}>
          <blockquote dir="auto">{cut(removing.text, 300) || removing.attachment?.name}</blockquote>
          <p>It is taken away for everybody, and cannot be brought back.</p>
          <div class="row">
            <button
              type="button"
              class="danger"
              onClick={() => {
                void run(() => room.delete(removing.position!));
                setRemoving(undefined);
              }}
            >
              Delete
            </button>
            <button type="button" onClick={() => setRemoving(undefined)}>
              Keep it
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
