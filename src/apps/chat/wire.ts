/** How what comes from the other side is checked, field by field, before anything is done with it. */
import type { StoredRecord } from "../../login/index.ts";
import {
  boolean,
  type Check,
  integer,
  line,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  pattern,
  text,
  variant,
} from "./check.ts";
import {
  type Empty,
  type ErrorCode,
  type EventName,
  type Events,
  Limit,
  type Method,
  type Params,
  type PresenceChange,
  type Refusal,
  type Result,
  type Signal,
  type Transfer,
  type TransferAnswer,
} from "./protocol.ts";
import type {
  Access,
  AttachmentInfo,
  Credential,
  CredentialInfo,
  CredentialKind,
  Entry,
  Member,
  Receipt,
  Role,
  RoomInfo,
  UserInfo,
} from "./types.ts";

/** Numbers that something can be added to, or counted up from. */
const MAX_NUMBER = 2 ** 52;
/** The last millisecond of the year 9999: what is behind it no calendar writes, and from 8.64e15 on no `Date` takes. */
const MAX_TIME_MS = 253_402_300_799_999;

const room: Check<number> = integer(1, MAX_NUMBER);
const position: Check<number> = integer(0, MAX_NUMBER);
const timeMs: Check<number> = integer(0, MAX_TIME_MS);
const count: Check<number> = integer(0, MAX_NUMBER);
const userForm: Check<string> = pattern(/^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31}$/u);
const roomForm: Check<string> = pattern(/^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,31}$/u);

/** In form NFC, in which logins have it, and with nothing in it that nobody sees: some letters and marks are invisible. */
function visible(form: Check<string>): Check<string> {
  return (value) => {
    const name = form(value);
    if (name.normalize("NFC") !== name) throw new Malformed("not in form NFC");
    if (/\p{Default_Ignorable_Code_Point}/u.test(name))
      throw new Malformed("a name with invisible characters");
    return name;
  };
}

export const userName: Check<string> = visible(userForm);
export const roomName: Check<string> = visible(roomForm);
export const serverName: Check<string> = line(0, 256);
const topic: Check<string> = line(0, Limit.topic);
const role: Check<Role> = oneOf("owner", "moderator", "member");
const access: Check<Access> = oneOf("public", "members");
/** 128 bits of chance, in base64url. */
const messageId: Check<string> = pattern(/^[\w-]{22}$/);
const base64: Check<string> = pattern(/^[A-Za-z0-9+/]{0,1024}={0,2}$/);
const body: Check<string> = text(0, Limit.text);
const empty: Check<Empty> = object<Empty>({});

const userInfo: Check<UserInfo> = object<UserInfo>({ name: userName, role });
const roomInfo: Check<RoomInfo> = object<RoomInfo>({
  id: room,
  kind: oneOf("room", "direct"),
  name: line(0, 256),
  topic,
  access,
  members: count,
  head: position,
  role: optional(role),
  delivered: optional(position),
  read: optional(position),
});
const attachmentInfo: Check<AttachmentInfo> = object<AttachmentInfo>({
  id: messageId,
  name: line(1, 255),
  type: line(0, 255),
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
const credentialKind: Check<CredentialKind> = oneOf("password", "psk", "key");
const credentialId: Check<string> = line(1, 128);
const credentialInfo: Check<CredentialInfo> = object<CredentialInfo>({
  kind: credentialKind,
  id: credentialId,
  addedMs: timeMs,
});
const credential: Check<Credential> = variant<Credential>({
  password: object({
    kind: oneOf("password"),
    record: storedRecord,
  }),
  psk: object({ kind: oneOf("psk"), context: messageId }),
  key: object({ kind: oneOf("key"), publicKey: base64, scheme: integer(0, 65_535), signature: base64 }),
});
const invited: Check<{ invited: string[] }> = object({ invited: list(userName, Limit.page) });
const page: Check<number | undefined> = optional(integer(1, Limit.page));
const entries: Check<{ entries: Entry[]; more: boolean }> = object<Result<"room.sync">>({
  entries: list(entry, Limit.page),
  more: boolean,
});

/** Why a request is refused. */
export const refusal: Check<Refusal> = object<Refusal>({
  code: pattern(/^[a-z_]{1,64}$/) as Check<ErrorCode>,
  message: line(0, 1_024),
  retryAfterMs: optional(integer(0, 600_000)),
});

/** How parameters and results are checked. */
export const methods: {
  readonly [M in Method]: { readonly params: Check<Params<M>>; readonly result: Check<Result<M>> };
} = {
  hello: {
    params: object({ version: count }),
    result: object({
      user: optional(userInfo),
      rooms: list(roomInfo, 10_000),
      server: serverName,
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
  "credential.list": { params: empty, result: object({ credentials: list(credentialInfo, 100) }) },
  "credential.add": { params: object({ credential }), result: empty },
  "credential.remove": { params: object({ kind: credentialKind, id: credentialId }), result: empty },
  "users.find": {
    params: object({ prefix: text(1, 128) }),
    result: object({ users: list(userName, Limit.found) }),
  },
  "user.role": { params: object({ user: userName, role }), result: empty },
  "user.ban": { params: object({ user: userName, isBanned: boolean }), result: invited },
  "user.remove": { params: object({ user: userName }), result: invited },
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
  user: object({ user: userInfo }),
  entry: object({ room, entry }),
  room: object({ room: roomInfo }),
  left: object({ room, by: optional(userName) }),
  receipts: object({ room, receipts: list(receipt, 10_000) }),
};

export const signal: Check<Signal> = variant<Signal>({
  typing: object({ kind: oneOf("typing"), room, position, user: optional(userName) }),
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
  state: object({ kind: oneOf("state"), state: oneOf("online", "away", "offline"), number: count }),
});

export const transfer: Check<Transfer> = variant<Transfer>({
  upload: object({
    kind: oneOf("upload"),
    room,
    id: messageId,
    name: line(1, 255),
    type: line(0, 255),
    bytes: count,
  }),
  download: object({ kind: oneOf("download"), room, id: messageId }),
  channel: object({ kind: oneOf("channel") }),
});

export const transferAnswer: Check<TransferAnswer> = object<TransferAnswer>({
  attachment: optional(attachmentInfo),
  error: optional(refusal),
});
