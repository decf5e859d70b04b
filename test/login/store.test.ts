import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { derivePbkdf2 } from "../../src/crypto/password.ts";
import { withFileLock } from "../../src/login/node-file-lock.ts";
import { FileRecordStore } from "../../src/login/node-file-store.ts";
import { fromStored, type PasswordRecord, register, toStored } from "../../src/login/record.ts";
import { MemoryRecordStore, type RecordBook } from "../../src/login/store.ts";

const directory = mkdtempSync(join(tmpdir(), "sealgram-users-"));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;
const newPath = () => join(directory, `users-${files++}.json`);

const quick = { iterations: 30_000 };
const alice = await register({ identity: "alice", password: "correct horse", ...quick });
const bob = await register({ identity: "bob", password: "battery staple", serverIdentity: "chat", ...quick });

describe("a registration", () => {
  test("is what a client derives from the password, the salt and the rounds", async () => {
    const identities = {
      idProver: new TextEncoder().encode("bob"),
      idVerifier: new TextEncoder().encode("chat"),
    };
    const { w0, L } = await derivePbkdf2("battery staple", identities, bob);
    expect(bob).toMatchObject({ identity: "bob", serverIdentity: "chat", iterations: 30_000, w0, L });
    expect(bob.salt).toHaveLength(16);
    expect(bob).not.toHaveProperty("w1");
  });

  test("has 600,000 rounds unless asked, and a salt of its own each time", async () => {
    const [first, second] = await Promise.all(
      ["same", "same"].map((password) => register({ identity: "alice", password })),
    );
    expect(first!.iterations).toBe(600_000);
    expect(first!.salt).not.toEqual(second!.salt);
    expect(first!.w0).not.toEqual(second!.w0);
  });

  test("is refused below 30,000 rounds, without a password, and for a name that is too long", async () => {
    const options = { identity: "alice", password: "x" };
    await expect(register({ ...options, iterations: 29_999 })).rejects.toThrow(RangeError);
    await expect(register({ ...options, iterations: 30_000.5 })).rejects.toThrow(RangeError);
    await expect(register({ ...options, password: "" })).rejects.toThrow(TypeError);
    await expect(register({ ...options, identity: "ä".repeat(128) })).rejects.toThrow(RangeError);
  });

  test("does not depend on how the name is composed", async () => {
    const record = await register({ identity: "Zoe\u0308", password: "x", ...quick });
    expect(record.identity).toBe("Zo\u00eb");
  });

  test("survives JSON, and what is none does not pass for one", () => {
    const stored = toStored(bob);
    expect(fromStored(JSON.parse(JSON.stringify(stored)))).toEqual(bob);
    for (const change of [
      { identity: 7 },
      { iterations: "600000" },
      { salt: "AAAA" },
      { w0: "AAAA" },
      { L: stored.w0 },
      { w0N: "not base64!" },
    ]) {
      expect(() => fromStored({ ...stored, ...change } as never), JSON.stringify(change)).toThrow(TypeError);
    }
  });
});

const stores: [string, () => Promise<RecordBook>][] = [
  ["in memory", async () => new MemoryRecordStore()],
  ["in a file", () => FileRecordStore.open(newPath())],
];

describe.each(stores)("a store %s", (_name, create) => {
  test("tells who watches it of new passwords, and of those that go", async () => {
    const store = await create();
    await store.set(alice);
    const seen: unknown[] = [];
    const stop = store.watch((...change) => seen.push(change));
    await store.set({ ...alice, iterations: 31_000 });
    await store.set(bob);
    const again = { ...alice, salt: bob.salt };
    await store.set(again);
    await store.delete("alice");
    await store.delete("alice");
    expect(seen).toEqual([
      ["bob", bob],
      ["alice", again],
      ["alice", undefined],
    ]);
    stop();
    await store.delete("bob");
    expect(seen).toHaveLength(3);
  });

  test("has what was put into it, and no more", async () => {
    const store = await create();
    expect(await store.get("alice")).toBeUndefined();
    await store.set(alice);
    await store.set(bob);
    expect(await store.get("alice")).toEqual(alice);
    expect(await store.identities()).toEqual(["alice", "bob"]);
    const changed: PasswordRecord = { ...alice, iterations: 31_000 };
    await store.set(changed);
    expect(await store.get("alice")).toEqual(changed);
    expect(await store.delete("alice")).toBe(true);
    expect(await store.delete("alice")).toBe(false);
    expect(await store.get("alice")).toBeUndefined();
    expect(await store.identities()).toEqual(["bob"]);
    for (const name of ["__proto__", "constructor", ""]) expect(await store.get(name)).toBeUndefined();
  });
});

