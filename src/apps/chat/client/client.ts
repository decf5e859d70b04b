/** A chat's client: it stays connected, gets everything once and in order, and keeps what it has to say until it is stored. */

import { onAbort } from "../../../abort.ts";
import type { CloseInfo } from "../../../endpoint/session.ts";
import { SealgramError } from "../../../errors.ts";
import { loadPart } from "../../../lazy.ts";
import { pause } from "../../../pause.ts";
import { type ChatLink, formatLink, parseLink } from "../link.ts";
import { fold, normalized } from "../names.ts";
import {
  ChatError,
  CloseCode,
  type EventName,
  type Events,
  type PresenceState,
  type Result,
  type Signal,
  VERSION,
} from "../protocol.ts";
import type { Access, Entry, MessageEntry, Receipt, Role, RoomInfo, UserInfo } from "../types.ts";
import { Connection, type ConnectionUser } from "./connection.ts";
import { authOf, type ChatAuth } from "./credentials.ts";
import { type Connect, Dialer, type DialOptions, isFinal, isMistake } from "./dialer.ts";
import { Emitter } from "./emitter.ts";
import { Feed } from "./feed.ts";
import { Login, type LoginHost } from "./login.ts";
import { Outbox, type Outgoing } from "./outbox.ts";
import { ChatRoom, notConnected, type RoomHost } from "./room.ts";

/** Who logs in, and how. */
export interface ChatOptions extends DialOptions {
  /** A password, a pre-shared key or a key of one's own. */
  readonly auth: ChatAuth;
  /** Closes the client. */
  readonly signal?: AbortSignal | undefined;
}

/** What a client tells, by the names of its events. */
export interface ChatEvents {
  /** It is connected, at first or again. */
  connected: { readonly user: UserInfo };
  /** It connects again by itself, after so long. */
  disconnected: { readonly error: Error; readonly retryAfterMs: number };
  /** It does not connect again. */
  closed: { readonly error: Error | undefined };
  /** This user has another role on the server. */
  user: { readonly user: UserInfo };
  /** A message has come, or was missed and has come now. */
  message: RoomMessage;
  /** Everything that happens in rooms, messages too. */
  entry: { readonly room: ChatRoom; readonly entry: Entry };
  /** A room that this user is in now, or that has changed. */
  room: { readonly room: ChatRoom };
  /** A room that this user is not in any more, and who has taken them out, if that is known. */
  left: { readonly room: ChatRoom; readonly by: string | undefined };
  /** Members have received or read more. */
  receipts: { readonly room: ChatRoom; readonly receipts: readonly Receipt[] };
  /** Somebody is writing. */
  typing: { readonly room: ChatRoom; readonly user: string };
  /** Somebody has come, gone, or turned to something else. */
  presence: { readonly user: string; readonly state: PresenceState };
}

/** A message, and where it was said. */
export interface RoomMessage {
  /** The room, and the message in it. */
  readonly room: ChatRoom;
  readonly message: MessageEntry;
}

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 15_000;
/**
 * Whoever refuses a login has proved nothing: anybody can who gets one datagram to this side in the server's name. So it
 * takes several refusals, with pauses between them, to log out for good who was logged in before.
 */
const REFUSALS = 3;
const REFUSED_PAUSE_MS = 1_000;
/** In small rooms others are told of receipts; in large ones they are there for those who ask, and for coming back. */
const RECEIPT_MS = 500;
const LARGE_RECEIPT_MS = 4_000;
const FEED_LIMIT = 256;

