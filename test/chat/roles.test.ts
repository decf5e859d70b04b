/** Who may do what: each role in a room and on the server, to each other. */
import { expect, test } from "vitest";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import type { ChatRoom, Role } from "../../src/apps/chat/client/entry.ts";
import { createInvitation } from "../../src/apps/chat/invitation.ts";
import { CloseCode } from "../../src/apps/chat/protocol.ts";
import { Rough } from "./rough.ts";
import { event, failure, Party, take } from "./support.ts";

/** What they are: on the server, and in the room. */
const PEOPLE = {
  stranger: ["member", undefined],
  member: ["member", "member"],
  moderator: ["member", "moderator"],
  owner: ["member", "owner"],
  guard: ["moderator", "member"],
} as const satisfies Record<string, readonly [Role, Role | undefined]>;
type Person = keyof typeof PEOPLE | "olga";
/** The server's owner is in the room as a member. */
const people: readonly Person[] = [...(Object.keys(PEOPLE) as Person[]), "olga"];
const RANK: Readonly<Record<Person, number>> = {
  stranger: 0,
  member: 0,
  moderator: 1,
  owner: 2,
  guard: 1,
  olga: 2,
};

function roleOnServer(person: Person): Role {
  return person === "olga" ? "owner" : PEOPLE[person][0];
}

const unlimited = { perSecond: 1e6, burst: 1e6 };
const limits = { messages: unlimited, creations: unlimited, requests: unlimited };

/** A room with everybody in it but the stranger, who say what they like. */
async function opened(access: "public" | "members") {
  const party = await Party.open(undefined, { limits });
  const olga = await party.owner();
  const say = {} as Record<Person, Rough>;
  for (const [person, [role]] of Object.entries(PEOPLE)) {
    const auth = await party.chat.join(await olga.invite({ role }), { name: person });
    say[person as Person] = await Rough.hello(party, auth);
  }
  say.olga = await Rough.hello(party, await olga.login.addPsk());
  const { result } = await say.owner.call("room.create", { name: "garden", access });
  const room = (result as { room: { id: number } }).room.id;
  for (const user of ["member", "moderator", "guard", "olga"])
    expect(await say.owner.answer("room.add", { room, user })).toBe("ok");
  expect(await say.owner.answer("room.role", { room, user: "moderator", role: "moderator" })).toBe("ok");
  return { room, say };
}

const MEMBERS = people.filter((person) => person !== "stranger");
const MODERATORS = MEMBERS.filter((person) => RANK[person] >= 1);
const OWNERS = MEMBERS.filter((person) => RANK[person] >= 2);

const ACCESS = [
  ["public", "not_a_member"],
  ["members", "not_found"],
] as const;

/** Asks the same of everybody. */
async function answers(
  { say, room }: Awaited<ReturnType<typeof opened>>,
  method: string,
  params: (person: Person) => object,
): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const person of people) all[person] = await say[person].answer(method, { room, ...params(person) });
  return all;
}

/** Allowed to some; others hear why not, and a stranger that there is no such room, or that they are not in it. */
function allowedTo(some: readonly Person[], unseen: string): Record<string, string> {
  const answer = (person: Person) =>
    person === "stranger" ? unseen : some.includes(person) ? "ok" : "not_allowed";
  return Object.fromEntries(people.map((person) => [person, answer(person)]));
}

test.each(ACCESS)("with access for %s: reading and writing", async (access, unseen) => {
  const chat = await opened(access);
  const { say, room } = chat;
  for (const method of ["room.history", "room.sync", "room.members", "room.receipts"])
    expect(await answers(chat, method, () => ({})), method).toEqual(allowedTo(MEMBERS, unseen));
  const own = () => ({ id: newId(), text: "hello" });
  expect(await answers(chat, "message.send", own)).toEqual(allowedTo(MEMBERS, unseen));
  const send = async (person: Person) =>
    (await say[person].call("message.send", { room, ...own() })).result as { position: number };
  const { position } = await send("member");
  const edit = () => ({ position, text: "edited" });
  expect(await answers(chat, "message.edit", edit)).toEqual(allowedTo(["member"], unseen));
  for (const person of MEMBERS) {
    const isAllowed = person === "owner" || MODERATORS.includes(person);
    const { position } = await send("owner");
    const code = await say[person].answer("message.delete", { room, position });
    expect(code, person).toBe(isAllowed ? "ok" : "not_allowed");
  }
});

test.each(ACCESS)("with access for %s: its topic, roles and doors", async (access, unseen) => {
  const chat = await opened(access);
  const { say, room } = chat;
  expect(await answers(chat, "room.topic", (person) => ({ topic: person }))).toEqual(
    allowedTo(MODERATORS, unseen),
  );
  expect(await answers(chat, "room.role", () => ({ user: "guard", role: "member" }))).toEqual(
    allowedTo(OWNERS, unseen),
  );
  // There always is an owner.
  const role = (by: Person, user: Person, role: Role) => say[by].answer("room.role", { room, user, role });
  expect(await role("owner", "owner", "member")).toBe("not_allowed");
  expect(await role("owner", "moderator", "owner")).toBe("ok");
  expect(await role("owner", "owner", "member")).toBe("ok");
  expect(await role("moderator", "owner", "owner")).toBe("ok");
  expect(await role("owner", "moderator", "moderator")).toBe("ok");
  expect(await role("owner", "stranger", "moderator")).toBe("not_a_member");

  const some = access === "public" ? MEMBERS : MODERATORS;
  expect(await answers(chat, "room.add", () => ({ user: "olga" }))).toEqual(allowedTo(some, unseen));
  const invited: Record<string, string> = {};
  for (const person of people) {
    const { record } = await createInvitation();
    invited[person] = await say[person].answer("invitation.create", { record, room, validMs: 60_000 });
  }
  expect(invited).toEqual(allowedTo(some, unseen));
  expect(await say.stranger.answer("room.join", { room })).toBe(access === "public" ? "ok" : "not_found");
});

