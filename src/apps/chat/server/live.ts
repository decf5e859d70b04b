/** Who is here: the sessions of each user, those that follow each room, and what others are told of it. */

import { frame } from "../channel.ts";
import {
  type EventName,
  type Events,
  Limit,
  type PresenceChange,
  type PresenceState,
  SMALL_ROOM,
} from "../protocol.ts";
import type { Receipt } from "../types.ts";
import type { User } from "./accounts.ts";
import { Audience } from "./audience.ts";
import type { Caller } from "./house.ts";
import type { Rooms } from "./rooms.ts";
import type { Usages } from "./usage.ts";

/** Between two times that changes of presence, and receipts, are told: what changes meanwhile is told once. */
const TELL_MS = 250;

interface Presence {
  readonly sessions: Map<Caller, PresenceState>;
  state: PresenceState;
  number: number;
}

const encoder = new TextEncoder();

export class Live {
  readonly #rooms: Rooms;
  readonly #usages: Usages;
  readonly #report: (error: unknown) => void;
  readonly #users = new Map<number, Set<Caller>>();
  readonly #audiences = new Map<number, Audience>();
  readonly #presences = new Map<string, Presence>();
  /** Users whose state has changed, while it is not known yet who is to be told. */
  readonly #changed = new Set<number>();
  readonly #presenceFor = new Map<Caller, Set<string>>();
  readonly #receiptsOf = new Map<number, Map<number, User>>();
  /** Numbers go up over restarts, too. */
  #number = Date.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(rooms: Rooms, usages: Usages, report: (error: unknown) => void) {
    this.#rooms = rooms;
    this.#usages = usages;
    this.#report = report;
  }

  // Sessions

  add(user: User, caller: Caller): void {
    getOrAdd(this.#users, user.id, () => new Set<Caller>()).add(caller);
    this.setState(user, caller, "online");
  }

  remove(user: User, caller: Caller): void {
    const callers = this.#users.get(user.id);
    if (!callers?.delete(caller)) return;
    if (callers.size === 0) this.#users.delete(user.id);
    this.#presenceFor.delete(caller);
    this.setState(user, caller, "offline");
  }

  /** A user has another role now. */
  update(user: User): void {
    const { name, role } = user;
    for (const caller of this.#users.get(user.id) ?? []) caller.become(user);
    this.toUser(user, "user", { user: { name, role } });
  }

  /** Ends all that a user has open. */
  end(user: User, closeCode: number, reason: string): void {
    for (const caller of [...(this.#users.get(user.id) ?? [])]) caller.end(closeCode, reason);
  }

  endAll(closeCode: number, reason: string): void {
    for (const callers of [...this.#users.values()]) {
      for (const caller of [...callers]) caller.end(closeCode, reason);
    }
  }

  // Rooms

  follow(room: number, caller: Caller): void {
    getOrAdd(this.#audiences, room, () => new Audience()).add(caller);
  }

  unfollow(room: number, caller: Caller): void {
    const audience = this.#audiences.get(room);
    audience?.delete(caller);
    if (audience?.size !== 0) return;
    audience.stop();
    this.#audiences.delete(room);
  }

  /** The user is not in that room any more; `by` whom, unless they have left. */
  expel(user: User, room: number, by?: User): void {
    const left = frame(["left", { room, by: by?.name }]);
    // What came before, comes before.
    this.#audiences.get(room)?.flush();
    for (const caller of this.#users.get(user.id) ?? []) {
      caller.follow(room, false);
      caller.send(left);
    }
  }

  /** @returns how many bytes that are, to all who follow it */
  toRoom<E extends EventName>(room: number, name: E, event: Events[E]): number {
    return this.#audiences.get(room)?.tell(frame([name, event])) ?? 0;
  }

  toUser<E extends EventName>(user: User, name: E, event: Events[E]): void {
    const callers = this.#users.get(user.id);
    if (callers === undefined) return;
    const framed = frame([name, event]);
    for (const caller of [...callers]) caller.send(framed);
  }

  /** Somebody who follows a room is writing there. */
  typing(user: User, room: number, position: number, from: Caller): void {
    const audience = this.#audiences.get(room);
    if (audience === undefined || audience.size > SMALL_ROOM || !audience.has(from)) return;
    audience.signal(encode({ kind: "typing", room, position, user: user.name }), from);
  }

  // Receipts

  /** Members of a small room are told of them, soon; in a large one, what else the user has open. */
  receipts(user: User, room: number): void {
    getOrAdd(this.#receiptsOf, room, () => new Map<number, User>()).set(user.id, user);
    this.#schedule();
  }

  // Presence

  presenceOf(name: string): PresenceState {
    return this.#presences.get(name)?.state ?? "offline";
  }

  setState(user: User, caller: Caller, state: PresenceState): void {
    const presence = getOrAdd(this.#presences, user.name, () => ({
      sessions: new Map(),
      state: "offline" as PresenceState,
      number: 0,
    }));
    if (state === "offline") presence.sessions.delete(caller);
    else presence.sessions.set(caller, state);
    const states = [...presence.sessions.values()];
    const now = states.includes("online") ? "online" : (states[0] ?? "offline");
    if (now === presence.state) return;
    presence.state = now;
    presence.number = ++this.#number;
    if (this.#changed.has(user.id)) return;
    this.#changed.add(user.id);
    // Finding out who knows a user is work, which is that user's.
    this.#usages
      .of(user)
      .do(() => this.#markPresences(user))
      .catch(this.#report);
  }

  #markPresences(user: User): void {
    this.#changed.delete(user.id);
    if (this.#isStopped) return;
    for (const id of this.#rooms.acquaintances(user)) {
      for (const each of this.#users.get(id) ?? []) this.#markPresence(each, user.name);
    }
  }

  #markPresence(caller: Caller, name: string): void {
    getOrAdd(this.#presenceFor, caller, () => new Set<string>()).add(name);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tellPresence();
      this.#tellReceipts();
    }, TELL_MS);
  }

  #tellReceipts(): void {
    for (const [room, users] of this.#receiptsOf) {
      const isLarge = (this.#audiences.get(room)?.size ?? 0) > SMALL_ROOM;
      const receipts: Receipt[] = [];
      for (const user of users.values()) {
        const receipt = this.#rooms.receiptOf(user, room);
        if (receipt === undefined) continue;
        if (!isLarge) receipts.push(receipt);
        else if ((this.#users.get(user.id)?.size ?? 0) > 1)
          this.toUser(user, "receipts", { room, receipts: [receipt] });
      }
      if (!isLarge) this.toRoom(room, "receipts", { room, receipts });
    }
    this.#receiptsOf.clear();
  }

  #tellPresence(): void {
    const marked = [...this.#presenceFor];
    this.#presenceFor.clear();
    for (const [caller, names] of marked) {
      let users: PresenceChange[] = [];
      let bytes = 0;
      for (const user of names) {
        const { state, number } = this.#presences.get(user)!;
        // A name has up to 32 characters; the rest of it is 60 bytes.
        const length = encoder.encode(user).length + 60;
        if (bytes + length > Limit.datagram - 40) {
          this.#sendPresence(caller, users);
          users = [];
          bytes = 0;
        }
        users.push({ user, state, number });
        bytes += length;
      }
      this.#sendPresence(caller, users);
    }
  }

  /** What is lost is told again as it is then. */
  #sendPresence(caller: Caller, users: readonly PresenceChange[]): void {
    caller.sendDatagram(encode({ kind: "presence", users }), (hasArrived) => {
      if (hasArrived) return;
      for (const { user, number } of users) {
        if (this.#presences.get(user)?.number === number) this.#markPresence(caller, user);
      }
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const audience of this.#audiences.values()) audience.stop();
  }
}

function encode(signal: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(signal));
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