/** A user's connection to a chat, for as long as it is open: it comes back by itself when it breaks, and catches up. */
export class Client extends Emitter<ChatEvents> {
  /** Those that this user is in, by number. */
  readonly rooms: ReadonlyMap<number, ChatRoom>;
  /** The server's, as it was given. */
  readonly link: ChatLink;
  /** What this user logs in with. */
  readonly login: Login;
  /** Settles at the end; rejects if it was not {@link close} that ended it. */
  readonly closed: Promise<void>;
  readonly #rooms = new Map<number, ChatRoom>();
  readonly #stop = new AbortController();
  readonly #outbox = new Outbox();
  readonly #feeds = new Set<Feed<RoomMessage>>();
  readonly #presences = new Map<string, number>();
  readonly #receipts = new Set<ChatRoom>();
  readonly #host: RoomHost;
  /** Rooms that get what they have missed, and from which connection. */
  readonly #syncing = new Map<ChatRoom, Connection>();
  #receiptTimer: ReturnType<typeof setTimeout> | undefined;
  #receiptAtMs: number = Number.POSITIVE_INFINITY;
  #connection: Connection | undefined;
  #user: UserInfo | undefined;
  #server = "";
  #state: "online" | "away" = "online";
  #stateNumber = 1;
  #settle!: { resolve(): void; reject(error: unknown): void };

