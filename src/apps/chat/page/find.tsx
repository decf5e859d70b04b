/** @jsxImportSource preact */
/** From a few letters to a conversation: one's own rooms, those that are open to all, and people. */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { ChatRoom, ChatView, RoomInfo, Timeline } from "../client/entry.ts";
import { fold, normalized } from "../names.ts";
import { Dialog, Failure, useAction } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { membersText } from "./rooms.tsx";

interface Choice {
  readonly key: string;
  readonly sign: "hash" | "person" | "plus";
  readonly name: string;
  readonly note: string;
  /** Whether it is there before the server has said what there is. */
  readonly isOwn?: boolean;
  choose(): void;
}

/** Between what is typed. */
const PAUSE_MS = 100;
const USER = /^@?([\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31})$/u;

export function Find({
  view,
  onShow,
  onNew,
  onClose,
}: {
  readonly view: ChatView;
  readonly onShow: (timeline: Timeline) => void;
  readonly onNew: () => void;
  readonly onClose: () => void;
}): VNode {
  const [text, setText] = useState("");
  const [open, setOpen] = useState<readonly RoomInfo[]>();
  const [people, setPeople] = useState<{ readonly of: string; readonly names: readonly string[] }>();
  const [at, setAt] = useState(0);
  // Enter was pressed before all was there that it might be meant for.
  const [isEntered, setEntered] = useState(false);
  const list = useAction();
  const { failure, run } = useAction({ not_found: "There is nobody of that name." });
  const { client } = view;
  const isConnected = view.connection.kind === "connected";
  const load = () => list.run(async () => setOpen(await client.listRooms()));
  useEffect(() => {
    if (isConnected) load();
  }, [client, isConnected]);

  const enter = (act: () => Promise<ChatRoom>) => run(async () => onShow(view.timelineOf(await act())));
  const wanted = fold(text.trim()).replace(/^[#@]/, "");
  const isWanted = ({ name }: { name: string }) => fold(name).includes(wanted);
  const person = USER.exec(text.trim())?.[1];
  useEffect(() => {
    if (person === undefined || !isConnected) return;
    let isWished = true;
    const look = async () => {
      const names = await client.findUsers(person).catch(() => []);
      // What was typed since is another question.
      if (isWished) setPeople({ of: person, names });
    };
    const timer = setTimeout(() => void look(), PAUSE_MS);
    return () => {
      isWished = false;
      clearTimeout(timer);
    };
  }, [client, person, isConnected]);
  const isComplete = open !== undefined && (person === undefined || people?.of === person || !isConnected);
  const known = new Set(
    [client.user.name, ...view.timelines.map(({ room }) => (room.kind === "direct" ? room.name : ""))].map(
      fold,
    ),
  );
  const found = person === undefined || people === undefined ? [] : people.names;
  // Somebody of just that name may have come since.
  const candidates = [
    ...found,
    ...(person === undefined || found.some((name) => fold(name) === wanted) ? [] : [person]),
  ];
  const choices: Choice[] = [
    ...view.timelines
      .filter(({ room }) => isWanted(room))
      .map((timeline) => ({
        key: `${timeline.room.id}`,
        sign: timeline.room.kind === "direct" ? ("person" as const) : ("hash" as const),
        name: timeline.room.name,
        note: timeline.unread > 0 ? `${timeline.unread} unread` : "",
        isOwn: true,
        choose: () => onShow(timeline),
      })),
    ...(open ?? [])
      .filter((info) => !client.rooms.has(info.id) && isWanted(info))
      .map((info) => ({
        key: `${info.id}`,
        sign: "hash" as const,
        name: info.name,
        note: `Join · ${membersText(info.members)}`,
        choose: () => enter(() => client.join(info.id)),
      })),
    // The name may be that of a room that is not known yet.
    ...(open === undefined ? [] : candidates)
      .filter((name) => !known.has(fold(name)) && fold(name).startsWith(wanted))
      .map((name) => ({
        key: `@${name}`,
        sign: "person" as const,
        name: normalized(name),
        note: "Write to this person",
        choose: () => enter(() => client.direct(name)),
      })),
    { key: "new", sign: "plus", name: "New room", note: "", choose: onNew },
  ];
  const chosen = Math.min(at, choices.length - 1);
  const pressed = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) setAt((chosen + by + choices.length) % choices.length);
    else if (event.key === "Enter" && !event.isComposing) setEntered(true);
    else return;
    event.preventDefault();
  };
  useLayoutEffect(() => {
    if (!isEntered || (!isComplete && !choices[chosen]!.isOwn)) return;
    setEntered(false);
    choices[chosen]!.choose();
  }, [isEntered, isComplete]);
  useLayoutEffect(() => {
    document.querySelector("#find-list [aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <Dialog title="Find or start" onClose={onClose}>
      <input
        class="search"
        role="combobox"
        aria-label="A room, or a person's name"
        aria-expanded="true"
        aria-controls="find-list"
        aria-activedescendant={`find-${chosen}`}
        aria-autocomplete="list"
        placeholder="A room, or a person's name"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onKeyDown={pressed}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
          setEntered(false);
        }}
      />
      <Failure text={failure ?? (isConnected ? list.failure : undefined)} />
      {open === undefined && isConnected && list.failure !== undefined && (
        <button type="button" onClick={load}>
          Look for rooms again
        </button>
      )}
      <div class="choices" id="find-list" role="listbox" aria-label="Rooms and people" tabIndex={-1}>
        {choices.map(({ key, sign, name, note, choose }, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
          <div
            key={key}
            id={`find-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === chosen}
            onClick={choose}
            onMouseMove={() => setAt(i)}
          >
            <span class="hash" aria-hidden="true">
              {sign === "hash" ? "#" : <Icon name={sign === "plus" ? "plus" : "people"} />}
            </span>
            <bdi class="name">{name}</bdi>
            <span class="quiet">{note}</span>
          </div>
        ))}
      </div>
      <p class="waiting" role="status">
        {open === undefined && !isConnected && "Without a connection, only your own rooms are here."}
        {open === undefined && isConnected && list.failure === undefined && (
          <>
            <span class="spinner" /> Looking for rooms …
          </>
        )}
      </p>
    </Dialog>
  );
}
