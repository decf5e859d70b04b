/** @jsxImportSource preact */
/** Inside: the rooms at the side, one of them in the middle, and what is in front of them at times. */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { ChatView, ConnectionState, Timeline } from "../client/entry.ts";
import { Account } from "./account.tsx";
import { Conversation } from "./conversation.tsx";
import { Details } from "./details.tsx";
import { Dialog } from "./dialog.tsx";
import { Find } from "./find.tsx";
import { IconButton } from "./icons.tsx";
import { Invite } from "./invite.tsx";
import type { Kept } from "./keep.ts";
import { isInsideText, Keys } from "./keys.tsx";
import { NewRoom } from "./new-room.tsx";
import type { Place } from "./place.ts";
import { Rooms } from "./rooms.tsx";
import { Seal } from "./seal.tsx";
import { failureText, LOGIN_FAILURES } from "./words.ts";

export type DialogName = "find" | "new" | "invite" | "details" | "seal" | "keys" | "account";

interface ChatProps {
  readonly place: Place;
  readonly view: ChatView;
  readonly login: Kept;
  readonly onLogin: (login: Kept) => void;
  readonly onLeave: (isToForget: boolean) => void;
}

/** Renders again whenever the chat looks different. */
function useView(view: ChatView): void {
  const [, update] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    update(undefined);
    return view.on("change", () => update(undefined));
  }, [view]);
}

const AWAY_MS = 300_000;
const LAST_ROOM = "sealgram-chat room";

/** Whether somebody looks at the page: nothing is read while nobody does. Others are told who is away. */
function useAttention(view: ChatView): boolean {
  const [isLooking, setLooking] = useState(looksNow);
  useLayoutEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      setLooking(looksNow());
      clearTimeout(timer);
      if (looksNow()) view.client.setState("online");
      else timer = setTimeout(() => view.client.setState("away"), AWAY_MS);
    };
    look();
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    addEventListener("blur", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
      removeEventListener("blur", look);
    };
  }, [view]);
  return isLooking;
}

