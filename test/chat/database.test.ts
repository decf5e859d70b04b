import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Credentials } from "../../src/apps/chat/server/credentials.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { Entries } from "../../src/apps/chat/server/entries.ts";
import { Settings } from "../../src/apps/chat/server/settings.ts";
import { MIGRATIONS } from "../../src/apps/chat/server/tables.ts";
import { temporaryFolder } from "./support.ts";

const set = (database: Database, name: string) =>
  database.run("INSERT INTO meta (name, value) VALUES (?, ?)", name, new Uint8Array(1));
const names = (database: Database) =>
  database.all<{ name: string }>("SELECT name FROM meta ORDER BY name").map(({ name }) => name);

test("changes and reads take effect in the order of asking, all after the disk has them", async () => {
  const database = new Database(temporaryFolder());
  const order: string[] = [];
  const fail = (error: unknown) => order.push(`failed ${error}`);
  database.write(
    () => set(database, "a"),
    () => order.push("a"),
    fail,
  );
  database.read(
    () => names(database),
    (seen) => order.push(`read ${seen}`),
    fail,
  );
  database.write(
    () => set(database, "b"),
    () => order.push("b"),
    fail,
  );
  expect(order).toEqual([]);
  await database.change(() => {});
  expect(order).toEqual(["a", "read a", "b"]);
  // With nothing to wait for, a read does not wait.
  database.read(
    () => names(database),
    (seen) => order.push(`read ${seen}`),
    fail,
  );
  expect(order.at(-1)).toBe("read a,b");
  database.close();
});

test("a change that fails is undone as a whole, and those beside it are not", async () => {
  const folder = temporaryFolder();
  const database = new Database(folder);
  const before = database.change(() => set(database, "before"));
  const failed = database.change(() => {
    set(database, "half");
    throw new Error("no");
  });
  const after = database.change(() => set(database, "after"));
  await expect(failed).rejects.toThrow("no");
  await Promise.all([before, after]);
  expect(names(database)).toEqual(["after", "before"]);
  database.close();
  const again = new Database(folder);
  expect(names(again)).toEqual(["after", "before"]);
  again.close();
});

test("what SQLite leaves of a process that was killed is no obstacle", () => {
  const folder = temporaryFolder();
  new Database(folder).close();
  mkdirSync(join(folder, "chat.db.lock"));
  new Database(folder).close();
});

test("a database of a newer version is left alone", () => {
  const folder = temporaryFolder();
  const database = new Database(folder);
  database.all("PRAGMA user_version = 99");
  database.close();
  expect(() => new Database(folder)).toThrow("newer version");
});

test("tables of an older version become those of this one, all of them or none, and an older version leaves them alone", async () => {
  const folder = temporaryFolder();
  const first = "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)";
  const second = "ALTER TABLE meta ADD COLUMN note TEXT NOT NULL DEFAULT 'new'";
  const old = new Database(folder, [first]);
  await old.change(() => set(old, "kept"));
  old.close();
  expect(() => new Database(folder, [first, `${second}; no such statement`])).toThrow("syntax error");
  const now = new Database(folder, [first, second]);
  expect(now.all("SELECT name, note FROM meta")).toEqual([{ name: "kept", note: "new" }]);
  now.close();
  expect(() => new Database(folder, [first])).toThrow("version 2, this one knows 1");
  new Database(folder, [first, second]).close();
});

