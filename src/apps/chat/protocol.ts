/**
 * What a chat's client and server say to each other, version 1.
 *
 * The client opens a bidirectional stream, the channel, on which each message is JSON behind its length. JSON, as every
 * runtime has a parser that is fast and has seen everything, and no message has bytes to carry: attachments have streams
 * of their own. Every message is checked, field by field, before anything is done with it; what is not known is an error.
 *
 * - client: `[number, method, parameters]`, answered in any order; the first is `hello`
 * - client: `[0, method, parameters]`, which is not answered
 * - server: `[number, result]` or `[number, null, error]`
 * - server: `[name, event]`
 */
import type { StoredRecord } from "../../login/index.ts";
import {
  boolean,
  type Check,
  integer,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  pattern,
  text,
  variant,
} from "./check.ts";
import type {
  Access,
  AttachmentInfo,
  Credential,
  Entry,
  Member,
  Receipt,
  Role,
  RoomInfo,
  UserInfo,
} from "./types.ts";

export const VERSION = 1;

/** The application protocol of the sessions (ALPN). */
export const CHAT_PROTOCOL = "sealgram-chat";

/** In bytes of UTF-8, or items. */
export const Limit = {
  text: 65_536,
  name: 64,
  topic: 1_024,
  /** Of entries in one answer, besides their number. */
  pageBytes: 262_144,
  page: 200,
  /** A text of control characters is six times as long in JSON. */
  clientMessage: 524_288,
  serverMessage: 4_194_304,
  datagram: 1_024,
} as const;

/** Rooms with more members do not push receipts, presence and typing: those who want to know ask. */
export const SMALL_ROOM = 64;

/** Codes of a session's end, for people and programs alike. */
export const CloseCode = {
  done: 0,
  malformed: 1,
  /** The client reads too slowly; it may come back, and catch up. */
  too_slow: 2,
  flood: 3,
  banned: 4,
  removed: 5,
  /** Another version, or a peer that nobody knows. */
  refused: 6,
  restarting: 7,
} as const;

export type ErrorCode =
  | "malformed"
  | "unknown_method"
  | "not_now"
  | "version"
  | "not_found"
  | "not_a_member"
  | "not_allowed"
  | "banned"
  | "name_taken"
  | "too_many"
  | "too_large"
  | "deleted"
  | "invitation_used"
  | "rate_limited"
  | "internal";

/** A request that was refused. `code` is stable; nothing has changed by the request. */
export class ChatError extends Error {
  override readonly name: string = "ChatError";
  readonly code: ErrorCode | "disconnected" | "closed";
  /** For `rate_limited`: when to try again. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ChatError["code"], message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Parameters and results of each method. */
export interface Methods {
  hello: {
    params: { version: number };
    result: { user?: UserInfo; rooms: RoomInfo[]; server: string; epoch: string };
  };
  /** Makes a user, by the session that an invitation's secret has opened. `id` makes it the same one if it is repeated. */
  "invitation.redeem": {
    params: { id: string; name: string; credential: Credential };
    result: { user: UserInfo };
  };
  /** The record of the identity `invitation:…`: the server never sees the secret. */
  "invitation.create": {
    params: { record: StoredRecord; room?: number; role?: Role; validMs: number };
    result: Empty;
  };
  "credential.set": { params: { credential: Credential }; result: Empty };
  "user.ban": { params: { user: string; isBanned: boolean }; result: Empty };
  "user.remove": { params: { user: string }; result: Empty };
  "rooms.list": { params: { after?: string }; result: { rooms: RoomInfo[]; more: boolean } };
  "room.create": { params: { name: string; topic?: string; access: Access }; result: { room: RoomInfo } };
  "room.join": { params: { room: number }; result: { room: RoomInfo } };
  "room.add": { params: { room: number; user: string }; result: Empty };
  "room.leave": { params: { room: number }; result: Empty };
  "room.topic": { params: { room: number; topic: string }; result: Empty };
  "room.members": { params: { room: number; after?: string }; result: { members: Member[]; more: boolean } };
  "room.role": { params: { room: number; user: string; role: Role }; result: Empty };
  "room.remove": { params: { room: number; user: string }; result: Empty };
  "room.ban": { params: { room: number; user: string; isBanned: boolean }; result: Empty };
  "direct.open": { params: { user: string }; result: { room: RoomInfo } };
  /**
   * What came after a position, oldest first; without one, the newest. When there is no more, this session gets all that
   * comes from then on as events: nothing twice, nothing left out.
   */
  "room.sync": {
    params: { room: number; after?: number; limit?: number };
    result: { entries: Entry[]; more: boolean };
  };
  /** What came before a position, newest last. */
  "room.history": {
    params: { room: number; before?: number; limit?: number };
    result: { entries: Entry[]; more: boolean };
  };
  "room.receipts": {
    params: { room: number; after?: string };
    result: { receipts: Receipt[]; more: boolean };
  };
  /** `id` makes it the same message however often it is sent. */
  "message.send": {
    params: { room: number; id: string; text: string; replyTo?: number; attachment?: string };
    result: { position: number; timeMs: number };
  };
  "message.edit": { params: { room: number; position: number; text: string }; result: Empty };
  "message.delete": { params: { room: number; position: number }; result: Empty };
  /** Not answered. Positions only ever go up. */
  receipt: { params: { room: number; delivered?: number; read?: number }; result: Empty };
}

export type Empty = Record<never, never>;
export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M]["params"];
export type Result<M extends Method> = Methods[M]["result"];