function looksNow(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

export function Chat({ place, view, login, onLogin, onLeave }: ChatProps): VNode {
  const [dialog, setDialog] = useState<DialogName>();
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  /** That one is not in a room any more. */
  const [left, setLeft] = useState<string>();
  useView(view);
  const isLooking = useAttention(view);
  const { timelines, shown } = view;

  const show = (timeline: Timeline) => {
    view.show(timeline);
    localStorage.setItem(LAST_ROOM, `${timeline.room.id}`);
    setDrawerOpen(false);
    setDialog(undefined);
    setLeft(undefined);
  };
  useEffect(() => view.client.on("left", ({ room, by }) => setLeft(leftText(room.name, by))), [view]);
  // There always is one to look at, if there is any: but what is being written is not for another one.
  useLayoutEffect(() => {
    if (shown !== undefined || timelines.length === 0 || left !== undefined) return;
    const last = timelines.find(({ room }) => `${room.id}` === localStorage.getItem(LAST_ROOM));
    view.show(last ?? timelines[0]!);
  }, [view, shown, timelines.length, left]);

  useEffect(() => {
    const unread = timelines.reduce((sum, timeline) => sum + timeline.unread, 0);
    const more = timelines.some(({ hasMoreUnread }) => hasMoreUnread) ? "+" : "";
    const where = shown === undefined ? "" : `${shown.room.name} · `;
    document.title = `${unread > 0 || more ? `(${unread}${more}) ` : ""}${where}${place.name}`;
  });

  useShortcuts((event) => {
    const step = (by: number, isWanted: (timeline: Timeline) => boolean) => {
      const at = shown === undefined ? 0 : timelines.indexOf(shown);
      for (let i = 1; i <= timelines.length; i++) {
        const next = timelines[(at + by * i + i * timelines.length) % timelines.length]!;
        if (next !== shown && isWanted(next)) return show(next);
      }
    };
    const isUnread = (timeline: Timeline) => timeline.unread > 0;
    const isCommand = event.ctrlKey || event.metaKey;
    if (isCommand && event.key.toLowerCase() === "k") setDialog("find");
    else if (isCommand && event.key === "/") setDialog("keys");
    else if (event.key === "?" && !isInsideText(event.target)) setDialog("keys");
    else if (event.altKey && event.key === "ArrowDown") step(1, event.shiftKey ? isUnread : () => true);
    else if (event.altKey && event.key === "ArrowUp") step(-1, event.shiftKey ? isUnread : () => true);
    else if (event.key === "F6") cycleRegions(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && isDrawerOpen) setDrawerOpen(false);
    else return;
    event.preventDefault();
  }, dialog !== undefined);

  const dialogs: Readonly<Record<DialogName, () => VNode | null>> = {
    find: () => <Find view={view} onShow={show} onNew={() => setDialog("new")} onClose={close} />,
    new: () => <NewRoom view={view} onShow={show} onClose={close} />,
    invite: () => <Invite view={view} room={shown?.room} onClose={close} />,
    details: () =>
      shown === undefined ? null : (
        <Details
          view={view}
          timeline={shown}
          onShow={show}
          onInvite={() => setDialog("invite")}
          onClose={close}
        />
      ),
    seal: () => <Seal view={view} place={place} login={login} onClose={close} />,
    keys: () => <Keys onClose={close} />,
    account: () => (
      <Account
        view={view}
        login={login}
        onKeys={() => setDialog("keys")}
        onLogin={onLogin}
        onLeave={onLeave}
        onClose={close}
      />
    ),
  };
  const close = () => setDialog(undefined);

  return (
    <div class={`chat ${isDrawerOpen ? "has-drawer" : ""}`}>
      <Rooms
        place={place}
        view={view}
        isOpen={isDrawerOpen}
        onShow={show}
        onDialog={setDialog}
        onClose={() => setDrawerOpen(false)}
      />
      <main inert={isDrawerOpen}>
        {shown === undefined ? (
          <NoRoom
            isAnywhere={timelines.length > 0}
            left={left}
            onMenu={() => setDrawerOpen(true)}
            onDialog={setDialog}
          />
        ) : (
          <Conversation
            key={shown.room.id}
            view={view}
            timeline={shown}
            isLooking={isLooking}
            onMenu={() => setDrawerOpen(true)}
            onDialog={setDialog}
          />
        )}
        <Notes
          connection={view.connection}
          left={shown === undefined ? undefined : left}
          onRead={() => setLeft(undefined)}
        />
      </main>
      {dialog !== undefined && dialogs[dialog]()}
      {view.connection.kind === "closed" && view.connection.error !== undefined && (
        <Dialog title="The session has ended" role="alertdialog" onClose={() => onLeave(false)}>
          <p>{failureText(view.connection.error, LOGIN_FAILURES)}</p>
          <button type="button" class="primary" onClick={() => onLeave(false)}>
            Back to the login
          </button>
        </Dialog>
      )}
    </div>
  );
}

/**
 * Keys work from the moment at which there is something to see.
 * @param isSuspended while something else has the keyboard
 */
function useShortcuts(handle: (event: KeyboardEvent) => void, isSuspended: boolean): void {
  const current = useRef(handle);
  current.current = handle;
  useLayoutEffect(() => {
    if (isSuspended) return;
    const pressed = (event: KeyboardEvent) => {
      if (!event.isComposing) current.current(event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [isSuspended]);
}

/** The rooms, the messages, the field to write in: the focus goes from one to the next. */
function cycleRegions(by: number): void {
  const regions = [".rooms [aria-current]", ".log", ".composer textarea"]
    .map((selector) => document.querySelector<HTMLElement>(selector))
    .filter((element) => element?.checkVisibility({ visibilityProperty: true }));
  if (regions.length === 0) return;
  const areas = [".rooms", ".log", ".composer"];
  const at = regions.findIndex((region) =>
    areas.some((area) => region!.closest(area)?.contains(document.activeElement)),
  );
  regions[(at + by + regions.length) % regions.length]!.focus();
}

function NoRoom({
  isAnywhere,
  left,
  onMenu,
  onDialog,
}: {
  readonly isAnywhere: boolean;
  readonly left: string | undefined;
  readonly onMenu: () => void;
  readonly onDialog: (name: DialogName) => void;
}): VNode {
  return (
    <div class="conversation">
      <header class="top">
        <IconButton icon="menu" label="Rooms" class="menu" onClick={onMenu} />
        <h1>Welcome</h1>
      </header>
      <div class="empty">
        <p class="left" role="alert">
          {left}
        </p>
        <h2>
          {isAnywhere
            ? "Choose a room"
            : left === undefined
              ? "You are in no room yet"
              : "You are in no room"}
        </h2>
        <p>Find one that is open to everybody, write to somebody, or make a room of your own.</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => onDialog("new")}>
            New room
          </button>
          <button type="button" onClick={() => onDialog("find")}>
            Find a room
          </button>
        </div>
      </div>
    </div>
  );
}

/** What has happened to the connection, and to what is not shown. Over what is there, so that nothing moves. */
function Notes({
  connection,
  left,
  onRead,
}: {
  readonly connection: ConnectionState;
  readonly left: string | undefined;
  readonly onRead: () => void;
}): VNode {
  const wasLost = useRef(false);
  const [isBack, setBack] = useState(false);
  useEffect(() => {
    const isConnected = connection.kind === "connected";
    if (!isConnected) wasLost.current = true;
    else if (wasLost.current) {
      wasLost.current = false;
      setBack(true);
      const timer = setTimeout(() => setBack(false), 4_000);
      return () => clearTimeout(timer);
    }
    setBack(false);
    return undefined;
  }, [connection.kind]);
  return (
    <div class="note" role="status">
      {connection.kind === "disconnected" && (
        <p class="pill warn">
          <span class="spinner" /> Connecting again … What you write is sent then.
        </p>
      )}
      {connection.kind === "connected" && isBack && <p class="pill good">Connected again</p>}
      {left !== undefined && (
        <p class="pill warn">
          {left}
          <IconButton icon="close" label="Close this note" onClick={onRead} />
        </p>
      )}
    </div>
  );
}

function leftText(room: string, by: string | undefined): string {
  return by === undefined ? `You are not in ${room} any more.` : `${by} has taken you out of ${room}.`;
}
