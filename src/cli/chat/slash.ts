/** Slash commands. */
import type { Role } from "../../apps/chat/client/entry.ts";
import { type Action, ActionError } from "./action.ts";
import { tailOf } from "./tail.ts";

export interface SlashCommand {
  readonly name: string;
  /** What follows the name. */
  readonly usage: string;
  readonly summary: string;
  /** What its first argument names, for completion. */
  readonly names?: "room" | "user" | "file";
  /** @throws ActionError */
  parse(argument: string): Action;
}

export const slashCommands: readonly SlashCommand[] = [
  { name: "help", usage: "", summary: "this list", parse: nothing({ kind: "help" }) },
  {
    name: "join",
    usage: "ROOM",
    summary: "enters a room, or goes to it",
    names: "room",
    parse: (argument) => ({ kind: "join", room: required(argument, "which room?") }),
  },
  {
    name: "leave",
    usage: "[ROOM]",
    summary: "leaves a room: this one unless named",
    names: "room",
    parse: (room) => ({ kind: "leave", ...(room === "" ? {} : { room }) }),
  },
  { name: "rooms", usage: "", summary: "rooms that there are", parse: nothing({ kind: "rooms" }) },
  {
    name: "create",
    usage: "ROOM [members]",
    summary: "makes a room; for members only, if you say so",
    parse(argument) {
      const begin = tailOf(argument, /\S/u);
      const last = argument.slice(begin);
      const access = begin > 0 && (last === "public" || last === "members") ? last : undefined;
      const name = access === undefined ? argument : argument.slice(0, begin).trimEnd();
      return {
        kind: "create",
        name: required(name, "which name?"),
        access: access === "members" ? "members" : "public",
      };
    },
  },
  {
    name: "topic",
    usage: "[TEXT]",
    summary: "tells the room's topic, or sets it",
    parse: (text) => ({ kind: "topic", ...(text === "" ? {} : { text }) }),
  },
  {
    name: "msg",
    usage: "USER [TEXT]",
    summary: "a direct conversation",
    names: "user",
    parse(argument) {
      const [user, text] = split(required(argument, "to whom?"));
      return { kind: "direct", user: withoutAt(user), ...(text === "" ? {} : { text }) };
    },
  },
  { name: "members", usage: "", summary: "who is in the room", parse: nothing({ kind: "members" }) },
  {
    name: "history",
    usage: "[N]",
    summary: "the last messages, with their numbers",
    parse(argument) {
      if (argument === "") return { kind: "history" };
      if (!/^[1-9]\d{0,4}$/.test(argument)) throw new ActionError("how many messages?");
      return { kind: "history", limit: Number(argument) };
    },
  },
  {
    name: "reply",
    usage: "[#NUMBER] TEXT",
    summary: "answers a message: the selected, or the last one",
    parse: (argument) => ({ kind: "reply", ...targeted(argument) }),
  },
  {
    name: "edit",
    usage: "[#NUMBER] TEXT",
    summary: "changes your last message, or another of yours",
    parse: (argument) => ({ kind: "edit", ...targeted(argument) }),
  },
  {
    name: "delete",
    usage: "[#NUMBER]",
    summary: "deletes your last message, or another",
    parse: (argument) => ({ kind: "delete", ...positionOnly(argument) }),
  },
  {
    name: "upload",
    usage: "FILE",
    summary: "sends a file",
    names: "file",
    parse: (argument) => ({ kind: "upload", path: required(argument, "which file?") }),
  },
  {
    name: "download",
    usage: "[#NUMBER] [FOLDER]",
    summary: "saves the last attachment, or another",
    parse(argument) {
      const { position, rest } = numbered(argument);
      return {
        kind: "download",
        ...(position === undefined ? {} : { position }),
        ...(rest === "" ? {} : { folder: rest }),
      };
    },
  },
  {
    name: "me",
    usage: "TEXT",
    summary: "says what you do",
    // As XEP-0245 has it: the text begins so, and whoever shows it puts the name in its place.
    parse: (argument) => ({ kind: "send", text: `/me ${required(argument, "what do you do?")}` }),
  },
  {
    name: "away",
    usage: "",
    summary: "tells others that you are away",
    parse: nothing({ kind: "state", state: "away" }),
  },
  {
    name: "back",
    usage: "",
    summary: "tells others that you are back",
    parse: nothing({ kind: "state", state: "online" }),
  },
  {
    name: "add",
    usage: "USER",
    summary: "puts somebody into the room",
    names: "user",
    parse: (user) => ({ kind: "add", user: one(user) }),
  },
  {
    name: "kick",
    usage: "USER [everywhere]",
    summary: "out of the room, or off the server, logins and all",
    names: "user",
    parse(argument) {
      const { user, isEverywhere } = whomAndWhere(argument);
      return { kind: "kick", user, isEverywhere };
    },
  },
  {
    name: "ban",
    usage: "USER [everywhere]",
    summary: "out of the room for good, or of the server",
    names: "user",
    parse: (argument) => ban(argument, true),
  },
  {
    name: "unban",
    usage: "USER [everywhere]",
    summary: "takes that back",
    names: "user",
    parse: (argument) => ban(argument, false),
  },
  {
    name: "role",
    usage: "USER ROLE [everywhere]",
    summary: "owner, moderator or member, here or on the server",
    names: "user",
    parse(argument) {
      const [user, rest] = split(required(argument, "whose role?"));
      const [role, where] = split(rest);
      return {
        kind: "role",
        user: withoutAt(user),
        role: roleOf(role),
        isEverywhere: isEverywhere(where, "in the room, or everywhere"),
      };
    },
  },
  {
    name: "invite",
    usage: "[ROOM]",
    summary: "a link that lets one person in, once",
    names: "room",
    parse: (room) => ({ kind: "invite", ...(room === "" ? {} : { room }) }),
  },
  { name: "logins", usage: "", summary: "what you log in with", parse: nothing({ kind: "logins" }) },
  {
    name: "password",
    usage: "",
    summary: "asks for a new password, which lets you in from anywhere",
    parse: nothing({ kind: "password" }),
  },
  {
    name: "key",
    usage: "[FILE]",
    summary: "this machine logs in by a private key, or one made for it",
    names: "file",
    parse: (file) => ({ kind: "key", ...(file === "" ? {} : { file }) }),
  },
  {
    name: "forget",
    usage: "LOGIN",
    summary: "takes a login away, and ends what was open by it",
    parse: (which) => ({ kind: "forget", which: required(which, "which one? /logins lists them") }),
  },
  {
    name: "fingerprint",
    usage: "",
    summary: "of the server's key, to compare",
    parse: nothing({ kind: "fingerprint" }),
  },
  { name: "quit", usage: "", summary: "ends", parse: nothing({ kind: "quit" }) },
];

