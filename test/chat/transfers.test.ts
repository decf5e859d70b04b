/** Attachments that somebody begins and does not go on with. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import { type ChatRoom, ChatView } from "../../src/apps/chat/client/entry.ts";
import { Limit } from "../../src/apps/chat/protocol.ts";
import { pause } from "../../src/pause.ts";
import { Rough } from "./rough.ts";
import { event, failure, Party } from "./support.ts";

async function whole(room: ChatRoom, id: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of (await room.download({ id })).content) bytes += chunk.length;
  return bytes;
}

/** A room with a file that no window holds. */
async function withFile(party: Party, bytes = 2_000_000) {
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const { id } = await room.upload(new Uint8Array(bytes), { name: "large", bytes });
  return { olga, room, id };
}

test("downloads that nobody reads are given up in time, and others have their turn", async () => {
  const party = await Party.open();
  const { room, id } = await withFile(party);
  const forgotten = [];
  for (let i = 0; i < 12; i++) forgotten.push(await room.download({ id }, { idleTimeoutMs: 100 }));
  // Nor are those that were read half.
  const half = await room.download({ id }, { idleTimeoutMs: 100 });
  expect((await half.content.next()).done).toBe(false);
  // As many as there are places: the last of them has the place of what was read half.
  for (let i = 0; i < 4; i++) await room.download({ id }, { idleTimeoutMs: 100 });
  expect(await whole(room, id)).toBe(2_000_000);
  for (const { content } of [...forgotten, half]) {
    expect((await failure(content.next())).code).toBe("stalled");
    expect((await failure(content.next())).code).toBe("stalled");
  }
});

test("whoever stops reading gives the download up", async () => {
  const party = await Party.open();
  const { room, id } = await withFile(party);
  for (let i = 0; i < 12; i++) {
    const { content } = await room.download({ id });
    for await (const _ of content) break;
    expect((await content.next()).done).toBe(true);
  }
  expect(await whole(room, id)).toBe(2_000_000);
});

test("downloads that the server refuses have their place back", async () => {
  const party = await Party.open();
  const { room, id } = await withFile(party, 10);
  for (let i = 0; i < 20; i++) {
    expect((await failure(room.download({ id: newId() }))).code).toBe("not_found");
  }
  expect(await whole(room, id)).toBe(10);
});

test("with the client's end downloads end, and so do those that wait; more than hundreds do not wait at all", async () => {
  const party = await Party.open();
  const { olga, room, id } = await withFile(party);
  const open = await Promise.all([1, 2, 3, 4].map(() => room.download({ id })));
  const waiting = Array.from({ length: 256 }, () => failure(room.download({ id })));
  expect((await failure(room.download({ id }))).code).toBe("too_many");
  await olga.close();
  for (const { code } of await Promise.all(waiting)) expect(code).toBe("disconnected");
  for (const { content } of open) {
    const rest = (async () => {
      for await (const _ of content);
    })();
    expect((await failure(rest)).code).toBe("disconnected");
  }
  expect((await failure(room.download({ id }))).code).toBe("disconnected");
});

/** A stream for an attachment, as its client likes it. */
async function stream(rough: Rough, head: unknown) {
  const { readable, writable } = await rough.session.createBidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(frame(head));
  return { reader: new MessageReader(readable, Limit.serverMessage), writer };
}

test("a server gives up what does not go on, and has a place again", async () => {
  const party = await Party.open(undefined, { limits: { transfers: 1, stallMs: 300 } });
  const { room, id } = await withFile(party, 4_000_000);
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  await rough.ask(2, "room.join", { room: room.id });
  const download = { kind: "download", room: room.id, id };
  const first = await stream(rough, download);
  expect(await first.reader.next()).toMatchObject({ attachment: { id } });
  const second = await stream(rough, download);
  expect(await second.reader.next()).toMatchObject({ error: { code: "too_many" } });
  // The first is not read.
  await expect
    .poll(async () => {
      const { reader } = await stream(rough, download);
      const answer = await reader.next();
      reader.cancel();
      return answer;
    })
    .toMatchObject({ attachment: { id } });
  await expect(
    (async () => {
      while ((await first.reader.bytes()) !== undefined);
    })(),
  ).rejects.toThrow("reset");
});

