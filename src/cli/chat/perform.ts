/** Does what a user asks for, and answers what came of it. */
import {
  ChatError,
  type ChatRoom,
  type Client,
  type Member,
  type MessageEntry,
  type Receipt,
  type RoomInfo,
  type Stored,
} from "../../apps/chat/client/entry.ts";
import { fold } from "../../apps/chat/names.ts";
import { type Action, ActionError } from "./action.ts";
import { downloadFile, downloadsFolder, expandHome, type FileToSend, fileToSend } from "./files.ts";
import { type LoginOutcome, type LoginPlace, performLogin } from "./perform-login.ts";
import { slashHelp } from "./slash.ts";

/** Where an action is asked for. */
export interface Place extends LoginPlace {
  readonly client: Client;
  readonly room: ChatRoom | undefined;
  /** Where downloads go unless the action says so. */
  readonly downloads: string | undefined;
  /** The position of the last message that this user, or somebody else, has written, of those that came lately. */
  lastOf(room: ChatRoom, whose: "own" | "other"): number | undefined;
  /** The attachment of the message at a position; of the last that has one, unless given. */
  attachmentAt(room: ChatRoom, position: number | undefined): { readonly id: string } | undefined;
  /** Sends a message. Settles when it is stored, or at once, with nothing, where it is seen on its way. */
  send(room: ChatRoom, text: string, options: SendingOptions): Promise<StoredMessage | undefined>;
  /** Sends a file in a message of its own, and settles as {@link send}. */
  sendFile(room: ChatRoom, file: FileToSend, text: string): Promise<StoredFile | undefined>;
  /** How much of a download is there. */
  progress(path: string, bytes: number, ofBytes: number): void;
}

export interface SendingOptions {
  readonly id?: string | undefined;
  readonly replyTo?: number | undefined;
}

export type StoredMessage = Stored & { readonly id: string };

export interface StoredFile {
  readonly position: number;
  readonly attachment: { readonly id: string; readonly name: string };
}

/** What came of an action: an event for programs, of which `describeOutcome` makes lines. */
export type Outcome =
  | {
      readonly event: "stored";
      readonly room: ChatRoom;
      readonly id: string;
      readonly position: number;
      readonly timeMs: number;
    }
  | { readonly event: "opened"; readonly room: ChatRoom }
  | { readonly event: "rooms"; readonly rooms: readonly RoomInfo[] }
  | { readonly event: "members"; readonly room: ChatRoom; readonly members: readonly Member[] }
  /** Who has come by invitations of a user that was banned or removed. */
  | { readonly event: "excluded"; readonly invited: readonly string[] }
  | { readonly event: "receipts"; readonly room: ChatRoom; readonly receipts: readonly Receipt[] }
  | {
      readonly event: "history";
      readonly room: ChatRoom;
      readonly messages: readonly MessageEntry[];
      readonly more: boolean;
    }
  | { readonly event: "topic_is"; readonly room: ChatRoom; readonly topic: string }
  | {
      readonly event: "uploaded";
      readonly room: ChatRoom;
      readonly position: number;
      readonly attachment: { readonly id: string; readonly name: string };
    }
  | { readonly event: "downloaded"; readonly path: string; readonly bytes: number }
  | { readonly event: "invitation"; readonly link: string }
  | LoginOutcome
  | { readonly event: "fingerprint"; readonly fingerprint: string | undefined }
  | { readonly event: "help"; readonly lines: readonly string[] }
  | { readonly event: "quit" }
  | { readonly event: "done"; readonly action: Action["kind"] };

const DEFAULT_HISTORY = 20;

