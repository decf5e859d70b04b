import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import { event, failure, Party, take } from "./support.ts";

test("two users talk in a room, each gets everything once and in order", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general", { topic: "everything" });
  const bobs = await bob.join("General");
  expect(bobs.topic).toBe("everything");
  const [atOlga, atBob] = [room[Symbol.asyncIterator](), bobs[Symbol.asyncIterator]()];
  for (let i = 0; i < 20; i++) {
    await room.send(`o${i}`);
    await bobs.send(`b${i}`);
  }
  const expected = Array.from({ length: 40 }, (_, i) => `${i % 2 ? "b" : "o"}${i >> 1}`);
  for (const messages of [await take(40, atOlga), await take(40, atBob)]) {
    expect(messages.map(({ text }) => text)).toEqual(expected);
  }
});

test("texts of 64 kB and of any script arrive as they were; longer ones and halves of characters do not", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const messages = room[Symbol.asyncIterator]();
  const texts = [
    "x".repeat(65_536),
    "\u0001".repeat(65_536),
    "𝄞".repeat(16_384),
    "שלום 👩‍👩‍👧 \u202e e\u0301",
  ];
  for (const text of texts) await room.send(text);
  // Not told by showing both.
  expect((await take(texts.length, messages)).map(({ text }, i) => text === texts[i])).toEqual(
    texts.map(() => true),
  );
  expect((await failure(room.send(`${"𝄞".repeat(16_384)}x`))).code).toBe("malformed");
  expect((await failure(room.send("\ud800"))).code).toBe("malformed");
  expect((await failure(room.send("\0"))).code).toBe("malformed");
  expect((await failure(room.send(""))).code).toBe("malformed");
});

test("a room for members only is not there for others; who is added sees what came since", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("secret", { access: "members" });
  await room.send("before");
  expect(await bob.listRooms()).toEqual([]);
  expect((await failure(bob.join(room.id))).code).toBe("not_found");
  const added = event(bob, "room");
  const joined = event(bob, "entry");
  await room.add("bob");
  const { room: bobs } = await added;
  expect((await joined).entry).toMatchObject({ kind: "join", author: "bob" });
  const messages = bobs[Symbol.asyncIterator]();
  await room.send("after");
  expect((await take(1, messages)).map(({ text }) => text)).toEqual(["after"]);
  // What was said before is in the history.
  const { entries } = await bobs.history();
  expect(entries.map((entry) => ("text" in entry ? entry.text : entry.kind))).toEqual([
    "before",
    "join",
    "after",
  ]);
});

test("edits and deletions reach everybody, and nothing of what was deleted is left", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const { position } = await room.send("frist");
  const edited = event(bob, "entry", ({ entry }) => entry.kind === "edit");
  await room.edit(position, "first");
  expect((await edited).entry).toMatchObject({
    kind: "edit",
    target: position,
    text: "first",
    author: "olga",
  });
  expect((await failure(bobs.edit(position, "mine"))).code).toBe("not_allowed");
  expect((await failure(bobs.delete(position))).code).toBe("not_allowed");
  const deleted = event(bob, "entry", ({ entry }) => entry.kind === "delete");
  await room.delete(position);
  expect((await deleted).entry).toMatchObject({ kind: "delete", target: position });
  const { entries } = await bobs.history();
  expect(JSON.stringify(entries)).not.toContain("first");
  expect(entries.find((entry) => entry.position === position)).toMatchObject({ isDeleted: true, text: "" });
  expect((await failure(room.edit(position, "again"))).code).toBe("deleted");
});

test("with a message goes its attachment, at once, unless another message has it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const upload = () => room.upload(new Uint8Array(1_000), { name: "plan", bytes: 1_000 });
  const [once, twice] = [await upload(), await upload()];
  const first = await room.send("", { attachment: once });
  await room.send("once", { attachment: twice });
  const again = await room.send("again", { attachment: twice });
  const files = () => readdirSync(join(party.folder, "attachments")).sort();
  expect(files()).toEqual([once.id, twice.id].sort());
  await room.delete(first.position);
  expect((await failure(bobs.download(once))).code).toBe("not_found");
  await room.delete(again.position);
  await expect.poll(files).toEqual([twice.id]);
  expect((await bobs.download(twice)).attachment.bytes).toBe(1_000);
});

