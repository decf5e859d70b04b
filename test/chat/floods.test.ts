/** What one user can ask for, store and make others keep: all of it has an end, and an error that says so. */
import { expect, onTestFinished, test, vi } from "vitest";
import { frame } from "../../src/apps/chat/channel.ts";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import type { Client } from "../../src/apps/chat/client/entry.ts";
import type { User } from "../../src/apps/chat/server/accounts.ts";
import { Attachments } from "../../src/apps/chat/server/attachments.ts";
import { Bucket } from "../../src/apps/chat/server/bucket.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { Entries } from "../../src/apps/chat/server/entries.ts";
import { defaultLimits } from "../../src/apps/chat/server/limits.ts";
import { Rooms } from "../../src/apps/chat/server/rooms.ts";
import { Rough } from "./rough.ts";
import { event, failure, Party, take, temporaryFolder } from "./support.ts";

/** Nothing comes again for a long time. */
const once = (burst: number) => ({ perSecond: 1e-6, burst });

test("whoever waits for their turn has taken what they waited for", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const bucket = new Bucket({ perSecond: 10, burst: 5 }, performance.now());
  let passed = 0;
  for (let i = 0; i < 100; i++) void bucket.wait(1).then(() => passed++);
  await vi.advanceTimersByTimeAsync(0);
  expect(passed).toBe(5);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(passed).toBeGreaterThanOrEqual(20);
  expect(passed).toBeLessThanOrEqual(25);
});

test("a long text counts for several messages", async () => {
  const party = await Party.open(undefined, { limits: { messages: once(20) } });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  await rough.ask(2, "room.join", { room: room.id });
  await rough.reader.next();
  const send = (number: number, bytes: number) =>
    rough.ask(number, "message.send", { room: room.id, id: newId(), text: "x".repeat(bytes) });
  for (const number of [3, 4]) expect((await send(number, 65_536))[2]).toBeUndefined();
  const [, , error] = await send(5, 65_536);
  expect(error).toMatchObject({ code: "rate_limited", retryAfterMs: expect.any(Number) });
  expect((await send(6, 100))[2]).toBeUndefined();
});

test("whoever comes and goes all the time is told to wait, and so is whoever edits, deletes or changes topics", async () => {
  const party = await Party.open(undefined, { limits: { messages: once(20) } });
  const olga = await party.owner();
  const { id } = await olga.createRoom("garden");
  const bob = await party.user("bob");
  const coming = async () => {
    for (let i = 0; i < 20; i++) await (await bob.join(id)).leave();
  };
  expect(await failure(coming())).toMatchObject({ code: "rate_limited" });
  const carl = await party.user("carl");
  const room = await carl.createRoom("mine");
  const { position } = await room.send("first");
  const changing = async () => {
    for (let i = 0; i < 10; i++) {
      await room.setTopic(`topic ${i}`);
      await room.edit(position, `edit ${i}`);
    }
  };
  expect(await failure(changing())).toMatchObject({ code: "rate_limited" });
});

test("rooms, conversations, invitations and logins are made no faster than people make them, but by owners", async () => {
  const party = await Party.open(undefined, { limits: { creations: once(5) } });
  const olga = await party.owner();
  for (let i = 0; i < 8; i++) await olga.createRoom(`room ${i}`);
  const ann = await party.user("ann");
  const makers = [
    (i: number) => ann.createRoom(`mine ${i}`),
    () => ann.invite(),
    () => ann.login.addPsk(),
    () => ann.direct("olga"),
    () => ann.direct("olga"),
    () => ann.createRoom("mine"),
  ];
  // A conversation is made once.
  for (const [i, make] of makers.entries()) await make(i);
  for (const make of makers.slice(0, 3))
    expect(await failure(make(9))).toMatchObject({ code: "rate_limited" });
  await ann.direct("olga");
  await party.user("bob");
  expect(await failure(ann.direct("bob"))).toMatchObject({ code: "rate_limited" });
  expect(ann.rooms.size).toBe(3);
});