/** @throws ActionError, ChatError */
export async function perform(action: Action, place: Place): Promise<Outcome> {
  const { client } = place;
  const done = { event: "done", action: action.kind } as const;
  switch (action.kind) {
    case "send":
      return send(place, roomOf(place, action.room), action.text, { id: action.id, replyTo: action.replyTo });
    case "reply": {
      const room = roomOf(place, action.room);
      const replyTo = action.position ?? place.lastOf(room, "other");
      if (replyTo === undefined) throw new ActionError("which message? say its number, as #12");
      return send(place, room, action.text, { replyTo });
    }
    case "edit": {
      const room = roomOf(place, action.room);
      await room.edit(ownPosition(place, room, action.position), action.text);
      return done;
    }
    case "delete": {
      const room = roomOf(place, action.room);
      await room.delete(ownPosition(place, room, action.position));
      return done;
    }
    case "upload": {
      const room = roomOf(place, action.room);
      const stored = await place.sendFile(room, await fileToSend(action.path), action.text ?? "");
      return stored === undefined ? done : { event: "uploaded", room, ...stored };
    }
    case "download": {
      const room = roomOf(place, action.room);
      const id = action.id ?? place.attachmentAt(room, action.position)?.id;
      if (id === undefined) throw new ActionError("there is no such attachment here");
      const folder = expandHome(action.folder ?? place.downloads ?? (await downloadsFolder()));
      const { path, attachment } = await downloadFile(room, id, folder, (bytes, of) =>
        place.progress(folder, bytes, of),
      );
      return { event: "downloaded", path, bytes: attachment.bytes };
    }
    case "history": {
      const room = roomOf(place, action.room);
      const { limit = DEFAULT_HISTORY, before } = action;
      return { event: "history", room, ...(await messagesBefore(room, before, limit)) };
    }
    case "read":
      roomOf(place, action.room).markRead(action.position);
      return done;
    case "typing":
      roomOf(place, action.room).typing();
      return done;
    case "open":
      return { event: "opened", room: roomOf(place, action.room) };
    case "join":
      return { event: "opened", room: found(client, action.room) ?? (await client.join(action.room)) };
    case "leave":
      await roomOf(place, action.room).leave();
      return done;
    case "rooms":
      return { event: "rooms", rooms: await client.listRooms() };
    case "create": {
      const { name, access, topic } = action;
      const room = await client.createRoom(name, { access, ...(topic === undefined ? {} : { topic }) });
      return { event: "opened", room };
    }
    case "topic": {
      const room = roomOf(place, action.room);
      if (action.text === undefined) return { event: "topic_is", room, topic: room.topic };
      await room.setTopic(action.text);
      return done;
    }
    case "direct": {
      const room = await client.direct(action.user);
      if (action.text !== undefined && action.text !== "") await place.send(room, action.text, {});
      return { event: "opened", room };
    }
    case "members": {
      const room = roomOf(place, action.room);
      return { event: "members", room, members: await room.members() };
    }
    case "receipts": {
      const room = roomOf(place, action.room);
      return { event: "receipts", room, receipts: await room.receipts() };
    }
    case "add":
      await roomOf(place, action.room).add(action.user);
      return done;
    case "kick":
      if (action.isEverywhere) return { event: "excluded", invited: await client.removeUser(action.user) };
      await roomOf(place, action.room).remove(action.user);
      return done;
    case "ban":
      if (action.isEverywhere)
        return { event: "excluded", invited: await client.ban(action.user, action.isBanned) };
      await roomOf(place, action.room).ban(action.user, action.isBanned);
      return done;
    case "role":
      if (action.isEverywhere) await client.setRole(action.user, action.role);
      else await roomOf(place, action.room).setRole(action.user, action.role);
      return done;
    case "invite": {
      const room = action.room === undefined ? undefined : roomOf(place, action.room);
      const { role } = action;
      const link = await client.invite({
        ...(room === undefined ? {} : { room }),
        ...(role === undefined ? {} : { role }),
      });
      return { event: "invitation", link };
    }
    case "state":
      client.setState(action.state);
      return done;
    case "logins":
    case "password":
    case "key":
    case "forget":
      return performLogin(action, client.login, place);
    case "fingerprint":
      return { event: "fingerprint", fingerprint: client.link.serverKey };
    case "help":
      return { event: "help", lines: slashHelp() };
    case "quit":
      return { event: "quit" };
  }
}

async function send(place: Place, room: ChatRoom, text: string, options: SendingOptions): Promise<Outcome> {
  const stored = await place.send(room, text, options);
  return stored === undefined ? { event: "done", action: "send" } : { event: "stored", room, ...stored };
}

/** A room that this user is in: by `@user`, its name, or its number. */
export function found(client: Client, name: string): ChatRoom | undefined {
  const folded = fold(name).replace(/^#/, "");
  const rooms = [...client.rooms.values()];
  if (folded.startsWith("@")) {
    return rooms.find((room) => room.kind === "direct" && fold(room.name) === folded.slice(1));
  }
  return (
    rooms.find((room) => room.kind === "room" && fold(room.name) === folded) ??
    (/^\d+$/.test(folded) ? client.rooms.get(Number(folded)) : undefined)
  );
}

function roomOf(place: Place, name: string | undefined): ChatRoom {
  const room = name === undefined ? place.room : found(place.client, name);
  if (room !== undefined) return room;
  if (name !== undefined) throw new ChatError("not_a_member", "you are in no such room");
  throw new ActionError("you are in no room: /rooms lists them, /join ROOM enters one");
}

function ownPosition(place: Place, room: ChatRoom, position: number | undefined): number {
  const own = position ?? place.lastOf(room, "own");
  if (own === undefined) throw new ActionError("which message? say its number, as #12");
  return own;
}

const PAGE = 200;

/** The last messages before a position, the newest last, as they are now. */
export async function messagesBefore(
  room: ChatRoom,
  position: number | undefined,
  limit: number,
): Promise<{ messages: MessageEntry[]; more: boolean }> {
  const messages: MessageEntry[] = [];
  let before = position;
  for (;;) {
    const page = await room.history({ limit: PAGE, ...(before === undefined ? {} : { before }) });
    const fresh = page.entries.filter(
      (entry) => entry.kind === "message" && !entry.isDeleted,
    ) as MessageEntry[];
    messages.unshift(...fresh);
    const more = page.more && page.entries.length > 0;
    if (messages.length >= limit || !more) {
      return { messages: messages.slice(-limit), more: more || messages.length > limit };
    }
    before = page.entries[0]!.position;
  }
}

/**
 * The room to begin in: as it is named, which is joined; or of those that the user is in, general or the only one.
 * @returns nothing where there is no such
 */
export async function firstRoom(client: Client, wanted: string | undefined): Promise<ChatRoom | undefined> {
  if (wanted !== undefined) {
    const own = found(client, wanted);
    return own ?? (wanted.startsWith("@") ? client.direct(wanted.slice(1)) : client.join(wanted));
  }
  const own = [...client.rooms.values()].filter(({ kind }) => kind === "room");
  return found(client, "general") ?? (own.length === 1 ? own[0] : undefined);
}
