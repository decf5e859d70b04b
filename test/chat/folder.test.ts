/** What a server does with a folder in which something is missing, or too much. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { ChatServer } from "../../src/apps/chat/server/server.ts";
import { failure, memory, Party, temporaryFolder } from "./support.ts";

/** All files in a folder, with their bytes. */
function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const isFile = (file: string) => statSync(join(folder, file)).isFile();
  return new Map(files.filter(isFile).map((file) => [file, readFileSync(join(folder, file), "latin1")]));
}

async function open(folder: string, more: { recover?: boolean; onerror?: (error: unknown) => void } = {}) {
  const server = await ChatServer.open(memory().listen, { folder, url: "udp://127.0.0.1:0", ...more });
  onTestFinished(() => server.close());
  return server;
}

/** The folder of a chat that had some attachments, and has no server any more. */
async function abandoned(): Promise<string> {
  const party = await Party.open();
  const room = await (await party.owner()).createRoom("garden");
  for (const text of ["one", "two"]) {
    const bytes = new TextEncoder().encode(text);
    const attachment = await room.upload(bytes, { name: text, bytes: bytes.length });
    await room.send("here", { attachment });
  }
  await party.close();
  return party.folder;
}

const losses: [string, (database: string) => void][] = [
  ["missing", (database) => rmSync(database)],
  ["empty", (database) => truncateSync(database)],
];

test.each(losses)(
  "a folder whose database is %s is left as it is, with a word about both",
  async (state, lose) => {
    const folder = await abandoned();
    const database = join(folder, "chat.db");
    lose(database);
    const before = contents(folder);
    expect(before.size).toBeGreaterThan(1);
    const { code, message } = await failure(open(folder));
    expect(code).toBe("database_missing");
    expect(message).toContain(`${database} is ${state}`);
    expect(message).toContain(join(folder, "attachments"));
    expect(contents(folder)).toEqual(before);
    const server = await open(folder, { recover: true });
    expect(server.ownerInvitation).toBeDefined();
    const [aside] = readdirSync(folder).filter((name) => name.startsWith("recovered-")) as [string];
    const kept = [...before].filter(([name]) => name.startsWith("attachments"));
    expect([...contents(join(folder, aside))]).toEqual(kept);
  },
);

test("what SQLite had not put into the database yet is not given up with it", async () => {
  const folder = temporaryFolder();
  const log = join(folder, "chat.db-wal");
  writeFileSync(log, "all that was said");
  expect((await failure(open(folder))).message).toContain(log);
  expect(readFileSync(log, "utf8")).toBe("all that was said");
});

test("a folder with nothing to lose is a new chat's", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "chat.db"), "");
  mkdirSync(join(folder, "attachments"));
  expect((await open(folder)).ownerInvitation).toBeDefined();
});

test("attachments that the database does not know, as of a younger one, stay and are told of", async () => {
  const folder = await abandoned();
  const file = join(folder, "attachments", newId());
  writeFileSync(file, "sent after the backup");
  const faults: unknown[] = [];
  await open(folder, { onerror: (error) => faults.push(error) });
  expect(readFileSync(file, "utf8")).toBe("sent after the backup");
  expect(String(faults)).toContain("1 files in");
});

test("an upload that a server was killed in leaves nothing behind", async () => {
  const folder = await abandoned();
  const before = contents(join(folder, "attachments"));
  const half = join(folder, "attachments", `${newId()}.${crypto.randomUUID()}`);
  writeFileSync(half, "half of it");
  // Whole, but not told of.
  const stray = newId();
  writeFileSync(join(folder, "attachments", stray), "all of it");
  const database = new Database(folder);
  database.run("INSERT INTO strays (id) VALUES (?)", stray);
  database.close();
  const faults: unknown[] = [];
  await open(folder, { onerror: (error) => faults.push(error) });
  expect(contents(join(folder, "attachments"))).toEqual(before);
  expect(faults).toEqual([]);
});

test("a folder has one server at a time", async () => {
  const folder = temporaryFolder();
  const server = await open(folder);
  expect((await failure(open(folder))).message).toBe(`${folder} is in use by this process`);
  await server.close();
  await open(folder);
});