test("what is done twice is done once, and what is another thing under the same name is not taken", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const [room, other] = [await olga.createRoom("one"), await olga.createRoom("two")];
  const id = newId();
  const { position } = await room.send("hello", { id });
  expect((await room.send("hello", { id })).position).toBe(position);
  expect((await failure(other.send("hello", { id }))).code).toBe("malformed");
  const head = async () => (await room.history({ limit: 1 })).entries[0]!.position;
  await room.edit(position, "hello");
  expect(await head()).toBe(position);
  await room.edit(position, "hello again");
  expect((await failure(room.edit(position, ""))).code).toBe("malformed");
  await room.delete(position);
  const deleted = await head();
  await room.delete(position);
  expect(await head()).toBe(deleted);
  expect((await failure(room.edit(position, "back"))).code).toBe("deleted");
  expect((await failure(room.send("to that", { replyTo: position }))).code).toBe("deleted");
  expect((await failure(room.send("to what", { replyTo: 99 }))).code).toBe("not_found");
  expect((await failure(room.delete(deleted))).code).toBe("not_found");
  expect((await failure(olga.createRoom("ONE"))).code).toBe("name_taken");
  expect((await failure(olga.direct("olga"))).code).toBe("not_allowed");
});

test("history comes in pages, backwards, and every entry is on one of them", async () => {
  const party = await Party.open(undefined, { limits: { messages: { perSecond: 1000, burst: 1000 } } });
  const room = await (await party.owner()).createRoom("general");
  for (let i = 0; i < 45; i++) await room.send(`${i}`);
  const texts: string[] = [];
  let before: number | undefined;
  for (let more = true; more; ) {
    const page = await room.history({ limit: 10, ...(before === undefined ? {} : { before }) });
    texts.unshift(...page.entries.map((entry) => (entry.kind === "message" ? entry.text : "?")));
    before = page.entries[0]!.position;
    more = page.more;
  }
  expect(texts).toEqual(Array.from({ length: 45 }, (_, i) => `${i}`));
});

test("receipts: stored, delivered, read", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const received = event(bob, "message");
  const isOf = (position: number, what: "delivered" | "read") =>
    event(olga, "receipts", ({ receipts }) =>
      receipts.some((receipt) => receipt.user === "bob" && receipt[what] >= position),
    );
  const { position } = await room.send("hello");
  const delivered = isOf(position, "delivered");
  await received;
  await delivered;
  expect((await room.receipts()).find(({ user }) => user === "bob")).toMatchObject({ delivered: position });
  const read = isOf(position, "read");
  bobs.markRead();
  await read;
  expect((await room.receipts()).find(({ user }) => user === "bob")).toMatchObject({ read: position });
});

test("in a room with more than 64 present, what one has read is read in all of one's clients, and others are not told", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const auth = await party.register({ name: "bob" });
  const bobs = await Promise.all(Array.from({ length: 65 }, () => party.connect(auth)));
  await bobs[0]!.join(room.id);
  await Promise.all(bobs.map((bob) => bob.rooms.has(room.id) || event(bob, "room")));
  const received = Promise.all(bobs.map((bob) => event(bob, "message")));
  const { position } = await room.send("hello");
  await received;
  const told: unknown[] = [];
  olga.on("receipts", (receipts) => told.push(receipts));
  const read = event(bobs[64]!, "receipts", ({ receipts }) => receipts.some((each) => each.read >= position));
  bobs[0]!.rooms.get(room.id)!.markRead();
  await read;
  expect(bobs[64]!.rooms.get(room.id)!.read).toBe(position);
  expect(told).toEqual([]);
});

