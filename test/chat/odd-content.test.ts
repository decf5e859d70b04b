/** What a program gives that is not what it should be: told as its own fault, and nothing else suffers from it. */
import { expect, test } from "vitest";
import { ChatView, type Client } from "../../src/apps/chat/client/entry.ts";
import { Feed } from "../../src/apps/chat/client/feed.ts";
import { failure, Party, take } from "./support.ts";

const options = { name: "odd", bytes: 4 };

async function roomOf(
  party: Party,
): Promise<{ olga: Client; room: Awaited<ReturnType<Client["createRoom"]>> }> {
  const olga = await party.owner();
  return { olga, room: await olga.createRoom("general") };
}

test.each([
  ["yields strings", ["text"]],
  ["yields numbers", [1, 2, 3, 4]],
  ["yields nothing", [undefined]],
  ["is a string", "text"],
  ["is nothing", undefined],
  ["is no iterable", 4],
])("content of an upload that %s is a TypeError, and the next upload has its place", async (_, content) => {
  const party = await Party.open();
  const { room } = await roomOf(party);
  for (let i = 0; i < 4; i++) {
    expect(await failure(room.upload(content as never, options))).toBeInstanceOf(TypeError);
  }
  await room.upload(new Uint8Array(4), options);
});

test("content that throws, and progress that does, are told as they are", async () => {
  const party = await Party.open();
  const { room } = await roomOf(party);
  const fault = new Error("the disk is gone");
  async function* broken() {
    yield new Uint8Array(2);
    throw fault;
  }
  expect(await failure(room.upload(broken(), options))).toBe(fault);
  const progress = () => {
    throw fault;
  };
  expect(await failure(room.upload(new Uint8Array(4), { ...options, progress }))).toBe(fault);
  for (const bytes of [-1, 0.5, Number.NaN]) {
    expect(await failure(room.upload(new Uint8Array(4), { ...options, bytes }))).toBeInstanceOf(RangeError);
  }
});

test("content may be any view of bytes", async () => {
  const party = await Party.open();
  const { room } = await roomOf(party);
  const { buffer } = Uint8Array.of(9, 1, 2, 3, 4);
  for (const content of [new DataView(buffer, 1), [new DataView(buffer, 1)], [new Uint16Array(2)]]) {
    const { id } = await room.upload(content as never, options);
    expect((await room.download({ id })).attachment.bytes).toBe(4);
  }
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
  "a download with %d ms to be read in is refused",
  async (ms) => {
    const party = await Party.open();
    const { room } = await roomOf(party);
    const { id } = await room.upload(new Uint8Array(4), options);
    expect(await failure(room.download({ id }, { idleTimeoutMs: ms }))).toBeInstanceOf(RangeError);
  },
);

test("a message that cannot be sent fails alone", async () => {
  const party = await Party.open();
  const { olga, room } = await roomOf(party);
  const circular: { self?: unknown } = {};
  circular.self = circular;
  for (const text of [1n, circular, undefined, null, 5]) {
    expect(await failure(room.send(text as never))).toBeInstanceOf(TypeError);
  }
  for (const odd of [{ replyTo: 1n }, { replyTo: circular }, { id: "short" }, { replyTo: 0.5 }]) {
    expect(await failure(room.send("hello", odd as never))).toMatchObject({ code: "malformed" });
  }
  expect(await failure(room.send("\ud800"))).toMatchObject({ code: "malformed" });
  expect(await failure(room.edit(1n as never, "x"))).toMatchObject({ code: "malformed" });
  expect(olga.pending).toEqual([]);
  expect((await room.send("hello")).position).toBeGreaterThan(0);
});

test("a file that cannot be opened fails in its place, and can be tried again", async () => {
  const party = await Party.open();
  const { olga, room } = await roomOf(party);
  const view = new ChatView(olga);
  const timeline = view.timelineOf(room);
  await timeline.load();
  let isThere = false;
  timeline.sendFile(() => {
    if (!isThere) throw new Error("it is gone");
    return new Uint8Array(4);
  }, options);
  const last = () => timeline.items.at(-1) as { key: string; state?: string; error?: Error };
  await expect.poll(() => last().state).toBe("failed");
  expect(last().error?.message).toBe("it is gone");
  isThere = true;
  timeline.retry(last().key);
  await expect.poll(() => last().state).toBe("stored");
  view.close();
});

test("an iteration that is asked several times at once answers each in its order", async () => {
  const feed = new Feed<number>(10, () => {});
  const asked = [feed.next(), feed.next(), feed.next()];
  for (const value of [1, 2]) feed.push(value);
  feed.end();
  expect(await Promise.all(asked)).toEqual([
    { value: 1, done: false },
    { value: 2, done: false },
    { value: undefined, done: true },
  ]);
  const other = new Feed<number>(10, () => {});
  other.push(3);
  expect(await take(1, other)).toEqual([3]);
});
