/** Methods about users: invitations, what they log in with, and keeping them out. */

import { ChatError, CloseCode, type Empty, Limit, type Result } from "../protocol.ts";
import type { Invited, User } from "./accounts.ts";
import { peerKind } from "./credentials.ts";
import type { Handlers, House, Outcome } from "./house.ts";
import { expel } from "./room-methods.ts";
import { type Rooms, rankOf } from "./rooms.ts";

/** @throws ChatError not_allowed unless one may do something about the other */
function requireAbove(user: User, other: User): void {
  if (rankOf(user.role) === 0 || rankOf(user.role) <= rankOf(other.role))
    throw new ChatError("not_allowed", "that takes somebody with a higher role");
}

/** @throws ChatError unless that user may invite to that, as when it was made so when it is used */
export function requireMayInvite(rooms: Rooms, { maker, role, room }: Invited): void {
  if (maker === undefined) return;
  if (role !== "member" && rankOf(maker.role) <= rankOf(role))
    throw new ChatError("not_allowed", "an invitation is for a lower role than one's own");
  if (room === undefined) return;
  const { room: info } = rooms.of(maker, room);
  if (info.kind === "direct") throw new ChatError("not_allowed", "a conversation of two stays one");
  if (info.access === "members") rooms.moderated(maker, room);
}

/** Ends all that a user has open, or is about to, and what they have handed out. */
function excluded(house: House, user: User, closeCode: number, reason: string): () => void {
  const credentials = house.credentials.of(user);
  const invitations = house.accounts.forgetInvitationsBy(user);
  return () => {
    house.live.end(user, closeCode, reason);
    for (const identity of invitations)
      house.closeSessionsOf({ kind: "password", identity }, { closeCode: CloseCode.revoked, reason });
    // Who has not said hello yet.
    for (const { kind, id } of credentials)
      house.closeSessionsOf({ kind: peerKind(kind), identity: id }, { closeCode, reason });
  };
}

type Names =
  | "invitation.create"
  | "credential.list"
  | "credential.add"
  | "credential.remove"
  | "users.find"
  | "user.role"
  | "user.ban"
  | "user.remove";

export const accountMethods: Handlers<Names> = {
  "invitation.create": {
    isCreation: true,
    run({ accounts, rooms }, maker, { record, room, role = "member", validMs }): Outcome<Empty> {
      const invited = { maker, role, room };
      requireMayInvite(rooms, invited);
      accounts.invite(record, invited, validMs);
      return { result: {} };
    },
  },
  "credential.list": {
    isRead: true,
    run: ({ credentials }, user) => ({ result: { credentials: credentials.of(user) } }),
  },
  "credential.add": {
    isCreation: true,
    run({ credentials }, user, { credential }, caller): Outcome<Empty> {
      credentials.add(user, caller.credential(credential));
      if (credential.kind !== "password") return { result: {} };
      return { result: {}, effect: () => caller.endOthersBy("password", user.name) };
    },
  },
  "credential.remove": {
    run({ credentials }, user, { kind, id }, caller): Outcome<Empty> {
      credentials.remove(user, kind, id);
      return { result: {}, effect: () => caller.endOthersBy(kind, id) };
    },
  },
  "users.find": {
    isRead: true,
    run: ({ accounts }, _, { prefix }) => ({ result: { users: accounts.namesLike(prefix, Limit.found) } }),
  },
  "user.role": {
    run({ accounts, live }, user, { user: name, role }): Outcome<Empty> {
      if (user.role !== "owner") throw new ChatError("not_allowed", "that takes the server's owner");
      const other = accounts.named(name);
      if (other.role === role) return { result: {} };
      const changed = accounts.setRole(other, role);
      if (!accounts.hasOwner) throw new ChatError("not_allowed", "the server needs an owner");
      return { result: {}, effect: () => live.update(changed) };
    },
  },
  "user.ban": {
    run(house, user, { user: name, isBanned }): Outcome<Result<"user.ban">> {
      const other = house.accounts.named(name);
      requireAbove(user, other);
      house.accounts.exclude(other, isBanned ? "ban" : "allow");
      const result = { invited: house.accounts.invitedBy(other, Limit.page) };
      if (!isBanned) return { result };
      return { result, effect: excluded(house, other, CloseCode.banned, "banned") };
    },
  },
  "user.remove": {
    run(house, user, { user: name }): Outcome<Result<"user.remove">> {
      const other = house.accounts.named(name);
      if (other.id !== user.id) requireAbove(user, other);
      // Conversations of two stay, with the name of whom they were with.
      const left = house.rooms
        .ofUser(other)
        .filter(({ kind }) => kind === "room")
        .map((room) => expel(house, other, room.id, other.id === user.id ? undefined : user));
      const ended = excluded(house, other, CloseCode.removed, "removed");
      const effect = () => {
        ended();
        for (const tell of left) tell();
      };
      house.credentials.removeAll(other);
      house.accounts.exclude(other, "remove");
      return { result: { invited: house.accounts.invitedBy(other, Limit.page) }, effect };
    },
  },
};