test("people and rooms are found whatever the case and the form of their names", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const names = ["Zoë", "zora", "Ann", "anna", "ANTON"];
  for (const name of names) await party.register({ name });
  expect(await olga.findUsers("an")).toEqual(["Ann", "anna", "ANTON"]);
  expect(await olga.findUsers("AN")).toEqual(["Ann", "anna", "ANTON"]);
  // Of two characters, and of fullwidth ones.
  expect(await olga.findUsers("zoe\u0308")).toEqual(["Zoë"]);
  expect(await olga.findUsers("\uff5a")).toEqual(["zora", "Zoë"]);
  expect(await olga.findUsers("%")).toEqual([]);
  expect((await failure(olga.findUsers(""))).code).toBe("malformed");
  const direct = await olga.direct("ZOE\u0308");
  expect([direct.name, (await olga.direct("zoë")).id]).toEqual(["Zoë", direct.id]);
  const room = await olga.createRoom("Café");
  expect((await olga.join("CAFE\u0301")).id).toBe(room.id);
  await room.add("aNN");
  await room.setRole("ANN", "moderator");
  expect((await room.members()).map(({ user, role }) => [user, role])).toEqual([
    ["Ann", "moderator"],
    ["olga", "owner"],
  ]);
  // Who cannot log in is not found, and no more than some are.
  await olga.ban("anna");
  await olga.removeUser("ANTON");
  expect(await olga.findUsers("an")).toEqual(["Ann"]);
  for (let i = 10; i < 35; i++) await party.register({ name: `user${i}` });
  expect((await olga.findUsers("user")).length).toBe(20);
});

test("direct messages: one conversation of two, whoever opens it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const eve = await party.user("eve");
  const opened = event(bob, "room");
  const room = await olga.direct("bob");
  const bobs = (await opened).room;
  expect([room.name, bobs.name, room.kind]).toEqual(["bob", "olga", "direct"]);
  expect((await bob.direct("OLGA")).id).toBe(room.id);
  const atBob = bobs[Symbol.asyncIterator]();
  await room.send("psst");
  expect((await take(1, atBob))[0]!.text).toBe("psst");
  expect((await failure(eve.join(room.id))).code).toBe("not_found");
});

test("presence and typing are told to those who share a small room", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const isAway = event(olga, "presence", ({ user, state }) => user === "bob" && state === "away");
  bob.setState("away");
  await isAway;
  expect((await room.members()).find(({ user }) => user === "bob")!.presence).toBe("away");
  const typing = event(olga, "typing");
  const again = setInterval(() => bobs.typing(), 50);
  expect((await typing).user).toBe("bob");
  clearInterval(again);
  const isGone = event(olga, "presence", ({ user, state }) => user === "bob" && state === "offline");
  await bob.close();
  await isGone;
});

test("attachments: streamed with progress, there for members only, and as they were", async () => {
  const party = await Party.open(undefined, { limits: { attachmentBytes: 3_000_000 } });
  const olga = await party.owner();
  const bob = await party.user("bob");
  const eve = await party.user("eve");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const content = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 2654435761) >>> 24);
  const steps: number[] = [];
  const attachment = await room.upload(content, {
    name: "noise.bin",
    bytes: content.length,
    progress: (bytes) => steps.push(bytes),
  });
  expect(steps.length).toBeGreaterThan(10);
  expect(steps.at(-1)).toBe(content.length);
  const received = event(bob, "message");
  await room.send("", { attachment });
  const { message } = await received;
  const { content: parts } = await bobs.download(message.attachment!);
  let at = 0;
  for await (const part of parts) {
    expect(Buffer.compare(part, content.subarray(at, at + part.length))).toBe(0);
    at += part.length;
  }
  expect(at).toBe(content.length);
  // More, one after the other, than there may be at a time.
  for (let i = 0; i < 20; i++) {
    let bytes = 0;
    for await (const part of (await room.download(attachment)).content) bytes += part.length;
    expect(bytes).toBe(content.length);
  }
  const elsewhere = await eve.createRoom("elsewhere");
  expect((await failure(elsewhere.download(attachment))).code).toBe("not_found");
  expect((await failure(room.upload(new Uint8Array(3_000_001), { name: "x", bytes: 3_000_001 }))).code).toBe(
    "too_large",
  );
  expect((await failure(room.upload(new Uint8Array(9), { name: "x", bytes: 10 }))).code).toBe("malformed");
});
