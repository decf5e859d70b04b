/** A room, or a conversation of two, as one of those who are in it has it. */

import { fileName, fold, mediaType, normalized } from "../names.ts";
import { ChatError, type Params, SMALL_ROOM } from "../protocol.ts";
import type {
  Access,
  AttachmentInfo,
  Entry,
  Member,
  MessageEntry,
  Receipt,
  Role,
  RoomInfo,
} from "../types.ts";
import type { Connection } from "./connection.ts";
import { newId } from "./credentials.ts";
import { Feed } from "./feed.ts";
import type { Stored } from "./outbox.ts";
import type { Download } from "./transfers.ts";

/** What a room needs of its client. */
export interface RoomHost {
  /** @throws ChatError disconnected */
  readonly connection: Connection;
  send(message: Params<"message.send">): Promise<Stored>;
  /** Tells the server, in time, how far the room was received or read. */
  receipt(room: ChatRoom): void;
}

/** What a message may have besides its text. */
export interface SendOptions {
  /** The position of the message that this one answers. */
  readonly replyTo?: number | undefined;
  /** A file that {@link ChatRoom.upload} has sent to this room. */
  readonly attachment?: Pick<AttachmentInfo, "id"> | undefined;
  /** For a message that was sent before, perhaps: whatever happens, it is one message. From {@link newId}. */
  readonly id?: string | undefined;
}

/** What is known of a file before it is sent. */
export interface UploadOptions {
  /** Its name, without a path. What cannot be seen in it, or writes over others, is left out; so is what is too long. */
  readonly name: string;
  /** A media type: application/octet-stream unless given, or for what is none. */
  readonly type?: string | undefined;
  /** How long the content is: all of it has to come. */
  readonly bytes: number;
  /** Told how many bytes were taken so far. */
  readonly progress?: ((bytes: number) => void) | undefined;
  /** Gives it up: the upload rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Messages that an iteration may be behind before the connection waits for it. */
const FEED_LIMIT = 256;

/**
 * A room or a conversation of two, as one of those who are in it has it. Iterating over it gives its messages. Its
 * methods that ask the server reject with ChatError: `disconnected` without a connection, or why it refused.
 */
export class ChatRoom implements AsyncIterable<MessageEntry> {
  /** Its number on this server. */
  readonly id: number;
  readonly #host: RoomHost;
  readonly #feeds = new Set<Feed<MessageEntry>>();
  /** The newest entry of each user. */
  readonly #lastOf = new Map<string, number>();
  #info: RoomInfo;
  #position: number;
  #read: number;
  #isMember = true;

  /** @internal */
  constructor(host: RoomHost, info: RoomInfo) {
    this.#host = host;
    this.id = info.id;
    this.#info = info;
    this.#position = info.delivered ?? info.head;
    this.#read = info.read ?? 0;
  }

  /** A room, or a conversation of two. */
  get kind(): "room" | "direct" {
    return this.#info.kind;
  }
  /** Of a direct conversation, the other user's. */
  get name(): string {
    return this.#info.name;
  }
  /** What it is about; empty if nobody has said. */
  get topic(): string {
    return this.#info.topic;
  }
  /** Who can find and join it. */
  get access(): Access {
    return this.#info.access;
  }
  /** What this user is in it. */
  get role(): Role {
    return this.#info.role ?? "member";
  }
  /** How many are in it. */
  get memberCount(): number {
    return this.#info.members;
  }
  /** The position of its newest entry, as far as this client was told; 0 if there is none. */
  get head(): number {
    return Math.max(this.#info.head, this.#position);
  }
  /** Whether this client still is in it. */
  get isMember(): boolean {
    return this.#isMember;
  }
  /** How far it was received: nothing up to here will come again. */
  get position(): number {
    return this.#position;
  }
  /** How far it was read. */
  get read(): number {
    return this.#read;
  }

  // Writing

  /** Settles once the server has stored it: then it is in the room, once, and nothing but a deletion takes it out. */
  async send(text: string, { replyTo, attachment, id = newId() }: SendOptions = {}): Promise<Stored> {
    if (typeof text !== "string") throw new TypeError("a message's text is a string");
    return this.#host.send({
      room: this.id,
      id,
      text,
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(attachment === undefined ? {} : { attachment: attachment.id }),
    });
  }

  /** Replaces a message's text: one's own. */
  async edit(position: number, text: string): Promise<void> {
    await this.#host.connection.request("message.edit", { room: this.id, position, text });
  }

  /** Takes a message's text and attachment away: one's own, or as a moderator anybody's. */
  async delete(position: number): Promise<void> {
    await this.#host.connection.request("message.delete", { room: this.id, position });
  }

  /** Tells those who are here that this user is writing: on a datagram, which may be lost. */
  typing(): void {
    this.#host.connection.send({ kind: "typing", room: this.id, position: this.#position });
  }

  // Reading