/** What a server tells without being asked. */
export interface Events {
  /** Of a room that is in sync. */
  entry: { room: number; entry: Entry };
  /** A room that the user is in now, or that has changed. */
  room: { room: RoomInfo };
  /** A room that the user is not in any more. */
  left: { room: number };
  receipts: { room: number; receipts: Receipt[] };
}

export type EventName = keyof Events;

/** On datagrams, which may be lost: `[kind, room, …]`. */
export type Signal =
  | { readonly kind: "typing"; readonly room: number; readonly user?: string }
  | { readonly kind: "presence"; readonly users: readonly PresenceChange[] }
  | { readonly kind: "state"; readonly state: PresenceState };

export type PresenceState = "online" | "away" | "offline";

export interface PresenceChange {
  readonly user: string;
  readonly state: PresenceState;
  /** Of two states of a user, the one with the higher number is newer. */
  readonly number: number;
}

const room: Check<number> = integer(1);
const position: Check<number> = integer(0);
const timeMs: Check<number> = integer(0);
const count: Check<number> = integer(0);
const userForm: Check<string> = pattern(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31}$/u);
/** In form NFC, in which logins have it. */
export const userName: Check<string> = (value) => {
  const name = userForm(value);
  if (name.normalize("NFC") !== name) throw new Malformed("not in form NFC");
  return name;
};
const roomName: Check<string> = pattern(/^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,31}$/u);
const topic: Check<string> = text(0, Limit.topic);
const role: Check<Role> = oneOf("owner", "moderator", "member");
const access: Check<Access> = oneOf("public", "members");
/** 128 bits of chance, in base64url. */
export const messageId: Check<string> = pattern(/^[\w-]{22}$/);
const base64: Check<string> = pattern(/^[A-Za-z0-9+/]{0,1024}={0,2}$/);
const body: Check<string> = text(0, Limit.text);
const empty: Check<Empty> = object<Empty>({});

const userInfo: Check<UserInfo> = object<UserInfo>({ name: userName, role });
const roomInfo: Check<RoomInfo> = object<RoomInfo>({
  id: room,
  kind: oneOf("room", "direct"),
  name: text(0, 256),
  topic,
  access,
  members: count,
  head: position,
  role: optional(role),
  delivered: optional(position),
  read: optional(position),
});
export const attachmentInfo: Check<AttachmentInfo> = object<AttachmentInfo>({
  id: messageId,
  name: text(1, 255),
  type: text(0, 255),
  bytes: count,
});
const entry: Check<Entry> = variant<Entry>({
  message: object({
    kind: oneOf("message"),
    position,
    timeMs,
    author: userName,
    id: messageId,
    text: body,
    replyTo: optional(position),
    attachment: optional(attachmentInfo),
    editedMs: optional(timeMs),
    isDeleted: optional(boolean),
  }),
  edit: object({ kind: oneOf("edit"), position, timeMs, author: userName, target: position, text: body }),
  delete: object({ kind: oneOf("delete"), position, timeMs, author: userName, target: position }),
  join: object({ kind: oneOf("join"), position, timeMs, author: userName }),
  leave: object({ kind: oneOf("leave"), position, timeMs, author: userName, by: optional(userName) }),
  topic: object({ kind: oneOf("topic"), position, timeMs, author: userName, text: topic }),
});
const member: Check<Member> = object<Member>({
  user: userName,
  role,
  presence: oneOf("online", "away", "offline"),
});
const receipt: Check<Receipt> = object<Receipt>({ user: userName, delivered: position, read: position });
const storedRecord: Check<StoredRecord> = object<StoredRecord>({
  identity: text(1, 64 + 128),
  serverIdentity: text(0, 0),
  iterations: integer(30_000, 10_000_000),
  salt: base64,
  w0: base64,
  L: base64,
  w0M: base64,
  w0N: base64,
});
const credential: Check<Credential> = variant<Credential>({
  password: object({
    kind: oneOf("password"),
    record: storedRecord,
  }),
  psk: object({ kind: oneOf("psk") }),
  key: object({ kind: oneOf("key"), publicKey: base64 }),
});
const page: Check<number | undefined> = optional(integer(1, Limit.page));
const entries: Check<{ entries: Entry[]; more: boolean }> = object<Result<"room.sync">>({
  entries: list(entry, Limit.page),
  more: boolean,
});