test("an upload that does not go on is given up, and nothing of it is left", async () => {
  const party = await Party.open(undefined, { limits: { stallMs: 300 } });
  const { room, id: kept } = await withFile(party, 10);
  const rough = await Rough.hello(party, await party.register({ name: "mallory" }));
  await rough.ask(2, "room.join", { room: room.id });
  const id = newId();
  const head = { kind: "upload", room: room.id, id, name: "half", type: "", bytes: 100 };
  const { reader, writer } = await stream(rough, head);
  await writer.write(new Uint8Array(50));
  expect(await reader.next()).toMatchObject({ error: { code: "stalled" } });
  expect(readdirSync(join(party.folder, "attachments"))).toEqual([kept]);
  // The same one, once more.
  const again = await stream(rough, head);
  await again.writer.write(new Uint8Array(100));
  await again.writer.close();
  expect(await again.reader.next()).toMatchObject({ attachment: { id } });
});

test("an upload is given up by whoever sends it: while it goes on, and while it waits for its turn", async () => {
  const party = await Party.open();
  const { room } = await withFile(party, 10);
  const reason = new Error("changed my mind");
  const begin = async (content: AsyncIterable<Uint8Array>) => {
    const giving = new AbortController();
    let over: Promise<unknown> | undefined;
    const began = new Promise<void>((resolve) => {
      async function* chunks() {
        resolve();
        yield* content;
      }
      const options = { name: "large", bytes: 30_000_000, signal: giving.signal };
      over = failure(room.upload(chunks(), options));
    });
    return { giving, began, over };
  };
  async function* endless() {
    for (;;) yield new Uint8Array(1_000);
  }
  async function* stuck() {
    yield new Uint8Array(10);
    await new Promise(() => {});
  }
  const going = [await begin(endless()), await begin(stuck()), await begin(stuck())];
  for (const { began } of going) await began;
  const waiting = await begin(endless());
  waiting.giving.abort(reason);
  going[0]!.giving.abort(reason);
  expect(await going[0]!.over).toBe(reason);
  expect(await waiting.over).toBe(reason);
  // Its place is free, and the server keeps nothing of it.
  await room.upload(new Uint8Array(10), { name: "small", bytes: 10 });
  for (const { giving } of going) giving.abort(reason);
  await expect.poll(() => readdirSync(join(party.folder, "attachments")).length).toBe(2);
});

test("a file that loses its connection is sent with the next one, and one that was dismissed is not", async () => {
  const party = await Party.open();
  const { olga, room } = await withFile(party, 10);
  const view = new ChatView(olga);
  const timeline = view.timelineOf(room);
  await timeline.load();
  const files = () =>
    timeline.items.flatMap((item) =>
      item.kind === "message" ? [`${item.attachment?.name} ${item.state}`] : [],
    );
  // It does not come to its end before the connection does.
  let wait = new Promise<void>(() => {});
  async function* content() {
    yield new Uint8Array(5);
    await wait;
    yield new Uint8Array(5);
  }
  for (const name of ["first", "second"]) timeline.sendFile(content, { name, bytes: 10 });
  const lost = event(olga, "disconnected");
  const back = event(olga, "connected");
  await party.server.close();
  await lost;
  await expect.poll(files).toEqual(["first uploading", "second uploading"]);
  wait = Promise.resolve();
  timeline.dismiss(timeline.items.at(-1)!.key);
  await party.restart();
  await back;
  await expect.poll(files).toEqual(["first stored"]);
  view.close();
});

test("a server that stops gives up the uploads that it makes wait, and nothing of them goes on behind it", async () => {
  const WAIT_MS = 500;
  // The first piece is taken, and the next one when that is made up for.
  const party = await Party.open(undefined, { limits: { uploadBytes: { perSecond: 1000, burst: 1 } } });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const giving = new AbortController();
  const bytes = 2_000;
  const content = async function* () {
    for (let i = 0; i < 4; i++) {
      yield new Uint8Array(bytes / 4);
      await pause(20);
    }
  };
  const upload = room
    .upload(content(), { name: "large", bytes, signal: giving.signal })
    .catch((error) => error);
  const files = () => readdirSync(join(party.folder, "attachments"));
  await expect.poll(() => files().length).toBe(1);
  await party.server.close();
  giving.abort(new Error("enough"));
  await upload;
  expect(files()).toEqual([]);
  // A fault of the server's would be told, and fail this.
  await pause(3 * WAIT_MS);
});