const byName = new Map(slashCommands.map((command) => [command.name, command]));

/**
 * A line as it is typed: a message, or a command if it begins with a slash; `//` begins a message with one.
 * @throws ActionError
 */
export function parseLine(line: string): Action {
  if (!line.startsWith("/")) return { kind: "send", text: line };
  if (line.startsWith("//")) return { kind: "send", text: line.slice(1) };
  const [name, argument] = split(line.slice(1));
  const command = byName.get(name.toLowerCase());
  if (command === undefined) throw new ActionError("there is no such command; /help lists them");
  return command.parse(argument);
}

/** The list of commands, a line each. */
export function slashHelp(): string[] {
  const heads = slashCommands.map(({ name, usage }) => `/${name} ${usage}`.trimEnd());
  const width = Math.max(...heads.map(({ length }) => length));
  return slashCommands.map(({ summary }, index) => `${heads[index]!.padEnd(width)}  ${summary}`);
}

function nothing(action: Action): (argument: string) => Action {
  return (argument) => {
    if (argument !== "") throw new ActionError("that takes no argument");
    return action;
  };
}

/** The first word, and what follows it. */
function split(text: string): [word: string, rest: string] {
  const [, word, rest] = /^(\S*)\s*(.*)$/s.exec(text)!;
  return [word!, rest!.trimEnd()];
}

function required(text: string, question: string): string {
  if (text === "") throw new ActionError(question);
  return text;
}

function one(argument: string): string {
  const [user, rest] = split(required(argument, "whom?"));
  if (rest !== "") throw new ActionError("one name at a time");
  return withoutAt(user);
}

function withoutAt(user: string): string {
  return user.replace(/^@/, "");
}

function numbered(argument: string): { position?: number; rest: string } {
  const [, number, rest] = /^#(\d{1,15})(?:\s+(.*))?$/s.exec(argument) ?? [];
  return number === undefined ? { rest: argument } : { position: Number(number), rest: rest ?? "" };
}

function targeted(argument: string): { position?: number; text: string } {
  const { position, rest } = numbered(argument);
  const text = required(rest, "which text?");
  return position === undefined ? { text } : { position, text };
}

function positionOnly(argument: string): { position?: number } {
  const { position, rest } = numbered(argument);
  if (rest !== "") throw new ActionError("a message's number begins with #");
  return position === undefined ? {} : { position };
}

function ban(argument: string, isBanned: boolean): Action {
  const { user, isEverywhere } = whomAndWhere(argument);
  return { kind: "ban", user, isBanned, isEverywhere };
}

function whomAndWhere(argument: string): { user: string; isEverywhere: boolean } {
  const [user, where] = split(required(argument, "whom?"));
  return { user: withoutAt(user), isEverywhere: isEverywhere(where, "from the room, or everywhere") };
}

function isEverywhere(where: string, question: string): boolean {
  if (where !== "" && where !== "everywhere") throw new ActionError(question);
  return where === "everywhere";
}

function roleOf(text: string): Role {
  if (text === "owner" || text === "moderator" || text === "member") return text;
  throw new ActionError("a role is owner, moderator or member");
}