/** How parameters and results are checked. */
export const methods: {
  readonly [M in Method]: { readonly params: Check<Params<M>>; readonly result: Check<Result<M>> };
} = {
  hello: {
    params: object({ version: integer(1) }),
    result: object({
      user: optional(userInfo),
      rooms: list(roomInfo, 10_000),
      server: text(0, 256),
      epoch: text(1, 64),
    }),
  },
  "invitation.redeem": {
    params: object({ id: messageId, name: userName, credential }),
    result: object({ user: userInfo }),
  },
  "invitation.create": {
    params: object({
      record: storedRecord,
      room: optional(room),
      role: optional(role),
      validMs: integer(1_000, 31_622_400_000),
    }),
    result: empty,
  },
  "credential.set": { params: object({ credential }), result: empty },
  "user.ban": { params: object({ user: userName, isBanned: boolean }), result: empty },
  "user.remove": { params: object({ user: userName }), result: empty },
  "rooms.list": {
    params: object({ after: optional(text(0, 256)) }),
    result: object({ rooms: list(roomInfo, Limit.page), more: boolean }),
  },
  "room.create": {
    params: object({ name: roomName, topic: optional(topic), access }),
    result: object({ room: roomInfo }),
  },
  "room.join": { params: object({ room }), result: object({ room: roomInfo }) },
  "room.add": { params: object({ room, user: userName }), result: empty },
  "room.leave": { params: object({ room }), result: empty },
  "room.topic": { params: object({ room, topic }), result: empty },
  "room.members": {
    params: object({ room, after: optional(userName) }),
    result: object({ members: list(member, Limit.page), more: boolean }),
  },
  "room.role": { params: object({ room, user: userName, role }), result: empty },
  "room.remove": { params: object({ room, user: userName }), result: empty },
  "room.ban": { params: object({ room, user: userName, isBanned: boolean }), result: empty },
  "direct.open": { params: object({ user: userName }), result: object({ room: roomInfo }) },
  "room.sync": { params: object({ room, after: optional(position), limit: page }), result: entries },
  "room.history": { params: object({ room, before: optional(position), limit: page }), result: entries },
  "room.receipts": {
    params: object({ room, after: optional(userName) }),
    result: object({ receipts: list(receipt, Limit.page), more: boolean }),
  },
  "message.send": {
    params: object({
      room,
      id: messageId,
      text: body,
      replyTo: optional(position),
      attachment: optional(messageId),
    }),
    result: object({ position, timeMs }),
  },
  "message.edit": { params: object({ room, position, text: body }), result: empty },
  "message.delete": { params: object({ room, position }), result: empty },
  receipt: {
    params: object({ room, delivered: optional(position), read: optional(position) }),
    result: empty,
  },
};

/** How events are checked. */
export const events: { readonly [E in EventName]: Check<Events[E]> } = {
  entry: object({ room, entry }),
  room: object({ room: roomInfo }),
  left: object({ room }),
  receipts: object({ room, receipts: list(receipt, 10_000) }),
};

export const signal: Check<Signal> = variant<Signal>({
  typing: object({ kind: oneOf("typing"), room, user: optional(userName) }),
  presence: object({
    kind: oneOf("presence"),
    users: list(
      object<PresenceChange>({
        user: userName,
        state: oneOf("online", "away", "offline"),
        number: count,
      }),
      256,
    ),
  }),
  state: object({ kind: oneOf("state"), state: oneOf("online", "away", "offline") }),
});

/** The first message on a stream for an attachment, which the server answers before and after its bytes. */
export type Transfer =
  | {
      readonly kind: "upload";
      readonly room: number;
      readonly id: string;
      readonly name: string;
      readonly type: string;
      readonly bytes: number;
    }
  | { readonly kind: "download"; readonly room: number; readonly id: string }
  | { readonly kind: "channel" };

export const transfer: Check<Transfer> = variant<Transfer>({
  upload: object({
    kind: oneOf("upload"),
    room,
    id: messageId,
    name: text(1, 255),
    type: text(0, 255),
    bytes: count,
  }),
  download: object({ kind: oneOf("download"), room, id: messageId }),
  channel: object({ kind: oneOf("channel") }),
});

/** The server's answer on such a stream. */
export interface TransferAnswer {
  readonly attachment?: AttachmentInfo;
  readonly error?: { readonly code: string; readonly message: string };
}

export const transferAnswer: Check<TransferAnswer> = object<TransferAnswer>({
  attachment: optional(attachmentInfo),
  error: optional(object({ code: text(1, 64), message: text(0, 1024) })),
});