test.each(ACCESS)("with access for %s: out, and out for good, by somebody above", async (access, unseen) => {
  const { say, room } = await opened(access);
  for (const method of ["room.remove", "room.ban"]) {
    const isBan = method === "room.ban";
    for (const actor of people) {
      for (const target of MEMBERS) {
        const params = { room, user: target, ...(isBan ? { isBanned: true } : {}) };
        const isAbove = RANK[actor] >= 1 && RANK[actor] > RANK[target];
        const expected = actor === "stranger" ? unseen : isAbove ? "ok" : "not_allowed";
        expect(await say[actor].answer(method, params), `${method}: ${actor}, ${target}`).toBe(expected);
        if (expected !== "ok") continue;
        expect(await say[target].answer("room.history", { room })).toBe(unseen);
        if (isBan) {
          expect(await say.owner.answer("room.add", { room, user: target })).toBe("banned");
          const back = { room, user: target, isBanned: false };
          expect(await say.owner.answer("room.ban", back)).toBe("ok");
        }
        expect(await say.owner.answer("room.add", { room, user: target })).toBe("ok");
        if (target !== "moderator") continue;
        const again = { room, user: target, role: "moderator" };
        expect(await say.owner.answer("room.role", again)).toBe("ok");
      }
    }
  }
});

test("on the server moderators ban and remove members, owners everybody, and nobody an equal", async () => {
  const { say } = await opened("public");
  const serverRank = (person: Person) => ({ member: 0, moderator: 1, owner: 2 })[roleOnServer(person)];
  for (const method of ["user.ban", "user.remove"]) {
    for (const actor of people) {
      for (const target of people) {
        const isAllowed =
          serverRank(actor) > serverRank(target) || (method === "user.remove" && actor === target);
        if (isAllowed) continue;
        const params = { user: target, ...(method === "user.ban" ? { isBanned: true } : {}) };
        expect(await say[actor].answer(method, params), `${actor} and ${target}`).toBe("not_allowed");
      }
    }
  }
  const ends = (person: Person) => say[person].session.closed;
  const ended = [ends("member"), ends("stranger"), ends("guard"), ends("owner")];
  expect(await say.guard.answer("user.ban", { user: "member", isBanned: true })).toBe("ok");
  expect(await say.guard.answer("user.remove", { user: "stranger" })).toBe("ok");
  expect(await say.olga.answer("user.ban", { user: "guard", isBanned: true })).toBe("ok");
  // One may always go oneself.
  await failure(say.owner.answer("user.remove", { user: "owner" }));
  expect((await Promise.all(ended)).map(({ closeCode }) => closeCode)).toEqual([
    CloseCode.banned,
    CloseCode.removed,
    CloseCode.banned,
    CloseCode.removed,
  ]);
  expect(await say.moderator.answer("user.ban", { user: "olga", isBanned: true })).toBe("not_allowed");
});

test("roles on the server are the owner's to give, count at once, and there always is an owner", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const [ann, bob] = [await party.user("ann"), await party.user("bob")];
  expect(await failure(ann.setRole("ann", "owner"))).toMatchObject({ code: "not_allowed" });
  expect(await failure(olga.setRole("olga", "member"))).toMatchObject({ code: "not_allowed" });
  expect(await failure(olga.setRole("nobody", "member"))).toMatchObject({ code: "not_found" });
  expect(await failure(ann.ban("bob"))).toMatchObject({ code: "not_allowed" });
  const told = event(ann, "user");
  await olga.setRole("ann", "moderator");
  expect((await told).user).toEqual({ name: "ann", role: "moderator" });
  expect(ann.user.role).toBe("moderator");
  await ann.ban("bob");
  await failure(bob.closed);
  expect(await failure(ann.setRole("ann", "owner"))).toMatchObject({ code: "not_allowed" });
  const owns = event(ann, "user");
  await olga.setRole("ann", "owner");
  expect((await owns).user.role).toBe("owner");
  await ann.setRole("olga", "member");
  expect(await failure(olga.ban("ann"))).toMatchObject({ code: "not_allowed" });
  expect(await failure(olga.setRole("olga", "owner"))).toMatchObject({ code: "not_allowed" });
});

test("a room whose owner leaves is a moderator's, and else that of who has been there longest", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const [ann, bob] = [await party.user("ann"), await party.user("bob")];
  const [anns, bobs] = [await ann.join(room.id), await bob.join(room.id)];
  await room.setRole("bob", "moderator");
  await room.leave();
  expect((await bobs.members()).map(({ user, role }) => [user, role])).toEqual([
    ["ann", "member"],
    ["bob", "owner"],
  ]);
  await bobs.leave();
  expect((await anns.members()).map(({ role }) => role)).toEqual(["owner"]);
});

test("whoever is removed from the server is seen to leave, and conversations with them keep their name", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room: ChatRoom = await olga.createRoom("garden");
  await bob.join(room.id);
  const direct = await olga.direct("bob");
  await direct.send("hello");
  const entries = olga.messages();
  await take(1, entries);
  const left = event(olga, "entry", ({ entry }) => entry.kind === "leave");
  await olga.removeUser("bob");
  expect((await left).entry).toMatchObject({ author: "bob", by: "olga" });
  expect((await room.members()).map(({ user }) => user)).toEqual(["olga"]);
  const back = event(olga, "connected");
  await party.restart();
  await back;
  expect(olga.rooms.get(direct.id)!.name).toBe("bob");
  expect((await failure(olga.direct("bob"))).code).toBe("not_found");
});
