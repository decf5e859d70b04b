/** A room as a person looks at it: what was said, as it is now, and what is on its way. For user interfaces of all kinds. */

import { ChatError, SMALL_ROOM } from "../protocol.ts";
import type { AttachmentInfo, Entry, MessageEntry, Receipt } from "../types.ts";
import type { Client } from "./client.ts";
import { newId } from "./credentials.ts";
import { Receipts } from "./receipts.ts";
import type { ChatRoom, UploadOptions } from "./room.ts";
import { TypingUsers } from "./typing-users.ts";

/**
 * How far an own message has come: `uploading` a file, `sending`, or `failed` for good; then `stored` by the server, and
 * `delivered` to and `read` by all other members, which is known in rooms of up to 64.
 */
export type MessageState = "uploading" | "sending" | "failed" | "stored" | "delivered" | "read";

/** A message, stored or on its way. */
export interface MessageItem {
  /** Tells it from a {@link HappeningItem}. */
  readonly kind: "message";
  /** The same for as long as it is the same message, from sending on. */
  readonly key: string;
  /** Once it is stored. */
  readonly position?: number | undefined;
  /** On the server's clock once it is stored, since 1970. */
  readonly timeMs: number;
  /** The author's name. */
  readonly author: string;
  /** Its newest text; empty if it was deleted. */
  readonly text: string;
  /** The position of the message that it answers. */
  readonly replyTo?: number | undefined;
  /** Without an `id` while it is on its way. */
  readonly attachment?: (Omit<AttachmentInfo, "id"> & { readonly id?: string }) | undefined;
  /** Whether it is not as it was, or not there any more. */
  readonly isEdited: boolean;
  readonly isDeleted: boolean;
  /** Of own messages only. */
  readonly state?: MessageState | undefined;
  /** Bytes that the server has taken of what is `uploading`. */
  readonly uploadedBytes?: number | undefined;
  /** Why it has `failed`. */
  readonly error?: Error | undefined;
}

/** Somebody who came or left, or a new topic. */
export interface HappeningItem {
  /** What has happened; its key, position, time and author are as those of {@link MessageItem}. */
  readonly kind: "join" | "leave" | "topic";
  readonly key: string;
  readonly position: number;
  readonly timeMs: number;
  readonly author: string;
  /** Who has made the author leave. */
  readonly by?: string | undefined;
  /** The topic. */
  readonly text?: string | undefined;
}

/** Never changed: what becomes of it is another object with the same `key`. */
export type TimelineItem = MessageItem | HappeningItem;

const PAGE = 50;
/** What was scrolled out of sight long ago is forgotten, and can be had again. */
const MAX_ENTRIES = 5_000;
/** Others are told so often that this user is still writing. */
const TYPING_MS = 3_000;

/** What was said in a room, page by page, and what this user is about to say. */
export class Timeline {
  /** The room. */
  readonly room: ChatRoom;
  readonly #client: Client;
  readonly #change: () => void;
  /** Of what is stored, in order. */
  #positions: number[] = [];
  readonly #stored = new Map<number, TimelineItem>();
  /** Of what is not, oldest first, by key. */
  readonly #pending = new Map<string, MessageItem>();
  readonly #retries = new Map<string, () => void>();
  readonly #uploads = new Map<string, AbortController>();
  /** Uploads that wait for a connection. */
  readonly #waiting = new Map<string, () => void>();
  readonly #typing: TypingUsers;
  readonly #receipts = new Receipts();
  #items: readonly TimelineItem[] | undefined;
  #hasOlder = true;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #typedAtMs = Number.NEGATIVE_INFINITY;
  #isOver = false;

  /**
   * @internal
   * @param change called whenever it looks different
   */
  constructor(client: Client, room: ChatRoom, change: () => void) {
    this.#client = client;
    this.room = room;
    this.#change = () => {
      this.#items = undefined;
      if (!this.#isOver) change();
    };
    this.#typing = new TypingUsers(this.#change);
  }

