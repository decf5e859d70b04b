/** Lines of JSON as actions: `{"send": "text", "room": "general"}`; the first field says what is to be done. */
import {
  boolean,
  type Check,
  integer,
  Malformed,
  object,
  oneOf,
  optional,
  text,
} from "../../apps/chat/check.ts";
import { Limit } from "../../apps/chat/protocol.ts";
import type { Access, Role } from "../../apps/chat/types.ts";
import { type Action, ActionError } from "./action.ts";

const name: Check<string> = text(1, 256);
const body: Check<string> = text(0, Limit.text);
const path: Check<string> = text(1, 4_096);
const position: Check<number> = integer(1);
const role: Check<Role> = oneOf("owner", "moderator", "member");
const isTrue: Check<true> = (value) => {
  if (value !== true) throw new Malformed("not true");
  return value;
};

interface Fields {
  room?: string | undefined;
  replyTo?: number | undefined;
  id?: string | undefined;
  text?: string | undefined;
  position?: number | undefined;
  before?: number | undefined;
  limit?: number | undefined;
  folder?: string | undefined;
  access?: Access | undefined;
  topic?: string | undefined;
  user?: string | undefined;
  role?: Role | undefined;
  everywhere?: boolean | undefined;
}

const fields: { readonly [Name in keyof Fields]-?: Check<Fields[Name]> } = {
  room: optional(name),
  replyTo: optional(position),
  id: optional(text(22, 22)),
  text: optional(body),
  position: optional(position),
  before: optional(position),
  limit: optional(integer(1, 10_000)),
  folder: optional(path),
  access: optional(oneOf("public", "members")),
  topic: optional(text(0, Limit.topic)),
  user: optional(name),
  role: optional(role),
  everywhere: optional(boolean),
};

/** What may come with a verb, and what it means. */
interface Form {
  readonly value: Check<unknown>;
  readonly more: readonly (keyof Fields)[];
  action(value: unknown, more: Fields): Action;
}

function form<Value>(
  value: Check<Value>,
  more: readonly (keyof Fields)[],
  action: (value: Value, more: Fields) => Action,
): Form {
  return { value, more, action: (given, fields) => action(given as Value, fields) };
}

/** Fields that are absent are not there at all. */
const forms: Readonly<Record<string, Form>> = {
  send: form(body, ["room", "replyTo", "id"], (text, more) => ({ kind: "send", text, ...more }) as Action),
  edit: form(position, ["room", "text"], (position, { text, ...more }) => {
    if (text === undefined) throw new Malformed("text: not a text");
    return { kind: "edit", position, text, ...more };
  }),
  delete: form(position, ["room"], (position, more) => ({ kind: "delete", position, ...more })),
  upload: form(path, ["room", "text"], (path, more) => ({ kind: "upload", path, ...more }) as Action),
  download: form(name, ["room", "folder"], (id, more) => ({ kind: "download", id, ...more }) as Action),
  history: form(isTrue, ["room", "before", "limit"], (_, more) => ({ kind: "history", ...more }) as Action),
  read: form(position, ["room"], (position, more) => ({ kind: "read", position, ...more })),
  typing: form(isTrue, ["room"], (_, more) => ({ kind: "typing", ...more })),
  join: form(name, [], (room) => ({ kind: "join", room })),
  open: form(name, [], (room) => ({ kind: "open", room })),
  leave: form(name, [], (room) => ({ kind: "leave", room })),
  rooms: form(isTrue, [], () => ({ kind: "rooms" })),
  create: form(
    name,
    ["access", "topic"],
    (name, { access = "public", topic }) =>
      ({ kind: "create", name, access, ...(topic === undefined ? {} : { topic }) }) as Action,
  ),
  topic: form(body, ["room"], (text, more) => ({ kind: "topic", text, ...more })),
  direct: form(name, ["text"], (user, more) => ({ kind: "direct", user, ...more }) as Action),
  members: form(isTrue, ["room"], (_, more) => ({ kind: "members", ...more })),
  receipts: form(isTrue, ["room"], (_, more) => ({ kind: "receipts", ...more })),
  add: form(name, ["room"], (user, more) => ({ kind: "add", user, ...more })),
  kick: form(name, ["room", "everywhere"], (user, { room, everywhere = false }) => ({
    kind: "kick",
    user,
    isEverywhere: everywhere,
    room,
  })),
  ban: form(name, ["room", "everywhere"], (user, { room, everywhere = false }) => ({
    kind: "ban",
    user,
    isBanned: true,
    isEverywhere: everywhere,
    room,
  })),
  unban: form(name, ["room", "everywhere"], (user, { room, everywhere = false }) => ({
    kind: "ban",
    user,
    isBanned: false,
    isEverywhere: everywhere,
    room,
  })),
  role: form(role, ["user", "room", "everywhere"], (role, { user, room, everywhere = false }) => {
    if (user === undefined) throw new Malformed("user: not a text");
    return { kind: "role", user, role, room, isEverywhere: everywhere };
  }),
  invite: form(isTrue, ["room", "role"], (_, more) => ({ kind: "invite", ...more }) as Action),
  state: form(oneOf("online", "away"), [], (state) => ({ kind: "state", state })),
  logins: form(isTrue, [], () => ({ kind: "logins" })),
  password_file: form(path, [], (file) => ({ kind: "password", file })),
  key_file: form(path, [], (file) => ({ kind: "key", file })),
  key: form(isTrue, [], () => ({ kind: "key" })),
  forget: form(name, [], (which) => ({ kind: "forget", which })),
  fingerprint: form(isTrue, [], () => ({ kind: "fingerprint" })),
  help: form(isTrue, [], () => ({ kind: "help" })),
  quit: form(isTrue, [], () => ({ kind: "quit" })),
};

/** What comes back with everything that an action leads to. */
export type Tag = string | number | undefined;

const tagCheck: Check<Tag> = (value) => {
  if (value !== undefined && typeof value !== "number") return text(0, 256)(value);
  return value;
};

/** @throws ActionError, which has the tag if it could be read */
export function parseJsonLine(line: string): { action: Action; tag: Tag } {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    throw new ActionError("not JSON");
  }
  const [verb] = Object.keys(value);
  const found = verb !== undefined && Object.hasOwn(forms, verb) ? forms[verb] : undefined;
  if (found === undefined) {
    throw new ActionError(`the first field says what to do: ${Object.keys(forms).join(", ")}`);
  }
  const checks = Object.fromEntries(found.more.map((name) => [name, fields[name]]));
  try {
    const {
      [verb!]: given,
      tag,
      ...more
    } = object<Record<string, unknown>>({
      ...checks,
      tag: tagCheck,
      [verb!]: found.value,
    })(value);
    return { action: found.action(given, more as Fields), tag: tag as Tag };
  } catch (error) {
    if (error instanceof Malformed) throw new ActionError(error.message);
    throw error;
  }
}
