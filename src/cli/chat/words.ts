/** What happens in a chat, in lines for people. Everything that others have written is harmless here. */
import type { ChatRoom, Entry, MessageEntry, OwnCredential } from "../../apps/chat/client/entry.ts";
import { harmless, harmlessLines } from "./harmless.ts";
import type { Outcome } from "./perform.ts";

export function roomLabel({ kind, name }: Pick<ChatRoom, "kind" | "name">): string {
  return kind === "direct" ? `@${harmless(name)}` : harmless(name);
}

export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Each further line of a text is marked: none looks like another message. */
function under(head: string, text: string): string[] {
  const [first, ...rest] = harmlessLines(text).split("\n");
  return [`${head}${first}`.trimEnd(), ...rest.map((line) => `  | ${line}`)];
}

/** What XEP-0245 calls a command that is none. */
export function emote(text: string): string | undefined {
  return text.startsWith("/me ") ? text.slice(4) : undefined;
}

function messageLines(room: ChatRoom, message: MessageEntry, number: string): string[] {
  const { text, attachment, replyTo, isDeleted } = message;
  const author = harmless(message.author);
  const where = `[${roomLabel(room)}]${number}`;
  if (isDeleted) return [`${where} * a message of ${author} was deleted`];
  const act = emote(text);
  if (act !== undefined) return under(`${where} * ${author} `, act);
  const answers = replyTo === undefined ? "" : ` (answering #${replyTo})`;
  const file =
    attachment === undefined ? "" : `[file ${harmless(attachment.name)}, ${size(attachment.bytes)}] `;
  return under(`${where} ${author}${answers}: ${file}`, text);
}

/** @param isNumbered whether messages show their numbers */
export function entryLines(room: ChatRoom, entry: Entry, isNumbered = false): string[] {
  const author = harmless(entry.author);
  const happens = `[${roomLabel(room)}] * ${author}`;
  switch (entry.kind) {
    case "message":
      return messageLines(room, entry, isNumbered ? ` #${entry.position}` : "");
    case "edit":
      return under(`${happens} changed #${entry.target}: `, entry.text);
    case "delete":
      return [`${happens} deleted #${entry.target}`];
    case "join":
      return [`${happens} joined`];
    case "leave":
      return [entry.by === undefined ? `${happens} left` : `${happens} was removed by ${harmless(entry.by)}`];
    case "topic":
      return [
        entry.text === ""
          ? `${happens} removed the topic`
          : `${happens} set the topic: ${harmless(entry.text)}`,
      ];
  }
}

/** Nothing for what is seen anyway. */
export function outcomeLines(outcome: Outcome): string[] {
  switch (outcome.event) {
    case "opened": {
      const { room } = outcome;
      return [`* this is ${roomLabel(room)}${room.topic === "" ? "" : `: ${harmless(room.topic)}`}`];
    }
    case "rooms":
      if (outcome.rooms.length === 0) return ["* there are no rooms: /create ROOM makes one"];
      return outcome.rooms.map(({ name, kind, members, role, topic, access }) => {
        const about = [
          `${members} ${members === 1 ? "member" : "members"}`,
          ...(access === "members" ? ["members only"] : []),
          ...(role === undefined ? [] : ["joined"]),
        ];
        return `* ${roomLabel({ kind, name })} (${about.join(", ")})${topic === "" ? "" : `: ${harmless(topic)}`}`;
      });
    case "members":
      return outcome.members.map(
        ({ user, role, presence }) =>
          `* ${harmless(user)}: ${role === "member" ? "" : `${role}, `}${presence}`,
      );
    case "receipts":
      return outcome.receipts.map(
        ({ user, delivered, read }) =>
          `* ${harmless(user)}: received up to #${delivered}, read up to #${read}`,
      );
    case "excluded":
      if (outcome.invited.length === 0) return [];
      return [`* who has come by that user's invitations: ${outcome.invited.map(harmless).join(", ")}`];
    case "history":
      if (outcome.messages.length === 0) return ["* there are no messages"];
      return outcome.messages.flatMap((message) => entryLines(outcome.room, message, true));
    case "topic_is":
      return [outcome.topic === "" ? "* there is no topic" : `* the topic is: ${harmless(outcome.topic)}`];
    case "downloaded":
      return [`* saved as ${harmless(outcome.path)} (${size(outcome.bytes)})`];
    case "invitation":
      return ["* this lets one person in, once:", outcome.link];
    case "fingerprint":
      return [
        outcome.fingerprint === undefined
          ? "* the link has no fingerprint"
          : `* the server's key: ${outcome.fingerprint}`,
      ];
    case "logins":
      return outcome.logins.map(loginLine);
    case "login_changed":
      return [`* ${loginChanges[outcome.change]}`];
    case "help":
      return [...outcome.lines];
    case "stored":
    case "uploaded":
    case "quit":
    case "done":
      return [];
  }
}

function loginLine({ kind, id, addedMs, isOwn }: OwnCredential): string {
  const what = {
    password: "password",
    psk: `key ${id.slice(0, 12)} of one machine`,
    key: `private key ${id}`,
  }[kind];
  const since = new Date(addedMs).toISOString().slice(0, 10);
  return `* ${what}, since ${since}${isOwn ? " (this machine's)" : ""}`;
}

const loginChanges = {
  password: "your password is set: whoever else was logged in by one before is not any more",
  key: "this machine logs in by that key from now on",
  forgotten: "it lets nobody in any more, and whoever was logged in by it is not",
} as const;
