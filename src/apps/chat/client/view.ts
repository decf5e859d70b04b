/** A chat as a person looks at it: rooms, who is here, and what is new. For user interfaces of all kinds. */
import { type PresenceState, SMALL_ROOM } from "../protocol.ts";
import type { Client } from "./client.ts";
import { Emitter } from "./emitter.ts";
import type { ChatRoom } from "./room.ts";
import { Timeline } from "./timeline.ts";

/** How a client's connection is. */
export type ConnectionState =
  | { readonly kind: "connected" }
  /** It connects again by itself, at that time of `Date.now()`. */
  | { readonly kind: "disconnected"; readonly error: Error; readonly retryAtMs: number }
  /** It does not connect again; without an error, because that was wanted. */
  | { readonly kind: "closed"; readonly error: Error | undefined };

/** What a view tells. */
export interface ChatViewEvents {
  /** Something looks different now. Told once for all that happens at a time. */
  change: undefined;
}

/** A client's rooms, one shown at a time, with who is here and what is new. */
export class ChatView extends Emitter<ChatViewEvents> {
  /** Whom it follows. */
  readonly client: Client;
  readonly #timelines = new Map<number, Timeline>();
  readonly #presences = new Map<string, PresenceState>();
  readonly #stops: (() => void)[];
  #connection: ConnectionState = { kind: "connected" };
  #shown: Timeline | undefined;
  #isAttentive = true;
  #isChanging = false;

  /** Begins to follow a client. */
  constructor(client: Client) {
    super();
    this.client = client;
    for (const room of client.rooms.values()) this.#add(room);
    this.#stops = [
      client.on("connected", () => this.#connected()),
      client.on("disconnected", ({ error, retryAfterMs }) =>
        this.#setConnection({ kind: "disconnected", error, retryAtMs: Date.now() + retryAfterMs }),
      ),
      client.on("closed", ({ error }) => this.#setConnection({ kind: "closed", error })),
      client.on("user", () => this.#change()),
      client.on("room", ({ room }) => this.#add(room)),
      client.on("left", ({ room }) => this.#remove(room)),
      client.on("entry", ({ room, entry }) => {
        this.#timelines.get(room.id)?.entry(entry);
        this.#markRead();
      }),
      client.on("receipts", ({ room, receipts }) => this.#timelines.get(room.id)?.receipts(receipts)),
      client.on("typing", ({ room, user }) => this.#timelines.get(room.id)?.typed(user)),
      client.on("presence", ({ user, state }) => {
        this.#presences.set(user, state);
        this.#change();
      }),
    ];
  }

  /** Whether there is a connection, and if not, when the next attempt is. */
  get connection(): ConnectionState {
    return this.#connection;
  }

  /** Of all rooms that the user is in: rooms by name, then conversations of two by the other's name. */
  get timelines(): Timeline[] {
    return [...this.#timelines.values()].sort(({ room: a }, { room: b }) => {
      if (a.kind !== b.kind) return a.kind === "room" ? -1 : 1;
      return a.name.localeCompare(b.name);
    });
  }

  /** The one that the user looks at. */
  get shown(): Timeline | undefined {
    return this.#shown;
  }

  /** Of users in common small rooms, as far as it was told. */
  presenceOf(user: string): PresenceState {
    return this.#presences.get(user) ?? "offline";
  }

  /** The timeline of a room that the user is in. */
  timelineOf(room: ChatRoom): Timeline {
    return this.#timelines.get(room.id) ?? this.#add(room);
  }

  /** From now on the user looks at this one: what is in it, and what comes, is read, as long as {@link isAttentive} is true. */
  show(timeline: Timeline | undefined): void {
    this.#shown = timeline;
    if (timeline !== undefined) this.#load(timeline);
    this.#markRead();
    this.#change();
  }

  /**
   * Whether the user sees the end of what is shown: true unless set. A user interface says false while its window is hidden
   * or something is in front of it, and while older messages are scrolled to; or for good, if it says itself by
   * {@link Timeline.markRead} what was in sight.
   */
  get isAttentive(): boolean {
    return this.#isAttentive;
  }

  set isAttentive(isAttentive: boolean) {
    this.#isAttentive = isAttentive;
    this.#markRead();
  }

  /** Follows the client no more, which goes on. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const timeline of this.#timelines.values()) timeline.end();
  }

  #add(room: ChatRoom): Timeline {
    const before = this.#timelines.get(room.id);
    // Who has left and come back is in the room anew.
    if (before?.room === room) {
      this.#change();
      return before;
    }
    const timeline = new Timeline(this.client, room, () => this.#change());
    this.#timelines.set(room.id, timeline);
    if (room.head > room.read || room.kind === "direct") this.#load(timeline);
    this.#change();
    return timeline;
  }

  #remove(room: ChatRoom): void {
    const timeline = this.#timelines.get(room.id);
    if (timeline === undefined) return;
    timeline.end();
    this.#timelines.delete(room.id);
    if (this.#shown === timeline) this.#shown = undefined;
    this.#change();
  }

  #connected(): void {
    this.#setConnection({ kind: "connected" });
    // Who has gone meanwhile is not told.
    this.#presences.clear();
    for (const timeline of this.#timelines.values()) {
      timeline.reconnected();
      if (timeline.isLoaded) this.#loadPresences(timeline.room);
    }
    if (this.#shown !== undefined) this.#load(this.#shown);
  }

  /** What fails for want of a connection is loaded with the next one, if it is looked at. */
  #load(timeline: Timeline): void {
    if (timeline.isLoaded) return;
    this.#loadPresences(timeline.room);
    timeline.load().then(
      () => this.#markRead(),
      () => {},
    );
  }

  #loadPresences(room: ChatRoom): void {
    if (room.memberCount > SMALL_ROOM) return;
    room.members().then(
      (members) => {
        for (const { user, presence } of members) {
          // What was told since is newer.
          if (!this.#presences.has(user)) this.#presences.set(user, presence);
        }
        this.#change();
      },
      () => {},
    );
  }

  #markRead(): void {
    if (this.#isAttentive && this.#shown?.isLoaded) this.#shown.markRead();
  }

  #setConnection(connection: ConnectionState): void {
    this.#connection = connection;
    this.#change();
  }

  #change(): void {
    if (this.#isChanging) return;
    this.#isChanging = true;
    queueMicrotask(() => {
      this.#isChanging = false;
      this.emit("change", undefined);
    });
  }
}
