/** A server whose disk is full: it says so, keeps what it has confirmed, and goes on once there is room. */
import { readdirSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { Entry } from "../../src/apps/chat/client/entry.ts";
import { ChatView } from "../../src/apps/chat/client/view.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { refusalOf } from "../../src/apps/chat/server/refusal.ts";
import { event, failure, Party, take, temporaryFolder } from "./support.ts";

let isFilesDiskFull = false;
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const open: typeof fs.open = async (...args) => {
    const file = await fs.open(...args);
    const writeFile: FileHandle["writeFile"] = async (...what) => {
      if (isFilesDiskFull) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
      return file.writeFile(...what);
    };
    return new Proxy(file, {
      get: (_, name) => {
        if (name === "writeFile") return writeFile;
        const value = Reflect.get(file, name);
        return typeof value === "function" ? value.bind(file) : value;
      },
    });
  };
  return { ...fs, open };
});

/** A server with little room in its database, and what it reports. */
async function opened() {
  const faults: string[] = [];
  const all = vi.spyOn(Database.prototype, "all");
  const party = await Party.open(undefined, {
    limits: { messages: { perSecond: 1e6, burst: 1e6 } },
    onerror: (error) => void faults.push((error as Error).message),
  });
  const database = all.mock.contexts[0] as Database;
  all.mockRestore();
  const [{ page_count: pages }] = database.all<{ page_count: number }>("PRAGMA page_count") as [
    { page_count: number },
  ];
  const room = (bytes: number) =>
    void database.all(`PRAGMA max_page_count = ${pages + Math.floor(bytes / 4_096)}`);
  return { party, faults, room };
}

const texts = (entries: readonly Entry[]) =>
  entries.flatMap((entry) => (entry.kind === "message" ? [entry.text.slice(0, 9).trimEnd()] : []));

test("messages that there is no room for are refused, and not one that was confirmed is lost", async () => {
  const { party, faults, room: giveRoom } = await opened();
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  giveRoom(1_000_000);
  const confirmed: string[] = [];
  let refused: { code?: string } | undefined;
  const heard = room[Symbol.asyncIterator]();
  for (let i = 0; i < 100 && refused === undefined; i++) {
    try {
      await room.send(`${i}`.padEnd(30_000));
      confirmed.push(`${i}`);
    } catch (error) {
      refused = error as typeof refused;
    }
  }
  expect(refused).toMatchObject({ code: "no_room", message: "the server's disk is full" });
  expect(faults.every((fault) => fault.includes("full"))).toBe(true);
  expect(confirmed.length).toBeGreaterThan(10);
  expect((await take(confirmed.length, heard)).length).toBe(confirmed.length);
  // It goes on: what there is can be read.
  expect(texts((await room.history({ limit: 200 })).entries).length).toBeGreaterThan(5);
  expect((await room.members()).map(({ user }) => user)).toEqual(["olga"]);
  expect(olga.isConnected).toBe(true);
  giveRoom(100_000_000);
  await room.send("there is room again");
  const back = event(olga, "connected");
  await party.restart();
  await back;
  const entries: Entry[] = [];
  for (let more = true; more; ) {
    const before = entries[0]?.position;
    const page = await room.history({ limit: 200, ...(before === undefined ? {} : { before }) });
    entries.unshift(...page.entries);
    more = page.more;
  }
  expect(texts(entries)).toEqual([...confirmed, "there is"]);
});

test("a person sees that there is no room, and tries again", async () => {
  const { party, room: giveRoom } = await opened();
  const olga = await party.owner();
  const view = new ChatView(olga);
  const timeline = view.timelineOf(await olga.createRoom("garden"));
  await timeline.load();
  giveRoom(100_000);
  timeline.send("x".repeat(60_000));
  timeline.send("y".repeat(60_000));
  const state = () => timeline.items.map((item) => item.kind === "message" && item.state);
  const until = (wanted: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (wanted()) resolve();
      };
      view.on("change", look);
      look();
    });
  await until(() => state().includes("failed"));
  const failed = timeline.items.find((item) => item.kind === "message" && item.state === "failed")!;
  expect(failed).toMatchObject({ error: { code: "no_room" } });
  giveRoom(100_000_000);
  timeline.retry(failed.key);
  await until(() => state().every((each) => each === "stored"));
  view.close();
});

test("an attachment that there is no room for is refused, and nothing of it is left", async () => {
  const { party, faults } = await opened();
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const upload = () => room.upload(new Uint8Array(200_000), { name: "x", bytes: 200_000 });
  isFilesDiskFull = true;
  expect(await failure(upload())).toMatchObject({ code: "no_room", message: "the server's disk is full" });
  expect(faults).toEqual(["ENOSPC: no space left"]);
  expect(readdirSync(join(party.folder, "attachments"))).toEqual([]);
  isFilesDiskFull = false;
  await room.send("", { attachment: await upload() });
});

test("other faults of a disk are not taken for a full one", () => {
  const folder = temporaryFolder();
  const code = (error: unknown) => refusalOf(error, folder).code;
  expect(code(new Error("disk I/O error"))).toBe("internal");
  expect(code(Object.assign(new Error(), { code: "EIO" }))).toBe("internal");
  expect(code(Object.assign(new Error(), { code: "EDQUOT" }))).toBe("no_room");
  expect(code(undefined)).toBe("internal");
});
