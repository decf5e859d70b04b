/** What happens in a chat, in lines for people. Everything that others have written is harmless here. */
import type { ChatRoom, Entry, MessageEntry, OwnCredential } from "../../apps/chat/client/entry.ts";
import { type Harmless, harmless, harmlessLines, shown } from "../harmless.ts";
import type { Outcome } from "./perform.ts";

export function roomLabel({ kind, name }: Pick<ChatRoom, "kind" | "name">): Harmless {
  return kind === "direct" ? shown`@${name}` : harmless(name);
}

export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Each further line of a text is marked: none looks like another message. */
function under(head: string, text: string): Harmless[] {
  const [first, ...rest] = harmlessLines(text).split("\n");
  return [shown`${`${head}${first}`.trimEnd()}`, ...rest.map((line) => shown`  | ${line}`)];
}

/** What XEP-0245 calls a command that is none. */
export function emote(text: string): string | undefined {
  return text.startsWith("/me ") ? text.slice(4) : undefined;
}

function messageLines(room: ChatRoom, message: MessageEntry, number: string): Harmless[] {
  const { author, text, attachment, replyTo, isDeleted } = message;
  const where = `[${roomLabel(room)}]${number}`;
  if (isDeleted) return [shown`${where} * a message of ${author} was deleted`];
  const act = emote(text);
  if (act !== undefined) return under(`${where} * ${author} `, act);
  const answers = replyTo === undefined ? "" : ` (answering #${replyTo})`;
  const file = attachment === undefined ? "" : `[file ${attachment.name}, ${size(attachment.bytes)}] `;
  return under(`${where} ${author}${answers}: ${file}`, text);
}

/** @param isNumbered whether messages show their numbers */
export function entryLines(room: ChatRoom, entry: Entry, isNumbered = false): Harmless[] {
  const happens = `[${roomLabel(room)}] * ${entry.author}`;
  switch (entry.kind) {
    case "message":
      return messageLines(room, entry, isNumbered ? ` #${entry.position}` : "");
    case "edit":
      return under(`${happens} changed #${entry.target}: `, entry.text);
    case "delete":
      return [shown`${happens} deleted #${entry.target}`];
    case "join":
      return [shown`${happens} joined`];
    case "leave":
      return [entry.by === undefined ? shown`${happens} left` : shown`${happens} was removed by ${entry.by}`];
    case "topic":
      return [
        entry.text === ""
          ? shown`${happens} removed the topic`
          : shown`${happens} set the topic: ${entry.text}`,
      ];
  }
}

/** Nothing for what is seen anyway. */
export function outcomeLines(outcome: Outcome): Harmless[] {
  switch (outcome.event) {
    case "opened": {
      const { room } = outcome;
      return [shown`* this is ${roomLabel(room)}${room.topic === "" ? "" : `: ${room.topic}`}`];
    }
    case "rooms":
      if (outcome.rooms.length === 0) return [shown`* there are no rooms: /create ROOM makes one`];
      return outcome.rooms.map(({ name, kind, members, role, topic, access }) => {
        const about = [
          `${members} ${members === 1 ? "member" : "members"}`,
          ...(access === "members" ? ["members only"] : []),
          ...(role === undefined ? [] : ["joined"]),
        ];
        return shown`* ${roomLabel({ kind, name })} (${about.join(", ")})${topic === "" ? "" : `: ${topic}`}`;
      });
    case "members":
      return outcome.members.map(
        ({ user, role, presence }) => shown`* ${user}: ${role === "member" ? "" : `${role}, `}${presence}`,
      );
    case "receipts":
      return outcome.receipts.map(
        ({ user, delivered, read }) => shown`* ${user}: received up to #${delivered}, read up to #${read}`,
      );
    case "excluded":
      if (outcome.invited.length === 0) return [];
      return [shown`* came by that user's invitations: ${outcome.invited.join(", ")}`];
    case "history":
      if (outcome.messages.length === 0) return [shown`* there are no messages`];
      return outcome.messages.flatMap((message) => entryLines(outcome.room, message, true));
    case "topic_is":
      return [outcome.topic === "" ? shown`* there is no topic` : shown`* the topic is: ${outcome.topic}`];
    case "downloaded":
      return [shown`* saved as ${outcome.path} (${size(outcome.bytes)})`];
    case "invitation":
      return [shown`* this lets one person in, once:`, harmless(outcome.link)];
    case "fingerprint":
      return [
        outcome.fingerprint === undefined
          ? shown`* the link has no fingerprint`
          : shown`* the server's key: ${outcome.fingerprint}`,
      ];
    case "logins":
      return outcome.logins.map(loginLine);
    case "login_changed":
      return [shown`* ${loginChanges[outcome.change]}`];
    case "help":
      return outcome.lines.map(harmless);
    case "stored":
    case "uploaded":
    case "quit":
    case "done":
      return [];
  }
}

function loginLine({ kind, id, addedMs, isOwn }: OwnCredential): Harmless {
  const what = {
    password: "password",
    psk: `key ${id.slice(0, 12)} of one machine`,
    key: `private key ${id}`,
  }[kind];
  const since = new Date(addedMs).toISOString().slice(0, 10);
  return shown`* ${what}, since ${since}${isOwn ? " (this machine's)" : ""}`;
}

const loginChanges = {
  password: "your password is set: whoever else was logged in by one before is not any more",
  key: "this machine logs in by that key from now on",
  forgotten: "it lets nobody in any more, and whoever was logged in by it is not",
} as const;