test("a chat of the first tables goes on with those of today", async () => {
  const folder = temporaryFolder();
  const old = new Database(folder, MIGRATIONS.slice(0, 1));
  await old.change(() => {
    for (const sql of [
      "INSERT INTO meta VALUES ('ticket secret', x'00')",
      "INSERT INTO users (id, name, folded, role, created_ms) VALUES (1, 'ada', 'ada', 'owner', 1000)",
      "INSERT INTO psks (identity, user, key) VALUES ('abc', 1, x'01')",
      "INSERT INTO keys (fingerprint, user) VALUES ('sha256:x', 1)",
      "INSERT INTO rooms (id, name, folded, topic, access, head) VALUES (1, 'garden', 'garden', '', 'public', 3)",
      "INSERT INTO entries (room, position, kind, time_ms, author, client_id, text) VALUES (1, 1, 'message', 1, 1, 'x', 'new')",
      "INSERT INTO entries (room, position, kind, time_ms, author, target, text) VALUES (1, 2, 'edit', 2, 1, 1, 'new')",
      "INSERT INTO entries (room, position, kind, time_ms, author, target, text) VALUES (1, 3, 'edit', 3, 1, 1, 'new')",
    ])
      old.run(sql);
  });
  old.close();
  const now = new Database(folder);
  expect(now.get("PRAGMA user_version")).toEqual({ user_version: MIGRATIONS.length });
  const credentials = new Credentials(now);
  const ada = credentials.userBy("key", "sha256:x")!;
  expect(credentials.of(ada)).toEqual([
    { kind: "key", id: "sha256:x", addedMs: 1_000 },
    { kind: "psk", id: "abc", addedMs: 1_000 },
  ]);
  const { entries } = new Entries(now).after(1, 0, 10);
  expect(entries.map((entry) => [entry.kind, "text" in entry && entry.text])).toEqual([
    ["message", "new"],
    ["edit", "new"],
    ["edit", "new"],
  ]);
  expect(now.all("SELECT text FROM entries WHERE kind = 'edit'")).toEqual([{ text: null }, { text: null }]);
  expect(new Settings(now).get("ticket secret")).toBeUndefined();
  now.close();
});

test("with the disk full a change fails as a whole, what was there stays, and it goes on once there is room", async () => {
  const database = new Database(temporaryFolder());
  await database.change(() => set(database, "before"));
  const [{ page_count: pages }] = database.all<{ page_count: number }>("PRAGMA page_count") as [
    { page_count: number },
  ];
  const limit = (most: number) => database.all(`PRAGMA max_page_count = ${most}`);
  limit(pages + 2);
  const large = () =>
    database.run("INSERT INTO meta (name, value) VALUES ('large', ?)", new Uint8Array(1_000_000));
  // SQLite undoes all that is not on the disk: those beside it are told so, and those behind it are well.
  const [beside, failed, behind] = [
    database.change(() => set(database, "beside")),
    database.change(large),
    database.change(() => set(database, "behind")),
  ];
  await expect(failed).rejects.toThrow("full");
  await expect(beside).rejects.toThrow("full");
  await behind;
  expect(names(database)).toEqual(["before", "behind"]);
  await expect(database.change(large)).rejects.toThrow("full");
  limit(100_000);
  await database.change(large);
  expect(names(database)).toEqual(["before", "behind", "large"]);
  database.close();
});

test("a commit that fails fails those whose changes were in it, and nobody else", async () => {
  const database = new Database(temporaryFolder());
  const [user] = database.all<{ id: number }>(
    "INSERT INTO users (name, folded, role, created_ms) VALUES ('ada', 'ada', 'member', 0) RETURNING id",
  );
  // Looked at when all is committed, and not before.
  const orphan = () => {
    database.all("PRAGMA defer_foreign_keys = ON");
    database.run("INSERT INTO members (room, user, role, since) VALUES (99, ?, 'member', 0)", user!.id);
  };
  const seen: string[][] = [];
  const look = () =>
    new Promise<void>((resolve, reject) => {
      database.read(
        () => names(database),
        (found) => {
          seen.push(found);
          resolve();
        },
        reject,
      );
    });
  const [failed, beside, looked] = [
    database.change(orphan),
    database.change(() => set(database, "beside")),
    look(),
  ];
  await expect(failed).rejects.toThrow("FOREIGN KEY");
  await expect(beside).rejects.toThrow("FOREIGN KEY");
  // What was seen is not there: it is looked up once more.
  await looked;
  await database.change(() => set(database, "after"));
  await look();
  expect(seen).toEqual([[], ["after"]]);
  database.close();
});
