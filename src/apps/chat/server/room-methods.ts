/** Methods about rooms: finding, joining and running them. */

import { ChatError, type Empty, type Result } from "../protocol.ts";
import type { User } from "./accounts.ts";
import { announce, type Handlers, type House, type Outcome } from "./house.ts";
import { rankOf } from "./rooms.ts";

/** Once a user is in another room. What others have put them into is counted apart: it takes no place of their own. */
function requireRoomsWithin(house: House, user: User, kind: "chosen" | "put" = "chosen"): void {
  if (house.rooms.countOf(user, kind) > house.limits.rooms)
    throw new ChatError("too_many", `${user.name} is in too many rooms`);
}

/** Puts a user into a room, by their choice or not; nothing if they are there already. */
export function enter(house: House, user: User, room: number, isChosen: boolean): (() => void) | undefined {
  if (!house.rooms.enter(user, room, isChosen)) return undefined;
  requireRoomsWithin(house, user, isChosen ? "chosen" : "put");
  const entry = house.entries.append(room, user, { kind: "join" });
  const info = house.rooms.seenBy(user, room);
  return () => {
    announce(house, user, room, entry)();
    house.live.toUser(user, "room", { room: info });
  };
}

/** A conversation that others have begun with a user, or go on with: the oldest that was not answered gives way. */
export function beFound(house: House, user: User, room: number): () => void {
  house.rooms.enter(user, room, false);
  const tooMany = house.rooms.countOf(user, "direct") > house.limits.rooms;
  const oldest = tooMany ? house.rooms.oldestUnanswered(user, room) : undefined;
  const closed = oldest === undefined ? undefined : close(house, user, oldest);
  const info = house.rooms.seenBy(user, room);
  return () => {
    closed?.();
    house.live.toUser(user, "room", { room: info });
  };
}

/** Closes a conversation on one side: it comes back when the other goes on with it, or this one does. */
function close(house: House, user: User, room: number): () => void {
  house.rooms.leave(user, room);
  return () => house.live.expel(user, room);
}

/** Takes a user out of a room. */
export function expel(house: House, user: User, room: number, by?: User): () => void {
  house.rooms.leave(user, room);
  const entry = house.entries.append(room, user, { kind: "leave", ...(by === undefined ? {} : { by }) });
  return () => {
    house.live.expel(user, room, by);
    announce(house, user, room, entry)();
  };
}

/** @throws ChatError unless a user may remove another from a room */
function requireAbove(house: House, user: User, other: User, room: number): void {
  const { rank } = house.rooms.moderated(user, room);
  if (rank <= house.rooms.rankOf(other, room))
    throw new ChatError("not_allowed", "that takes somebody with a higher role");
}

type Names =
  | "rooms.list"
  | "room.create"
  | "room.join"
  | "room.add"
  | "room.leave"
  | "room.topic"
  | "room.members"
  | "room.role"
  | "room.remove"
  | "room.ban"
  | "direct.open";

export const roomMethods: Handlers<Names> = {
  "rooms.list": {
    isRead: true,
    run: ({ rooms }, user, { after = "" }) => ({ result: rooms.listedTo(user, after) }),
  },
  "room.create": {
    isCreation: true,
    run(house, user, { name, topic = "", access }): Outcome<Result<"room.create">> {
      const room = house.rooms.create(user, name, topic, access);
      requireRoomsWithin(house, user);
      return { result: { room }, effect: () => house.live.toUser(user, "room", { room }) };
    },
  },
  "room.join": {
    messages: () => 1,
    run(house, user, { room }): Outcome<Result<"room.join">> {
      // Who cannot see it cannot join it.
      const { access, role } = house.rooms.seenBy(user, room);
      if (role === undefined && access !== "public") throw new ChatError("not_allowed", "by invitation only");
      const effect = enter(house, user, room, true);
      const result = { room: house.rooms.seenBy(user, room) };
      return effect === undefined ? { result } : { result, effect };
    },
  },
  "room.add": {
    messages: () => 1,
    run(house, user, { room, user: name }): Outcome<Empty> {
      const { room: info } = house.rooms.of(user, room);
      if (info.kind === "direct") throw new ChatError("not_allowed", "a conversation of two stays one");
      if (info.access === "members") house.rooms.moderated(user, room);
      const effect = enter(house, house.accounts.named(name), room, false);
      return effect === undefined ? { result: {} } : { result: {}, effect };
    },
  },
  "room.leave": {
    messages: () => 1,
    run(house, user, { room }): Outcome<Empty> {
      const { room: info } = house.rooms.of(user, room);
      return { result: {}, effect: (info.kind === "direct" ? close : expel)(house, user, room) };
    },
  },
  "room.topic": {
    messages: () => 1,
    run(house, user, { room, topic }): Outcome<Empty> {
      house.rooms.moderated(user, room);
      house.rooms.setTopic(room, topic);
      const entry = house.entries.append(room, user, { kind: "topic", text: topic });
      return { result: {}, effect: announce(house, user, room, entry) };
    },
  },
  "room.members": {
    isRead: true,
    run({ rooms, live }, user, { room, after = "" }): Outcome<Result<"room.members">> {
      rooms.of(user, room);
      const { members, more } = rooms.members(room, after);
      const present = members.map((member) => ({ ...member, presence: live.presenceOf(member.user) }));
      return { result: { members: present, more } };
    },
  },
  "room.role": {
    run(house, user, { room, user: name, role }): Outcome<Empty> {
      const other = house.accounts.named(name);
      if (house.rooms.of(user, room).rank < rankOf("owner"))
        throw new ChatError("not_allowed", "that takes an owner");
      house.rooms.setRole(other, room, role);
      if (!house.rooms.hasOwner(room)) throw new ChatError("not_allowed", "the room needs an owner");
      const info = house.rooms.seenBy(other, room);
      return { result: {}, effect: () => house.live.toUser(other, "room", { room: info }) };
    },
  },
  "room.remove": {
    messages: () => 1,
    run(house, user, { room, user: name }): Outcome<Empty> {
      const other = house.accounts.named(name);
      requireAbove(house, user, other, room);
      if (!house.rooms.isMember(other, room)) throw new ChatError("not_a_member", "not in the room");
      return { result: {}, effect: expel(house, other, room, user) };
    },
  },
  "room.ban": {
    messages: () => 1,
    run(house, user, { room, user: name, isBanned }): Outcome<Empty> {
      const other = house.accounts.named(name);
      requireAbove(house, user, other, room);
      house.rooms.setBan(other, room, isBanned);
      if (!isBanned || !house.rooms.isMember(other, room)) return { result: {} };
      return { result: {}, effect: expel(house, other, room, user) };
    },
  },
  "direct.open": {
    run(house, user, { user: name }, caller): Outcome<Result<"direct.open">> {
      const other = house.accounts.named(name);
      const { room, isNew, isEntered } = house.rooms.direct(user, other);
      if (!isEntered) return { result: { room } };
      requireRoomsWithin(house, user);
      const tell = () => house.live.toUser(user, "room", { room });
      if (!isNew) return { result: { room }, effect: tell };
      caller.countCreation();
      const told = beFound(house, other, room.id);
      const effect = () => {
        tell();
        told();
      };
      return { result: { room }, effect };
    },
  },
};
