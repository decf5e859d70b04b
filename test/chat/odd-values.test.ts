/** Values that are odd, and what becomes of them: they are mended or refused, and the session stays. */
import { expect, test } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { Connection, type ConnectionUser } from "../../src/apps/chat/client/connection.ts";
import { fileName, mediaType } from "../../src/apps/chat/names.ts";
import { CloseCode, Limit } from "../../src/apps/chat/protocol.ts";
import type { Listen } from "../../src/apps/chat/server/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { event, failure, memory, Party } from "./support.ts";

test("a file's name, as telephones and others make it, is kept as far as it can be", () => {
  const names: [string, string][] = [
    ["report.txt", "report.txt"],
    ["\u200ereport.txt", "report.txt"],
    ["a\u202egnp.exe", "agnp.exe"],
    ["two\nlines\u2028.txt", "twolines.txt"],
    ["\ud800half.txt", "half.txt"],
    ["\u0000", "file"],
    ["", "file"],
    ["  ", "file"],
    ["👩‍👩‍👧.png", "👩‍👩‍👧.png"],
    [`${"ä".repeat(200)}.png`, `${"ä".repeat(125)}.png`],
    [`${"😀".repeat(100)}`, "😀".repeat(63)],
  ];
  for (const [given, kept] of names) expect(fileName(given)).toBe(kept);
  expect(mediaType("image/png; a=b")).toBe("image/png; a=b");
  for (const odd of ["", "png", "text/\nplain", `a/${"x".repeat(300)}`, "téxt/plain"])
    expect(mediaType(odd)).toBe("application/octet-stream");
});

test("what cannot be kept as it is does not end the session: it is mended, or refused before it is sent", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  let losses = 0;
  olga.on("disconnected", () => losses++);
  const room = await olga.createRoom("garden");
  const upload = (name: string, bytes: number, type?: string) =>
    room.upload(new Uint8Array(3), { name, bytes, ...(type === undefined ? {} : { type }) });
  const attachment = await upload("\u200ereport.txt", 3, "text/\nplain");
  expect(attachment).toMatchObject({ name: "report.txt", type: "application/octet-stream" });
  await room.send("here", { attachment });
  const odd: (() => Promise<unknown>)[] = [
    () => room.send("half a \ud83d"),
    () => room.send("nul \0"),
    () => room.send("x".repeat(65_537)),
    () => room.edit(2 ** 53, "x"),
    () => room.setTopic("two\nlines"),
    () => room.history({ before: -1 }),
    () => room.history({ limit: 1e9 }),
    () => room.download({ id: "../../chat.db" }),
    () => olga.direct("\u202e"),
    () => olga.createRoom("\u200b"),
    () => olga.join(2 ** 60),
    () => olga.invite({ validMs: 1e300 }),
  ];
  for (const ask of odd) expect((await failure(ask())).code, `${ask}`).toBe("malformed");
  await room.send("still here");
  expect(losses).toBe(0);
});

test("a client that was sent away by a fault comes back, and takes its time", async () => {
  const net = memory();
  const sessions: Session[] = [];
  const listen: Listen = (url, options) => {
    const onsession = (session: Session) => {
      sessions.push(session);
      options.onsession?.(session);
    };
    return net.listen(url, { ...options, onsession });
  };
  const party = await Party.open({ ...net, listen });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const lost = event(olga, "disconnected");
  const connected = event(olga, "connected");
  sessions.at(-1)!.close({ closeCode: CloseCode.malformed, reason: "" });
  expect(await lost).toMatchObject({ error: { code: "malformed" } });
  expect((await lost).retryAfterMs).toBeGreaterThan(5_000);
  await connected;
  await room.send("back again");
});

/** A connection to a server that says what a test says. */
async function scripted(user: ConnectionUser) {
  const [up, down] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()];
  const state = { isClosed: false };
  const session = {
    createBidirectionalStream: async () => ({ readable: down.readable, writable: up.writable }),
    closed: new Promise(() => {}),
    close: () => {
      state.isClosed = true;
    },
  };
  const connection = await Connection.open(session as unknown as Session, user);
  const writer = down.writable.getWriter();
  const asked = new MessageReader(up.readable, Limit.clientMessage);
  expect(await asked.next()).toEqual({ kind: "channel" });
  return { connection, state, asked, say: (message: unknown) => writer.write(frame(message)) };
}

const message = { kind: "message", position: 1, timeMs: 0, author: "ann", id: "x".repeat(22), text: "hello" };

test("a server's odd values fail what was asked, or are not told, and nothing else", async () => {
  const seen: unknown[] = [];
  const { connection, state, asked, say } = await scripted({
    event: (name, event) => void seen.push([name, event]),
    signal() {},
  });
  const entries: [string, unknown][] = [
    ["a time that no calendar has", { ...message, timeMs: Number.MAX_SAFE_INTEGER }],
    ["a time before there were any", { ...message, timeMs: -1 }],
    ["a position that has none behind it", { ...message, position: Number.MAX_SAFE_INTEGER }],
    ["half a position", { ...message, position: 1.5 }],
    ["no number", { ...message, timeMs: null }],
    ["an author that is no name", { ...message, author: "a\u202eb" }],
    ["half a character", { ...message, text: "\ud800" }],
    ["too long a text", { ...message, text: "x".repeat(Limit.text + 1) }],
    [
      "an attachment larger than numbers",
      { ...message, attachment: { id: message.id, name: "x", type: "", bytes: 1e300 } },
    ],
  ];
  for (const [what, entry] of entries) {
    const page = connection.request("room.history", { room: 1 });
    const [number] = (await asked.next()) as [number];
    await say(["entry", { room: 1, entry }]);
    await say([number, { entries: [entry], more: false }]);
    expect((await failure(page)).code, what).toBe("malformed");
  }
  // What is not known is a newer server's.
  await say(["weather", { room: 1 }]);
  await say([999, {}]);
  await say(["entry", { room: 1, entry: message }]);
  await expect.poll(() => seen).toEqual([["entry", { room: 1, entry: message }]]);
  expect(state.isClosed).toBe(false);
});

test("a refusal is what it says, as far as that is sensible", async () => {
  const { connection, asked, say } = await scripted({ event() {}, signal() {} });
  const refusals: [unknown, object][] = [
    [
      { code: "rate_limited", message: "wait", retryAfterMs: 5 },
      { code: "rate_limited", message: "wait", retryAfterMs: 5 },
    ],
    [
      { code: "rate_limited", message: "wait", retryAfterMs: 1e300 },
      { code: "internal", message: "refused" },
    ],
    [{ code: "x".repeat(65), message: "" }, { code: "internal" }],
    [{ code: "banned", message: "a\u202eb" }, { code: "internal" }],
    [{ code: "banned", message: "x".repeat(2_000) }, { code: "internal" }],
    [7, { code: "internal" }],
    [null, { code: "internal" }],
  ];
  for (const [said, error] of refusals) {
    const asking = connection.request("rooms.list", {});
    const [number] = (await asked.next()) as [number];
    await say([number, null, said]);
    expect(await failure(asking), JSON.stringify(said)).toMatchObject(error);
  }
});