  /** What there is to be seen, oldest first; what is on its way comes last. Another array whenever it has changed. */
  get items(): readonly TimelineItem[] {
    this.#items ??= [
      ...this.#positions.map((position) => this.#current(position)),
      ...this.#pending.values(),
    ];
    return this.#items;
  }

  /** Whether there is more before the first item. */
  get hasOlder(): boolean {
    return this.#hasOlder;
  }

  /** Whether the newest page is here. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Others' messages that were not read, as far as they are here. */
  get unread(): number {
    let count = 0;
    for (let i = this.#positions.length - 1; i >= 0 && this.#positions[i]! > this.room.read; i--) {
      const item = this.#stored.get(this.#positions[i]!)!;
      if (item.kind === "message" && !item.isDeleted && item.author !== this.#user) count++;
    }
    return count;
  }

  /** Whether there are more than {@link unread} says. */
  get hasMoreUnread(): boolean {
    const first = this.#positions[0];
    return this.#hasOlder && (first === undefined ? this.room.head : first - 1) > this.room.read;
  }

  /** Who is writing. */
  get typing(): readonly string[] {
    return this.#typing.names;
  }

  /** What is at a position, if it is here: what a message replies to, say. */
  at(position: number): TimelineItem | undefined {
    return this.#stored.has(position) ? this.#current(position) : undefined;
  }

  /** Other members that have read up to a position, as far as that is known. */
  readBy(position: number): string[] {
    return this.#receipts.readBy(position);
  }

  // Reading

  /** The newest page, and who has read how far. Nothing if they are here. @throws ChatError */
  load(): Promise<void> {
    if (this.#isLoaded) return Promise.resolve();
    return this.#once(async () => {
      const [{ entries, more }] = await Promise.all([
        this.room.history({ limit: PAGE }),
        this.#loadReceipts(),
      ]);
      this.#take(entries, more);
      this.#isLoaded = true;
    });
  }

  /** A page before the first item; nothing if there is none. @throws ChatError */
  loadOlder(): Promise<void> {
    if (!this.#isLoaded) return this.load();
    return this.#once(async () => {
      const before = this.#positions[0];
      if (!this.#hasOlder || before === undefined) return;
      const { entries, more } = await this.room.history({ before, limit: PAGE });
      this.#take(entries, more);
    });
  }

  /** One at a time. */
  #once(load: () => Promise<void>): Promise<void> {
    this.#loading ??= load().finally(() => {
      this.#loading = undefined;
      this.#change();
    });
    return this.#loading;
  }

  #take(entries: readonly Entry[], more: boolean): void {
    const first = this.#positions[0] ?? Number.POSITIVE_INFINITY;
    for (const entry of entries) this.#put(entry);
    // What came live meanwhile may go further back than a page does.
    if ((entries[0]?.position ?? 0) <= first) this.#hasOlder = more;
  }

  async #loadReceipts(): Promise<void> {
    if (this.room.memberCount > SMALL_ROOM) return;
    this.receipts(await this.room.receipts());
  }

  /** @internal There is a connection again. What others have read meanwhile was not told. */
  reconnected(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const upload of waiting) upload();
    if (this.#isLoaded) this.#loadReceipts().catch(() => {});
  }

  /** Up to a position: that of the newest item, unless given. */
  markRead(position: number | undefined = this.#positions.at(-1)): void {
    if (position === undefined || position <= this.room.read) return;
    this.room.markRead(position);
    this.#change();
  }

  // Writing

  /** Shows it at once, and sends it as soon as there is a connection. */
  send(text: string, { replyTo }: { readonly replyTo?: number | undefined } = {}): void {
    const key = newId();
    this.#pending.set(key, this.#own(key, { text, replyTo }));
    this.#send(key);
    this.#typedAtMs = Number.NEGATIVE_INFINITY;
    this.#change();
  }

  /**
   * Uploads a file, and sends it as a message of its own: as soon as there is a connection, and from its beginning after
   * each loss.
   * @param open makes the content; called again if it is sent again
   */
  sendFile(
    open: () => Uint8Array | AsyncIterable<Uint8Array>,
    { name, type = "application/octet-stream", bytes }: Omit<UploadOptions, "progress" | "signal">,
  ): void {
    const key = newId();
    const upload = () => {
      this.#update(key, { state: "uploading", uploadedBytes: 0, error: undefined });
      const progress = (uploadedBytes: number) => this.#update(key, { uploadedBytes });
      const giving = new AbortController();
      this.#uploads.set(key, giving);
      const options = { name, type, bytes, progress, signal: giving.signal };
      // A file that cannot be opened has failed like one that cannot be sent.
      const uploading = async () => this.room.upload(open(), options);
      uploading().then(
        (attachment) => {
          if (!this.#uploads.delete(key)) return;
          this.#update(key, { attachment, state: "sending", uploadedBytes: undefined });
          this.#send(key);
        },
        (error) => {
          if (!this.#uploads.delete(key)) return;
          if (error instanceof ChatError && error.code === "disconnected") this.#waiting.set(key, upload);
          else this.#fail(key, error, upload);
        },
      );
    };
    this.#pending.set(key, this.#own(key, { text: "", attachment: { name, type, bytes } }));
    upload();
  }

  /** Sends again what has failed. */
  retry(key: string): void {
    const again = this.#retries.get(key);
    if (again === undefined) return;
    this.#retries.delete(key);
    again();
  }

  /** Forgets what has failed, or gives up what is uploaded or waits for that. */
  dismiss(key: string): void {
    this.#uploads.get(key)?.abort();
    const isKnown = [this.#retries, this.#waiting, this.#uploads].some((each) => each.delete(key));
    if (isKnown && this.#pending.delete(key)) this.#change();
  }

  /** To be called for every key that the user presses: others are told every few seconds. */
  startTyping(): void {
    const nowMs = performance.now();
    if (nowMs < this.#typedAtMs + TYPING_MS || !this.#client.isConnected) return;
    this.#typedAtMs = nowMs;
    this.room.typing();
  }

  #own(key: string, content: Pick<MessageItem, "text" | "replyTo" | "attachment">): MessageItem {
    const head = { kind: "message", key, timeMs: Date.now(), author: this.#user } as const;
    return { ...head, ...content, isEdited: false, isDeleted: false, state: "sending" };
  }

  #send(key: string): void {
    const { text, replyTo, attachment } = this.#pending.get(key)!;
    this.#update(key, { state: "sending", error: undefined });
    const options = {
      id: key,
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(attachment?.id === undefined ? {} : { attachment: { id: attachment.id } }),
    };
    this.room.send(text, options).then(
      ({ position, timeMs }) => {
        const item = this.#pending.get(key);
        // Its entry may have come first.
        if (item === undefined) return;
        this.#pending.delete(key);
        if (!this.#stored.has(position)) this.#insert({ ...item, position, timeMs });
        this.#change();
      },
      (error) => this.#fail(key, error, () => this.#send(key)),
    );
  }

  #fail(key: string, error: Error, again: () => void): void {
    this.#retries.set(key, again);
    this.#update(key, { state: "failed", uploadedBytes: undefined, error });
  }

  #update(key: string, change: Partial<MessageItem>): void {
    const item = this.#pending.get(key);
    if (item === undefined) return;
    this.#pending.set(key, { ...item, ...change });
    this.#change();
  }

  get #user(): string {
    return this.#client.user.name;
  }

  // What happens

  /** @internal */
  entry(entry: Entry): void {
    this.#put(entry);
    this.#typing.ended(entry.author);
    const isOther = entry.author !== this.#user;
    if (entry.kind === "join" && isOther) this.#receipts.add(entry.author, entry.position);
    if (entry.kind === "leave") this.#receipts.remove(entry.author);
    while (this.#positions.length > MAX_ENTRIES) {
      this.#stored.delete(this.#positions.shift()!);
      this.#hasOlder = true;
    }
    this.#change();
  }

  /** @internal */
  typed(user: string): void {
    this.#typing.began(user);
  }

  /** @internal */
  receipts(receipts: readonly Receipt[]): void {
    for (const receipt of receipts) if (receipt.user !== this.#user) this.#receipts.set(receipt);
    this.#change();
  }

  /** @internal */
  end(): void {
    this.#isOver = true;
    this.#typing.clear();
    for (const upload of this.#uploads.values()) upload.abort();
    this.#uploads.clear();
  }

  #put(entry: Entry): void {
    switch (entry.kind) {
      case "message":
        if (entry.author === this.#user) this.#pending.delete(entry.id);
        this.#insert(this.#itemOf(entry));
        return;
      case "edit":
        this.#amend(entry.target, { text: entry.text, isEdited: true });
        return;
      case "delete":
        this.#amend(entry.target, { text: "", attachment: undefined, isDeleted: true });
        return;
      default:
        this.#insert({ ...entry, key: `${entry.position}` });
    }
  }

  #amend(position: number, change: Partial<MessageItem>): void {
    const item = this.#stored.get(position);
    if (item?.kind === "message" && !item.isDeleted) this.#stored.set(position, { ...item, ...change });
  }

  #insert(item: TimelineItem & { readonly position?: number | undefined }): void {
    const position = item.position!;
    if (!this.#stored.has(position)) {
      let at = this.#positions.length;
      // Nearly always it is the last; a page that was asked for comes from its beginning.
      while (at > 0 && this.#positions[at - 1]! > position) at--;
      this.#positions.splice(at, 0, position);
    }
    this.#stored.set(position, item);
  }

  /** As it is now, with the state that receipts give an own message. */
  #current(position: number): TimelineItem {
    const item = this.#stored.get(position)!;
    if (item.kind !== "message" || item.author !== this.#user || item.isDeleted) return item;
    const state = this.room.memberCount > SMALL_ROOM ? "stored" : this.#receipts.stateOf(position);
    if (item.state === state) return item;
    const current = { ...item, state };
    this.#stored.set(position, current);
    return current;
  }

  #itemOf({ id, editedMs, isDeleted = false, ...content }: MessageEntry): MessageItem {
    // Ids are their author's: those of others may be the same.
    const key = content.author === this.#user ? id : `${content.author} ${id}`;
    return { ...content, key, isEdited: editedMs !== undefined, isDeleted };
  }
}
