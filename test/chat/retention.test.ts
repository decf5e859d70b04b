import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ChatServer } from "../../src/apps/chat/server/server.ts";
import { failure, Party, take, temporaryFolder, udp } from "./support.ts";

test("what is older than the server keeps is gone after its next start; numbers and readers go on", async () => {
  const party = await Party.open(udp, { retentionDays: 1e-9 });
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const messages = (await bob.join(room.id))[Symbol.asyncIterator]();
  const { position } = await room.send("old");
  await take(1, messages);
  await party.restart();
  // Sent while there is no connection, or as soon as there is one again.
  const next = await room.send("new");
  expect(next.position).toBe(position + 1);
  expect((await take(1, messages))[0]!.text).toBe("new");
  const { entries } = await room.history();
  expect(entries.map((entry) => entry.position)).toEqual([next.position]);
});

test("attachments go with the messages that they were in", async () => {
  const party = await Party.open(udp, { retentionDays: 2 });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const attachment = await room.upload(new Uint8Array(10), { name: "x", bytes: 10 });
  await room.send("", { attachment });
  const files = () => readdirSync(join(party.folder, "attachments"));
  await party.restart();
  expect(files()).toEqual([attachment.id]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * 86_400_000 });
  onTestFinished(() => void vi.useRealTimers());
  await party.restart();
  await expect.poll(files).toEqual([]);
});

test("a retention that is none is refused before anything is opened", async () => {
  const options = { folder: temporaryFolder(), url: "udp://127.0.0.1:0", retentionDays: 0 };
  expect((await failure(ChatServer.open(udp.listen, options))).message).toContain("retentionDays");
});
