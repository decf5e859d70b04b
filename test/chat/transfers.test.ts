/** Attachments that somebody begins and does not go on with. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import type { ChatRoom } from "../../src/apps/chat/client/entry.ts";
import { Limit } from "../../src/apps/chat/protocol.ts";
import { Rough } from "./rough.ts";
import { failure, Party } from "./support.ts";

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