  /** Entries before a position, newest last: 50 unless told, and the newest unless told. */
  async history({ before, limit }: { before?: number; limit?: number } = {}): Promise<{
    entries: Entry[];
    more: boolean;
  }> {
    return this.#host.connection.request("room.history", {
      room: this.id,
      ...(before === undefined ? {} : { before }),
      ...(limit === undefined ? {} : { limit }),
    });
  }

  /** Messages as they come, from now on. Those that are not taken wait on the server. */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageEntry> {
    const feed: Feed<MessageEntry> = new Feed(FEED_LIMIT, () => this.#feeds.delete(feed));
    if (this.#isMember) this.#feeds.add(feed);
    else feed.end();
    return feed;
  }

  /** Up to a position: the newest that has come, unless given. */
  markRead(position: number = this.#position): void {
    if (position <= this.#read) return;
    this.#read = position;
    this.#host.receipt(this);
  }

  /** How far each member has come. */
  async receipts(): Promise<Receipt[]> {
    const all: Receipt[] = [];
    for (;;) {
      const after = all.at(-1)?.user;
      const { receipts, more } = await this.#host.connection.request("room.receipts", {
        room: this.id,
        ...(after === undefined ? {} : { after }),
      });
      all.push(...receipts);
      if (!more) return all;
    }
  }

  // Attachments

  /**
   * Sends a file; a message can have it then.
   * @throws TypeError for content that is not bytes, RangeError for a length that is none, and what the content throws
   */
  async upload(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    { name, type = "application/octet-stream", bytes, progress, signal }: UploadOptions,
  ): Promise<AttachmentInfo> {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError("bytes is how many there are");
    const known = { name: fileName(name), type: mediaType(type), bytes };
    const head = { kind: "upload", room: this.id, id: newId(), ...known } as const;
    return this.#host.connection.transfers.upload(head, content, progress, signal);
  }

  /**
   * A file that somebody has sent; its content comes as it is read. Some come at a time, the others wait for them.
   * @param options for how long nobody may read before it is given up with `stalled`: a minute unless given
   * @throws ChatError not_found if there is none; too_many if hundreds wait; RangeError for a time that is none
   */
  async download(
    attachment: Pick<AttachmentInfo, "id">,
    { idleTimeoutMs = READ_MS }: { idleTimeoutMs?: number } = {},
  ): Promise<Download> {
    if (!(idleTimeoutMs > 0 && idleTimeoutMs <= MAX_TIMER_MS))
      throw new RangeError("idleTimeoutMs is above 0, and no more than timers can wait for");
    return this.#host.connection.transfers.download(this.id, attachment.id, idleTimeoutMs);
  }

  // Running it

  /** Leaves the room. A conversation of two is closed on this side, until one of both goes on with it. */
  async leave(): Promise<void> {
    await this.#host.connection.request("room.leave", { room: this.id });
  }

  /** Says what it is about: up to 1,024 bytes of UTF-8. */
  async setTopic(topic: string): Promise<void> {
    await this.#host.connection.request("room.topic", { room: this.id, topic });
  }

  /** All members, with who is here at present. */
  async members(): Promise<Member[]> {
    const all: Member[] = [];
    for (;;) {
      const after = all.at(-1)?.user;
      const { members, more } = await this.#host.connection.request("room.members", {
        room: this.id,
        ...(after === undefined ? {} : { after }),
      });
      all.push(...members);
      if (!more) return all.sort((a, b) => (fold(a.user) < fold(b.user) ? -1 : 1));
    }
  }

  /** Lets a user in. */
  async add(user: string): Promise<void> {
    await this.#host.connection.request("room.add", { room: this.id, user: normalized(user) });
  }

  /** Makes a member a moderator, an owner, or a plain member again. */
  async setRole(user: string, role: Role): Promise<void> {
    await this.#host.connection.request("room.role", { room: this.id, user: normalized(user), role });
  }

  /** Takes a member out of the room. They may come back where that is allowed. */
  async remove(user: string): Promise<void> {
    await this.#host.connection.request("room.remove", { room: this.id, user: normalized(user) });
  }

  /** Takes a user out of the room for good, or lets them come back. */
  async ban(user: string, isBanned = true): Promise<void> {
    await this.#host.connection.request("room.ban", { room: this.id, user: normalized(user), isBanned });
  }

  // The client

  /** @internal Whether others are told of receipts in it. */
  get isSmall(): boolean {
    return this.#info.members <= SMALL_ROOM;
  }

  /** @internal */
  update(info: RoomInfo): void {
    this.#info = info;
    this.#isMember = true;
    this.#read = Math.max(this.#read, info.read ?? 0);
  }

  /** @internal Whether it is new. */
  receive(entry: Entry): boolean {
    if (entry.position <= this.#position) return false;
    this.#position = entry.position;
    this.#info = after(this.#info, entry);
    if (this.isSmall) this.#lastOf.set(entry.author, entry.position);
    if (entry.kind === "message") for (const feed of this.#feeds) feed.push(entry);
    return true;
  }

  /** @internal Whether a user has done something since, as far as that is known: signs of typing may come late. */
  hasMoved(user: string, position: number): boolean {
    return (this.#lastOf.get(user) ?? 0) > position;
  }

  /** @internal This user has read it elsewhere. */
  readElsewhere(position: number): void {
    this.#read = Math.max(this.#read, position);
  }

  /** @internal Whether an iteration has more than it should. */
  get isFull(): boolean {
    return this.#fullFeed !== undefined;
  }

  /** @internal */
  async drained(): Promise<void> {
    await this.#fullFeed?.drained();
  }

  get #fullFeed(): Feed<MessageEntry> | undefined {
    for (const feed of this.#feeds) if (feed.isFull) return feed;
    return undefined;
  }

  /** @internal */
  end(): void {
    this.#isMember = false;
    for (const feed of this.#feeds) feed.end();
    this.#feeds.clear();
  }
}

const READ_MS = 60_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What is known of a room once something has happened there that was not known with it. */
function after(info: RoomInfo, entry: Entry): RoomInfo {
  if (entry.position <= info.head) return info;
  const { position: head } = entry;
  switch (entry.kind) {
    case "topic":
      return { ...info, head, topic: entry.text };
    case "join":
      return { ...info, head, members: info.members + 1 };
    case "leave":
      return { ...info, head, members: info.members - 1 };
    default:
      return { ...info, head };
  }
}

/** What a room's methods fail with while there is no connection. */
export function notConnected(): ChatError {
  return new ChatError("disconnected", "there is no connection at present");
}