  private constructor(connect: Connect, link: ChatLink, { auth, signal: _, ...options }: ChatOptions) {
    super();
    this.link = link;
    this.rooms = this.#rooms;
    this.closed = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.closed.catch(() => {});
    const client = this;
    this.#host = {
      get connection() {
        return client.#connected;
      },
      send: (message) => this.#outbox.add(message),
      receipt: (room) => this.#receipt(room),
    };
    const host: LoginHost = {
      get connection() {
        return client.#connected;
      },
      get user() {
        return client.user.name;
      },
      dialer: (auth) => new Dialer(connect, link, authOf(auth, link), options),
    };
    this.login = new Login(host, auth);
  }

  /** As `ChatClient.connect`, by a runtime's own `connect`. */
  static async open(connect: Connect, link: string, options: ChatOptions): Promise<Client> {
    const client = new Client(connect, parseLink(link), options);
    const { signal } = options;
    signal?.throwIfAborted();
    onAbort(
      client.#stop.signal,
      onAbort(signal, () => client.#finish(signal!.reason)),
    );
    try {
      const connection = await client.#connect();
      void client.#run(connection);
      return client;
    } catch (error) {
      client.#finish(error);
      throw signal?.aborted ? signal.reason : error;
    }
  }

  /** Who has logged in. */
  get user(): UserInfo {
    return this.#user!;
  }
  /** What the server calls itself. */
  get server(): string {
    return this.#server;
  }
  /** Whether there is a connection at present. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }
  /** How it is connected, or was last: by UDP (`udp:`), or through a gateway by WebTransport (`https:`) or WebSocket. */
  get url(): string {
    return this.login.url;
  }
  /** What was sent and is not stored yet. */
  get pending(): Outgoing[] {
    return this.#outbox.messages;
  }

  get #connected(): Connection {
    if (this.#connection === undefined) throw notConnected();
    return this.#connection;
  }

  // Being connected

  async #connect(): Promise<Connection> {
    const session = await this.login.dial(this.#stop.signal);
    let connection: Connection | undefined;
    const user: ConnectionUser = {
      event: (name, event) => this.#event(connection!, name, event),
      signal: (signal) => this.#signal(signal),
    };
    try {
      connection = await Connection.open(session, user);
      const welcome = await new Promise<Result<"hello">>((resolve, reject) => {
        connection!.call(
          "hello",
          { version: VERSION },
          (result) => {
            // At once: rooms may change in the next message.
            this.#welcome(result);
            resolve(result);
          },
          reject,
        );
      });
      if (welcome.user === undefined) throw new ChatError("not_allowed", "an invitation is not a login");
    } catch (error) {
      session.close();
      const end = await session.closed.catch(() => undefined);
      throw endError(end) ?? error;
    }
    this.#connection = connection;
    this.#outbox.attach(connection);
    if (this.#state !== "online") this.#tellState();
    this.emit("connected", { user: this.user });
    // Not by a timer, which a hidden page holds back: the answers come when the caller that has waited for this listens.
    for (const room of this.#rooms.values()) this.#sync(connection, room);
    return connection;
  }

  #welcome({ user, rooms, server }: Result<"hello">): void {
    if (user === undefined) return;
    this.#user = user;
    this.#server = server;
    // Of another session, whose server may count from another number.
    this.#presences.clear();
    for (const info of rooms) this.#adopt(info);
    const ids = new Set(rooms.map(({ id }) => id));
    for (const id of [...this.#rooms.keys()]) if (!ids.has(id)) this.#leave(id);
  }

  #adopt(info: RoomInfo): ChatRoom {
    let room = this.#rooms.get(info.id);
    if (room === undefined) {
      room = new ChatRoom(this.#host, info);
      this.#rooms.set(info.id, room);
    } else room.update(info);
    return room;
  }

  /** Gets what was missed, as fast as it is taken; then the server goes on with what comes. */
  #sync(connection: Connection, room: ChatRoom): void {
    if (this.#syncing.get(room) === connection) return;
    this.#syncing.set(room, connection);
    const isCurrent = () => this.#syncing.get(room) === connection;
    const done = () => {
      if (isCurrent()) this.#syncing.delete(room);
    };
    const next = () => {
      if (!isCurrent()) return;
      connection.call(
        "room.sync",
        { room: room.id, after: room.position },
        ({ entries, more }) => {
          if (!isCurrent()) return;
          for (const entry of entries) this.#entry(room, entry);
          if (more) void Promise.resolve(this.#spare).then(next);
          else done();
        },
        // Whoever is not in the room any more is told so.
        done,
      );
    };
    void Promise.resolve(this.#spare).then(next);
  }

  async #run(connection: Connection): Promise<void> {
    let current: Connection | undefined = connection;
    let pauseMs = FIRST_PAUSE_MS;
    let refusals = 0;
    while (!this.#stop.signal.aborted) {
      let failure: unknown = new ChatError("disconnected", "the connection is lost");
      try {
        current ??= await this.#connect();
        pauseMs = FIRST_PAUSE_MS;
        refusals = 0;
        const end = await current.session.closed;
        failure = endError(end) ?? failure;
      } catch (error) {
        failure = error;
      }
      current = undefined;
      this.#connection = undefined;
      this.#outbox.detach();
      if (this.#stop.signal.aborted) return;
      if (isFinal(failure)) {
        refusals++;
        pauseMs = Math.max(pauseMs, REFUSED_PAUSE_MS);
      }
      // It may be the same again, and is no reason to stay away.
      if (failure instanceof ChatError && failure.code === "malformed") pauseMs = MAX_PAUSE_MS;
      if (refusals === REFUSALS || isMistake(failure) || isRefusal(failure)) {
        this.#finish(failure);
        return;
      }
      const retryAfterMs = pauseMs * (0.5 + Math.random() / 2);
      this.emit("disconnected", { error: failure as Error, retryAfterMs });
      await pause(retryAfterMs, this.#stop.signal);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  }

  #finish(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(error ?? new ChatError("closed", "the client is closed"));
    clearTimeout(this.#receiptTimer);
    this.#tellReceipts();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.session.close();
    this.#outbox.end(new ChatError("closed", "the client is closed"));
    for (const room of this.#rooms.values()) room.end();
    for (const feed of this.#feeds) feed.end();
    if (error === undefined) this.#settle.resolve();
    else this.#settle.reject(error);
    this.emit("closed", { error: error as Error | undefined });
  }

  /** Ends it. What was not stored is given up: {@link pending} says what that is. Idempotent. */
  async close(): Promise<void> {
    const session = this.#connection?.session;
    this.#finish(undefined);
    await session?.closed.catch(() => {});
  }

  // What the server says

  #event<E extends EventName>(connection: Connection, name: E, event: Events[E]): void {
    switch (name) {
      case "user":
        this.#user = (event as Events["user"]).user;
        this.emit("user", { user: this.#user });
        return;
      case "entry": {
        const { room: id, entry } = event as Events["entry"];
        const room = this.#rooms.get(id);
        // What comes before a catch-up ends is in it.
        if (room === undefined || this.#syncing.get(room) === connection) return;
        if (entry.position <= room.position + 1 && this.#spare === undefined) this.#entry(room, entry);
        else this.#sync(connection, room);
        return;
      }
      case "room": {
        const { room: info } = event as Events["room"];
        const isNew = !this.#rooms.has(info.id);
        const room = this.#adopt(info);
        this.emit("room", { room });
        if (isNew) this.#sync(connection, room);
        return;
      }
      case "left": {
        const { room, by } = event as Events["left"];
        this.#leave(room, by);
        return;
      }
      case "receipts": {
        const { room: id, receipts } = event as Events["receipts"];
        const room = this.#rooms.get(id);
        if (room === undefined) return;
        for (const { user, read } of receipts) if (user === this.user.name) room.readElsewhere(read);
        this.emit("receipts", { room, receipts });
      }
    }
  }

  #entry(room: ChatRoom, entry: Entry): void {
    if (!room.receive(entry)) return;
    this.emit("entry", { room, entry });
    if (entry.kind === "message") {
      const message = { room, message: entry };
      this.emit("message", message);
      for (const feed of this.#feeds) feed.push(message);
    }
    this.#receipt(room);
  }

  #leave(id: number, by?: string): void {
    const room = this.#rooms.get(id);
    if (room === undefined) return;
    this.#rooms.delete(id);
    room.end();
    this.emit("left", { room, by });
  }

  #signal(signal: Signal): void {
    if (signal.kind === "typing") {
      const room = this.#rooms.get(signal.room);
      const { user, position } = signal;
      if (room === undefined || user === undefined || room.hasMoved(user, position)) return;
      this.emit("typing", { room, user });
    } else if (signal.kind === "presence") {
      for (const { user, state, number } of signal.users) {
        if (number <= (this.#presences.get(user) ?? 0)) continue;
        this.#presences.set(user, number);
        this.emit("presence", { user, state });
      }
    }
  }

  /** Settles once all iterations have room for more; nothing if they have. */
  get #spare(): Promise<void> | undefined {
    for (const feed of this.#feeds) if (feed.isFull) return feed.drained();
    for (const room of this.#rooms.values()) if (room.isFull) return room.drained();
    return undefined;
  }

  // Receipts

  #receipt(room: ChatRoom): void {
    this.#receipts.add(room);
    // Not those of a whole large room at once.
    const delayMs = room.isSmall ? RECEIPT_MS : LARGE_RECEIPT_MS * (0.5 + Math.random() / 2);
    const atMs = performance.now() + delayMs;
    if (atMs >= this.#receiptAtMs) return;
    clearTimeout(this.#receiptTimer);
    this.#receiptAtMs = atMs;
    this.#receiptTimer = setTimeout(() => this.#tellReceipts(), delayMs);
  }

  #tellReceipts(): void {
    this.#receiptAtMs = Number.POSITIVE_INFINITY;
    const connection = this.#connection;
    if (connection !== undefined) {
      for (const { id, position, read, isMember } of this.#receipts) {
        if (isMember) connection.tell("receipt", { room: id, delivered: position, read });
      }
    }
    this.#receipts.clear();
  }

  // What users do

  /** Messages in all rooms, as they come. Those that are not taken wait on the server. */
  messages(): AsyncIterableIterator<RoomMessage> {
    const feed: Feed<RoomMessage> = new Feed(FEED_LIMIT, () => this.#feeds.delete(feed));
    this.#feeds.add(feed);
    return feed;
  }

  /** Rooms that can be joined, and those that this user is in. */
  async listRooms(): Promise<RoomInfo[]> {
    const all: RoomInfo[] = [];
    for (;;) {
      const after = all.at(-1)?.name;
      const { rooms, more } = await this.#connected.request(
        "rooms.list",
        after === undefined ? {} : { after },
      );
      all.push(...rooms);
      if (!more) return all;
    }
  }

  /**
   * Makes a room, with this user as its owner.
   * @throws ChatError name_taken
   */
  async createRoom(name: string, options: { topic?: string; access?: Access } = {}): Promise<ChatRoom> {
    const { topic = "", access = "public" } = options;
    return this.#entered((connection) => connection.request("room.create", { name, topic, access }));
  }

  /** @param room its number, or its name */
  async join(room: number | string): Promise<ChatRoom> {
    if (typeof room === "number") {
      return this.#entered((connection) => connection.request("room.join", { room }));
    }
    const name = fold(room);
    const found = (await this.listRooms()).find((each) => fold(each.name) === name);
    if (found === undefined) throw new ChatError("not_found", "there is no such room");
    return this.join(found.id);
  }

  /** Names of up to 20 users that begin so, whatever their case: of those who can log in. */
  async findUsers(prefix: string): Promise<string[]> {
    return (await this.#connected.request("users.find", { prefix: normalized(prefix) })).users;
  }

  /**
   * The conversation with another user.
   * @param user their name, whatever its case
   */
  async direct(user: string): Promise<ChatRoom> {
    return this.#entered((connection) => connection.request("direct.open", { user: normalized(user) }));
  }

  async #entered(enter: (connection: Connection) => Promise<{ room: RoomInfo }>): Promise<ChatRoom> {
    const connection = this.#connected;
    const { room: info } = await enter(connection);
    const isNew = !this.#rooms.has(info.id);
    const room = this.#adopt(info);
    if (isNew) this.#sync(connection, room);
    return room;
  }

  /** A link that lets one new user in, once: a secret, of which the server knows only how to recognise it. */
  async invite(options: { room?: ChatRoom; role?: Role; validMs?: number } = {}): Promise<string> {
    const { room, role, validMs = 7 * 86_400_000 } = options;
    const { createInvitation } = await loadPart(() => import("../invitation.ts"));
    const { invitation, record } = await createInvitation();
    await this.#connected.request("invitation.create", {
      record,
      validMs,
      ...(room === undefined ? {} : { room: room.id }),
      ...(role === undefined ? {} : { role }),
    });
    return formatLink({ ...this.link, invitation });
  }

  /**
   * What a user is on the server, in all rooms: as an owner.
   * @throws ChatError not_allowed for the last owner
   */
  async setRole(user: string, role: Role): Promise<void> {
    await this.#connected.request("user.role", { user: normalized(user), role });
  }

  /**
   * For all of the server: ends what the other has open and has handed out, and lets them log in no more.
   * @returns who has come by the other's invitations before, the newest first, 200 at most
   */
  async ban(user: string, isBanned = true): Promise<string[]> {
    return (await this.#connected.request("user.ban", { user: normalized(user), isBanned })).invited;
  }

  /** Takes a user off the server: as {@link ban}, and forgets how they log in. */
  async removeUser(user: string): Promise<string[]> {
    return (await this.#connected.request("user.remove", { user: normalized(user) })).invited;
  }

  /** Sent again until it has arrived, or is another. */
  #tellState(): void {
    const connection = this.#connection;
    const state = this.#state;
    const number = this.#stateNumber;
    connection?.send({ kind: "state", state, number }, (hasArrived) => {
      if (!hasArrived && connection === this.#connection && number === this.#stateNumber) this.#tellState();
    });
  }

  /** What others see: on a datagram. */
  setState(state: "online" | "away"): void {
    this.#state = state;
    this.#stateNumber++;
    this.#tellState();
  }
}

/** Why a session was ended by the other side, if that says anything. */
function endError(end: CloseInfo | undefined): Error | undefined {
  switch (end?.closeCode) {
    case CloseCode.banned:
      return new ChatError("banned", "this user was banned");
    case CloseCode.removed:
      return new ChatError("not_allowed", "this user was removed");
    case CloseCode.malformed:
      return new ChatError("malformed", "the sides do not understand each other");
    case CloseCode.revoked:
      return new SealgramError("revoked", "what this client has logged in with was changed or removed");
    default:
      return undefined;
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof SealgramError) return error.code === "revoked";
  return error instanceof ChatError && ["banned", "not_allowed", "version"].includes(error.code);
}