test("nobody is in more rooms than they may, nor put there by others", async () => {
  const party = await Party.open(undefined, { limits: { rooms: 2 } });
  const olga = await party.owner();
  const bob = await party.user("bob");
  const rooms = [await olga.createRoom("one"), await olga.createRoom("two")];
  expect(await failure(olga.createRoom("three"))).toMatchObject({ code: "too_many" });
  expect((await olga.listRooms()).map(({ name }) => name)).toEqual(["one", "two"]);
  for (const room of rooms) await room.add("bob");
  const ann = await party.user("ann");
  const third = await ann.createRoom("three");
  expect(await failure(third.add("bob"))).toMatchObject({ code: "too_many" });
  expect((await third.members()).map(({ user }) => user)).toEqual(["ann"]);
  // What others have put them into takes no place of their own, and can be left.
  const own = await bob.createRoom("own");
  await bob.join(third.id);
  expect(await failure(bob.createRoom("too many"))).toMatchObject({ code: "too_many" });
  await own.leave();
  // Who says something is there by choice.
  await bob.rooms.get(rooms[0]!.id)!.send("thank you");
  expect(await failure(bob.createRoom("too many"))).toMatchObject({ code: "too_many" });
  await bob.rooms.get(rooms[1]!.id)!.leave();
  await rooms[1]!.add("bob");
});

test("conversations that others begin keep nobody from their own, nor others from them, and can be closed", async () => {
  const party = await Party.open(undefined, { limits: { rooms: 3 } });
  const olga = await party.owner();
  const bob = await party.user("bob");
  const names = ["ann", "carl", "dora", "emil"];
  const others: Client[] = [];
  for (const name of names) others.push(await party.user(name));
  const direct = () =>
    [...bob.rooms.values()].filter(({ kind }) => kind === "direct").map(({ name }) => name);
  for (const other of others) {
    const found = event(bob, "room");
    await (await other.direct("bob")).send("hello");
    await found;
  }
  // The oldest that was not answered has given way.
  await expect.poll(direct).toEqual(["carl", "dora", "emil"]);
  for (const name of ["one", "two", "three"]) await bob.createRoom(name);
  expect(await failure(bob.createRoom("four"))).toMatchObject({ code: "too_many" });
  // It comes back with the next word, which is all that is new in it.
  const again = event(bob, "message");
  await others[0]!.rooms.values().next().value!.send("are you there?");
  expect((await again).message.text).toBe("are you there?");
  expect((await again).room.name).toBe("ann");
  await expect.poll(direct).toEqual(["dora", "emil", "ann"]);
  // Also with somebody who is not there any more.
  await olga.removeUser("dora");
  for (const room of [...bob.rooms.values()]) if (room.kind === "direct") await room.leave();
  await expect.poll(direct).toEqual([]);
  expect(others[3]!.rooms.values().next().value).toMatchObject({ name: "bob", memberCount: 2 });
});

test("a conversation that was closed begins anew on either side, with what was said in it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.direct("bob");
  await room.send("one");
  await room.leave();
  expect(await failure(room.send("two"))).toMatchObject({ code: "not_found" });
  const opened = await olga.direct("bob");
  expect(opened.id).toBe(room.id);
  const { entries } = await opened.history();
  expect(entries.map((entry) => "text" in entry && entry.text)).toEqual(["one"]);
  const bobs = [...bob.rooms.values()][0]!;
  await bobs.leave();
  const back = event(bob, "room");
  await opened.send("three");
  expect((await back).room.id).toBe(room.id);
});

test("attachments have a limit for each user, and one for all; what failed does not count", async () => {
  const party = await Party.open(undefined, {
    limits: { attachmentBytesPerUser: 250_000, attachmentBytesInAll: 400_000 },
  });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const upload = (bytes: number, of = room) => of.upload(new Uint8Array(bytes), { name: "x", bytes });
  for (let i = 0; i < 3; i++) {
    const half = room.upload(new Uint8Array(10), { name: "half", bytes: 200_000 });
    expect(await failure(half)).toMatchObject({ code: "malformed" });
  }
  await upload(200_000);
  expect(await failure(upload(50_001))).toMatchObject({ code: "no_room", message: /this user/ });
  await upload(50_000);
  const bobs = await (await party.user("bob")).join(room.id);
  await upload(150_000, bobs);
  expect(await failure(upload(1, bobs))).toMatchObject({ code: "no_room", message: /the server/ });
});

