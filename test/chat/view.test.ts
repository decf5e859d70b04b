import { expect, onTestFinished, test } from "vitest";
import type { MessageItem, Timeline, TimelineItem } from "../../src/apps/chat/client/timeline.ts";
import { ChatView } from "../../src/apps/chat/client/view.ts";
import { Party } from "./support.ts";

const limits = { messages: { perSecond: 1000, burst: 1000 } };

/** Looks whenever something has changed, until it looks as expected. */
function until(view: ChatView, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      stop();
      resolve();
    };
    const stop = view.on("change", look);
    look();
  });
}

function viewOf(...[client]: ConstructorParameters<typeof ChatView>): ChatView {
  const view = new ChatView(client);
  onTestFinished(() => view.close());
  return view;
}

function texts(timeline: Timeline): string[] {
  return timeline.items.map((item) => (item.kind === "message" ? item.text : item.kind));
}

const isMessage = (item: TimelineItem): item is MessageItem => item.kind === "message";

function states(timeline: Timeline) {
  return timeline.items.filter(isMessage).map(({ state }) => state);
}

/** Olga and Bob in one room, which Olga looks at. */
async function two(party: Party) {
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const [olgas, bobs] = [viewOf(olga), viewOf(bob)];
  const atOlga = olgas.timelineOf(room);
  olgas.show(atOlga);
  const atBob = bobs.timelineOf(await bob.join(room.id));
  await until(olgas, () => texts(atOlga).includes("join"));
  return { olga, bob, olgas, bobs, atOlga, atBob };
}

test("a message is there at once, keeps its key, and goes from sending to read", async () => {
  const party = await Party.open();
  const { olgas, bobs, atOlga, atBob } = await two(party);
  atOlga.send("hello");
  const [sending] = atOlga.items.filter(isMessage);
  expect(sending).toMatchObject({ text: "hello", state: "sending", author: "olga" });
  await until(olgas, () => states(atOlga)[0] === "delivered");
  expect(atBob.unread).toBe(1);
  expect(atBob.items.at(-1)).toMatchObject({ text: "hello", author: "olga" });
  expect(atBob.items.at(-1)).not.toHaveProperty("state");
  bobs.show(atBob);
  await until(olgas, () => states(atOlga)[0] === "read");
  expect(atBob.unread).toBe(0);
  const [read] = atOlga.items.filter(isMessage);
  expect(read!.key).toBe(sending!.key);
  expect(atOlga.readBy(read!.position!)).toEqual(["bob"]);
});

test("nothing is read while the user looks elsewhere", async () => {
  const party = await Party.open();
  const { olgas, bobs, atOlga, atBob } = await two(party);
  olgas.isAttentive = false;
  atBob.send("are you there?");
  await until(olgas, () => atOlga.unread === 1);
  await until(bobs, () => states(atBob)[0] === "delivered");
  olgas.isAttentive = true;
  expect(atOlga.unread).toBe(0);
  await until(bobs, () => states(atBob)[0] === "read");
});

test("edits and deletions change what is there; items are never changed themselves", async () => {
  const party = await Party.open();
  const { olgas, bobs, atOlga, atBob } = await two(party);
  atOlga.send("frist");
  await until(bobs, () => texts(atBob).includes("frist"));
  const before = atBob.items;
  const { position } = before.at(-1) as MessageItem;
  await atOlga.room.edit(position!, "first");
  await until(bobs, () => texts(atBob).includes("first"));
  expect(atBob.items.at(-1)).toMatchObject({ isEdited: true, key: before.at(-1)!.key });
  expect((before.at(-1) as MessageItem).text).toBe("frist");
  atBob.send("yes", { replyTo: position });
  await until(olgas, () => texts(atOlga).includes("yes"));
  expect(atOlga.at((atOlga.items.at(-1) as MessageItem).replyTo!)).toMatchObject({ text: "first" });
  await atOlga.room.delete(position!);
  await until(bobs, () => atBob.items.some((item) => isMessage(item) && item.isDeleted));
  expect(texts(atBob)).not.toContain("first");
});

test("history pages back to the beginning, and everything is there once and in order", async () => {
  const party = await Party.open(undefined, { limits });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  for (let i = 0; i < 130; i++) await room.send(`${i}`);
  const view = viewOf(olga);
  const timeline = view.timelineOf(room);
  await timeline.load();
  expect(timeline.items.length).toBe(50);
  // What comes while a page is on its way takes its place.
  const older = timeline.loadOlder();
  timeline.send("130");
  await older;
  while (timeline.hasOlder) await timeline.loadOlder();
  await until(view, () => states(timeline).every((state) => state !== "sending"));
  expect(texts(timeline)).toEqual(Array.from({ length: 131 }, (_, i) => `${i}`));
});

test("what is sent without a connection waits in its place, and what was missed comes before it", async () => {
  const party = await Party.open();
  const { olgas, bobs, atOlga, atBob } = await two(party);
  bobs.show(atBob);
  const lost = until(olgas, () => olgas.connection.kind === "disconnected");
  await party.restart();
  await lost;
  atOlga.send("after");
  expect(states(atOlga)).toEqual(["sending"]);
  await until(olgas, () => olgas.connection.kind === "connected" && states(atOlga)[0] === "read");
  expect(texts(atBob).at(-1)).toBe("after");
});