describe("the file", () => {
  test("can be read by its owner only, has no password in it, and leaves nothing beside it", async () => {
    const path = newPath();
    const store = await FileRecordStore.open(path);
    await store.set(alice);
    chmodSync(path, 0o644);
    await store.set(bob);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).not.toMatch(/correct|horse|battery|staple/);
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("keeps all of many changes at once", async () => {
    const store = await FileRecordStore.open(newPath());
    const names = Array.from({ length: 20 }, (_, i) => `user ${i}`);
    await Promise.all(names.map((identity) => store.set({ ...alice, identity })));
    expect((await store.identities()).sort()).toEqual([...names].sort());
  });

  test("has the same secret and records when it is opened again, and shows what another has changed", async () => {
    const path = newPath();
    const first = await FileRecordStore.open(path);
    await first.set(alice);
    const second = await FileRecordStore.open(path);
    expect(second.secret).toEqual(first.secret);
    expect(second.secret).toHaveLength(32);
    expect(await second.get("alice")).toEqual(alice);
    await second.set(bob);
    expect(await first.identities()).toEqual(["alice", "bob"]);
    expect(await first.get("bob")).toEqual(bob);
  });

  test("keeps what two processes change at once, and one of them makes it", async () => {
    const path = newPath();
    const stores = await Promise.all([1, 2, 3].map(() => FileRecordStore.open(path)));
    expect(new Set(stores.map(({ secret }) => String(secret))).size).toBe(1);
    const names = Array.from({ length: 30 }, (_, i) => `user ${i}`);
    await Promise.all(names.map((identity, i) => stores[i % 3]!.set({ ...alice, identity })));
    await Promise.all(names.slice(0, 9).map((identity, i) => stores[(i + 1) % 3]!.delete(identity)));
    for (const store of stores) expect((await store.identities()).sort()).toEqual(names.slice(9).sort());
    expect(readdirSync(directory).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  test("is not changed while somebody else says that they do", async () => {
    const path = newPath();
    const store = await FileRecordStore.open(path);
    let entered = false;
    let changing!: Promise<void>;
    await withFileLock(path, async () => {
      changing = store.set(alice).then(() => {
        entered = true;
      });
      const second = withFileLock(path, async () => {}, 30);
      await expect(second).rejects.toThrow("being changed by this process");
      expect(entered).toBe(false);
    });
    await changing;
    expect(await store.get("alice")).toEqual(alice);
    await expect(withFileLock(path, () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    await withFileLock(path, async () => {}, 0);
  });

  test("behind a link is replaced, and the link stays", async () => {
    const [path, link] = [newPath(), newPath()];
    await FileRecordStore.open(path);
    symlinkSync(path, link);
    await (await FileRecordStore.open(link)).set(alice);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(await (await FileRecordStore.open(path)).get("alice")).toEqual(alice);
  });

  test("tells who watches it what another process has changed, and nobody else", async () => {
    const path = newPath();
    const [own, other] = await Promise.all([1, 2].map(() => FileRecordStore.open(path)));
    await own!.set(bob);
    const seen: unknown[] = [];
    const stop = own!.watch((identity, record) => seen.push([identity, record?.iterations]));
    const none = own!.watch(() => seen.push("never"));
    none();
    await other!.set(alice);
    await other!.set({ ...bob });
    await expect.poll(() => seen, { timeout: 3_000 }).toEqual([["alice", 30_000]]);
    await own!.delete("alice");
    expect(seen).toEqual([
      ["alice", 30_000],
      ["alice", undefined],
    ]);
    stop();
    await other!.set(alice);
    expect(await own!.identities()).toEqual(["bob", "alice"]);
    expect(seen).toHaveLength(2);
  });

  test("of another form is not overwritten", async () => {
    for (const text of ["", "{", "[]", "null", '{"version":2,"users":[]}', '{"version":1,"users":[{}]}']) {
      const path = newPath();
      writeFileSync(path, text);
      await expect(FileRecordStore.open(path), text).rejects.toThrow(TypeError);
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });
});