test("what attachments have taken is known after a restart, and given back with them", async () => {
  const folder = temporaryFolder();
  const limits = { ...defaultLimits, attachmentBytesPerUser: 1_000 };
  const open = () => {
    const database = new Database(folder);
    return { database, attachments: new Attachments(database, folder, limits) };
  };
  const first = open();
  const [user, room] = await first.database.change(() => populate(first.database));
  const store = ({ attachments }: typeof first, bytes: number) => {
    const parts = [new Uint8Array(bytes)];
    const info = { id: newId(), name: "x", type: "", bytes };
    return attachments.store(user, room, info, async () => parts.pop());
  };
  await store(first, 800);
  first.database.close();
  const second = open();
  expect(await failure(store(second, 300))).toMatchObject({ code: "no_room" });
  // In a day nobody has sent it in a message.
  await second.attachments.sweep(Date.now() + 2 * 86_400_000);
  await store(second, 300);
  second.database.close();
});

test("edits take no room, however many and long they are", async () => {
  const database = new Database(temporaryFolder());
  const [user, room] = await database.change(() => populate(database));
  const entries = new Entries(database);
  const text = (i: number) => `${i}`.padEnd(60_000, "x");
  await database.change(() =>
    entries.append(room, user, { kind: "message", clientId: newId(), text: text(0) }),
  );
  for (let i = 1; i <= 300; i++) await database.change(() => entries.edit(room, user, 1, text(i)));
  const { page_count: pages } = database.get<{ page_count: number }>("PRAGMA page_count")!;
  expect(pages * 4_096).toBeLessThan(500_000);
  // Whoever has missed them gets the newest text, also with the edits before: the others are nobody's business.
  const { entries: seen } = entries.after(room, 0, 3);
  expect(seen.map((entry) => "text" in entry && entry.text.slice(0, 3))).toEqual(["300", "300", "300"]);
  await database.change(() => entries.delete(room, user, 1));
  expect(entries.at(room, 2)).toMatchObject({ kind: "edit", text: "" });
  database.close();
});

test("requests count for a user, whatever sessions they come by", async () => {
  const party = await Party.open(undefined, { limits: { requests: once(40) } });
  const auth = await party.register({ name: "mallory" });
  const [one, two] = [await Rough.hello(party, auth), await Rough.hello(party, auth)];
  let answers = 0;
  const ask = async (rough: Rough) => {
    for (let i = 2; i < 40; i++) {
      await rough.ask(i, "rooms.list", {});
      answers++;
    }
  };
  const asking = [ask(one), ask(two)];
  await expect.poll(() => answers).toBe(40);
  // Others are heard, and it is not.
  const olga = await party.owner();
  for (let i = 0; i < 20; i++) await olga.listRooms();
  expect(answers).toBe(40);
  for (const rough of [one, two]) rough.session.close();
  await Promise.allSettled(asking);
});

test("whoever asks for more than they read is heard again when they have read, and stays", async () => {
  const party = await Party.open(undefined, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  for (let i = 0; i < 20; i++) await room.send("x".repeat(60_000));
  const rough = await Rough.hello(party, await party.register({ name: "sloth" }));
  await rough.ask(2, "room.join", { room: room.id });
  await rough.reader.next();
  // More than may wait for it: 20 MB.
  for (let i = 3; i < 83; i++) {
    const request = [i, "room.history", { room: room.id, limit: 200 }];
    void rough.writer.write(frame(request)).catch(() => {});
  }
  for (let i = 3; i < 83; i++) {
    const [number, { entries }] = (await rough.reader.next()) as [number, { entries: unknown[] }];
    expect([number, entries.length > 2]).toEqual([i, true]);
  }
  expect(rough.session.isClosed).toBe(false);
});

test("a client that has missed much in many rooms gets it in one session", async () => {
  const party = await Party.open(undefined, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const olga = await party.owner();
  const auth = await party.register({ name: "bob" });
  const bob = await party.connect(auth);
  const rooms = [];
  for (let i = 0; i < 30; i++) {
    const room = await olga.createRoom(`room ${i}`);
    await bob.join(room.id);
    rooms.push(room);
  }
  await bob.close();
  for (const room of rooms) for (let i = 0; i < 4; i++) await room.send("x".repeat(60_000));
  const back = await party.connect(auth);
  let losses = 0;
  back.on("disconnected", () => losses++);
  await take(120, back.messages());
  expect(losses).toBe(0);
});

/** A user in a room. */
function populate(database: Database): [user: User, room: number] {
  const user = database.get<User>(
    "INSERT INTO users (name, folded, role, created_ms) VALUES ('ada', 'ada', 'member', 0) RETURNING id, name, role",
  )!;
  return [user, new Rooms(database).create(user, "garden", "", "public").id];
}
