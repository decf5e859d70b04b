/** Attachments that nobody reads, on either side, do not keep anything else from coming. */
import { expect, test } from "vitest";
import { clientWindows, MAX_DOWNLOADS, MAX_UPLOADS, serverWindows } from "../../src/apps/chat/windows.ts";
import { event, Party } from "./support.ts";

const FILE_BYTES = 4_000_000;
const TEXT = "x".repeat(60_000);
/** More than any session's window, so that what is held of it for good is missed. */
const ROUNDS = 300;

test("downloads that nobody reads leave room for answers and for what others say", async () => {
  const party = await Party.open(undefined, { limits: { messages: { perSecond: 1e6, burst: 1e6 } } });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const { id } = await room.upload(new Uint8Array(FILE_BYTES), { name: "large", bytes: FILE_BYTES });
  const bob = await party.user("bob");
  const own = await bob.join(room.id);
  const open = [];
  for (let i = 0; i < MAX_DOWNLOADS; i++) open.push(await own.download({ id }, { idleTimeoutMs: 600_000 }));
  await room.send(TEXT);
  for (let i = 0; i < ROUNDS; i++) {
    const { entries } = await own.history({ limit: 1 });
    expect(entries).toHaveLength(1);
  }
  const come = event(bob, "message", ({ message }) => message.text === "still here");
  await room.send("still here");
  await come;
  // Nor were the downloads given up for that.
  for (const { content } of open) {
    let bytes = 0;
    for await (const chunk of content) bytes += chunk.length;
    expect(bytes).toBe(FILE_BYTES);
  }
});

test("uploads that the server does not read yet leave room for requests", async () => {
  // What is more than a burst is taken once, and then nothing for hours.
  const party = await Party.open(undefined, {
    limits: {
      uploadBytes: { perSecond: 0.1, burst: 1 },
      messages: { perSecond: 1e6, burst: 1e6 },
    },
  });
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const giving = new AbortController();
  const uploads = Array.from({ length: MAX_UPLOADS }, () =>
    room
      .upload(new Uint8Array(FILE_BYTES), { name: "large", bytes: FILE_BYTES, signal: giving.signal })
      .catch((error) => error),
  );
  for (let i = 0; i < 40; i++) await room.send(TEXT);
  giving.abort(new Error("enough"));
  for (const upload of uploads) expect(await upload).toBe(giving.signal.reason);
});

test("what attachments may hold is less than half of a session's window", () => {
  expect(MAX_DOWNLOADS * clientWindows.maxStreamBytes).toBeLessThan(clientWindows.maxSessionBytes / 2);
  expect(clientWindows.maxSessionBytes).toBe(15 * 1024 * 1024);
  expect(MAX_UPLOADS * serverWindows.maxStreamBytes).toBeLessThan(serverWindows.maxSessionBytes / 2);
  expect(serverWindows.maxSessionBytes).toBe(1.5 * 1024 * 1024);
});