test("unread messages are counted in rooms that nobody looks at, and in those of an earlier login", async () => {
  const party = await Party.open(undefined, { limits });
  const { bob, bobs, atOlga, atBob } = await two(party);
  for (let i = 0; i < 3; i++) atOlga.send(`${i}`);
  await until(bobs, () => atBob.unread === 3);
  bobs.close();
  const again = viewOf(bob);
  const timeline = again.timelineOf(atBob.room);
  await until(again, () => timeline.unread === 3 && timeline.isLoaded);
  expect(timeline.hasMoreUnread).toBe(false);
  expect(again.timelines).toEqual([timeline]);
});

test("who is typing, and who is here", async () => {
  const party = await Party.open();
  const { olgas, bobs, atOlga, atBob, bob } = await two(party);
  // Signs of typing are of those who follow the room only.
  atOlga.send("hello");
  await until(bobs, () => texts(atBob).includes("hello"));
  atBob.startTyping();
  await until(olgas, () => atOlga.typing.includes("bob"));
  atBob.send("done");
  await until(olgas, () => atOlga.typing.length === 0);
  await until(olgas, () => olgas.presenceOf("bob") === "online");
  await bob.close();
  await until(olgas, () => olgas.presenceOf("bob") === "offline");
});

test("a file is shown with its progress, then as a message that others can fetch it by", async () => {
  const party = await Party.open();
  const { bobs, atOlga, atBob } = await two(party);
  const content = crypto.getRandomValues(new Uint8Array(50_000));
  atOlga.sendFile(() => content, { name: "noise.bin", bytes: content.length });
  expect(atOlga.items.at(-1)).toMatchObject({ state: "uploading", attachment: { name: "noise.bin" } });
  await until(bobs, () => atBob.items.some((item) => isMessage(item) && item.attachment !== undefined));
  const { attachment } = atBob.items.at(-1) as MessageItem;
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await atBob.room.download({ id: attachment!.id! })).content) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(content)).toBe(true);
});

test("a file that fails on its way is shown so, and sent whole when it is tried again", async () => {
  const party = await Party.open();
  const { olgas, atOlga } = await two(party);
  const content = new Uint8Array(200_000).fill(7);
  let tries = 0;
  async function* read() {
    yield content.subarray(0, 100_000);
    if (++tries === 1) throw new Error("the file is gone");
    yield content.subarray(100_000);
  }
  atOlga.sendFile(read, { name: "file", bytes: content.length });
  await until(olgas, () => states(atOlga)[0] === "failed");
  const failed = atOlga.items.at(-1) as MessageItem;
  expect(failed.error!.message).toBe("the file is gone");
  atOlga.retry(failed.key);
  await until(olgas, () => (atOlga.items.at(-1) as MessageItem).position !== undefined);
  const { attachment, key } = atOlga.items.at(-1) as MessageItem;
  expect(key).toBe(failed.key);
  const { content: parts } = await atOlga.room.download({ id: attachment!.id! });
  let bytes = 0;
  for await (const part of parts) bytes += part.length;
  expect(bytes).toBe(content.length);
});

test("of a room that has seen much, what is long ago is forgotten, and can be had again", async () => {
  const party = await Party.open();
  const { atOlga } = await two(party);
  const beginning = atOlga.items.length;
  for (let position = 10; position < 5_110; position++) {
    atOlga.entry({ kind: "message", position, timeMs: 0, author: "bob", id: `${position}`, text: "x" });
  }
  expect(atOlga.items.length).toBe(5_000);
  expect(atOlga.items[0]!.position).toBe(110);
  expect([beginning > 0, atOlga.hasOlder]).toEqual([true, true]);
});

test("more messages than a thousand do not wait to be sent", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const away = new Promise((resolve) => olga.on("disconnected", resolve));
  await party.server.close();
  await away;
  const waiting = Array.from({ length: 1_000 }, () => room.send("hello"));
  await expect(room.send("one more")).rejects.toMatchObject({ code: "too_many" });
  await olga.close();
  for (const each of waiting) await expect(each).rejects.toMatchObject({ code: "closed" });
});

test("what the server refuses is shown as failed, with the reason; it can be tried again, or forgotten", async () => {
  const party = await Party.open();
  const { olgas, olga, atOlga } = await two(party);
  const timeline = atOlga;
  timeline.send("x".repeat(70_000));
  await until(olgas, () => states(timeline)[0] === "failed");
  const failed = timeline.items.at(-1) as MessageItem;
  expect(failed.error).toMatchObject({ code: "malformed" });
  timeline.retry(failed.key);
  expect(states(timeline)).toEqual(["sending"]);
  await until(olgas, () => states(timeline)[0] === "failed");
  timeline.dismiss(failed.key);
  expect(states(timeline)).toEqual([]);
  expect(olga.pending).toEqual([]);
});

test("a room that the user was removed from is gone", async () => {
  const party = await Party.open();
  const { bobs, atOlga, atBob } = await two(party);
  bobs.show(atBob);
  await atOlga.room.remove("bob");
  await until(bobs, () => bobs.timelines.length === 0);
  expect(bobs.shown).toBe(undefined);
});
