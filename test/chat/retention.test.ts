import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ChatServer } from "../../src/apps/chat/server/server.ts";
import { failure, Party, take, temporaryFolder, udp } from "./support.ts";

const DAY_MS = 86_400_000;

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
  const today = fakeDate();
  for (let days = 1; days <= 3; days++) {
    vi.setSystemTime(today + days * DAY_MS);
    await party.restart();
  }
  await expect.poll(files).toEqual([]);
});

/** The date, which the test sets from now on. */
function fakeDate(): number {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
  onTestFinished(() => void vi.useRealTimers());
  return now;
}

test.each([
  ["ahead", 365 * DAY_MS],
  ["behind", -365 * DAY_MS],
])(
  "a clock that stands a year %s for hours takes nothing away, and what it dated goes with the rest",
  async (_, offMs) => {
    const party = await Party.open(udp, { retentionDays: 30 });
    const room = await (await party.owner()).createRoom("general");
    await room.send("before");
    const today = fakeDate();
    vi.setSystemTime(today + offMs);
    await party.restart();
    await room.send("meanwhile");
    vi.setSystemTime(today + offMs + DAY_MS / 2);
    await party.restart();
    vi.setSystemTime(today + DAY_MS / 2);
    await party.restart();
    await room.send("after");
    const texts = async () =>
      (await room.history()).entries.flatMap((entry) => (entry.kind === "message" ? [entry.text] : []));
    expect(await texts()).toEqual(["before", "meanwhile", "after"]);
    // The clock is right, and after a day it is gone by.
    for (let days = 1; days <= 33; days++) {
      vi.setSystemTime(today + days * DAY_MS);
      await party.restart();
    }
    await expect.poll(texts).toEqual([]);
  },
);

test("after a long absence, as by a clock that jumps, nothing goes for a day", async () => {
  const party = await Party.open(udp, { retentionDays: 30 });
  const room = await (await party.owner()).createRoom("general");
  await room.send("old");
  const today = fakeDate();
  vi.setSystemTime(today + 60 * DAY_MS);
  await party.restart();
  await expect.poll(async () => (await room.history()).entries.length).toBeGreaterThan(0);
  vi.setSystemTime(today + 61 * DAY_MS);
  await party.restart();
  await expect.poll(async () => (await room.history()).entries).toEqual([]);
});

test("a retention that is none is refused before anything is opened", async () => {
  const options = { folder: temporaryFolder(), url: "udp://127.0.0.1:0", retentionDays: 0 };
  expect((await failure(ChatServer.open(udp.listen, options))).message).toContain("retentionDays");
});
