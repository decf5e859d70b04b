/** What requests cost, whatever their size: it is bounded, and it is their user's. */
import { expect, test, vi } from "vitest";
import { newId } from "../../src/apps/chat/client/credentials.ts";
import type { User } from "../../src/apps/chat/server/accounts.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { Entries } from "../../src/apps/chat/server/entries.ts";
import { Rooms } from "../../src/apps/chat/server/rooms.ts";
import { Rough } from "./rough.ts";
import { Party, temporaryFolder } from "./support.ts";

const EDITS = 205;
const much = { perSecond: 1e6, burst: 1e6 };

test("a page of edits of one long message reads as much text as it answers", async () => {
  const database = new Database(temporaryFolder());
  const user = database.get<User>(
    "INSERT INTO users (name, folded, role, created_ms) VALUES ('ada', 'ada', 'member', 0) RETURNING id, name, role",
  )!;
  const room = new Rooms(database).create(user, "garden", "", "public").id;
  const entries = new Entries(database);
  await database.change(() => {
    entries.append(room, user, { kind: "message", clientId: newId(), text: "x" });
    for (let i = 0; i < EDITS; i++) entries.edit(room, user, 1, `${i}`.padEnd(65_536, "x"));
  });
  // All that is read comes by one of these.
  let texts = 0;
  const count = (rows: unknown[]) => {
    for (const { text } of rows as { text?: string }[]) texts += text?.length ?? 0;
  };
  const { all, some } = database;
  vi.spyOn(database, "all").mockImplementation((sql, ...values) => {
    const rows = all.call(database, sql, ...values);
    count(rows);
    return rows as never;
  });
  vi.spyOn(database, "some").mockImplementation((sql, isTaken, ...values) => {
    const counted = (row: unknown) => {
      count([row]);
      return isTaken(row as never);
    };
    return some.call(database, sql, counted, ...values) as never;
  });
  for (const page of [() => entries.before(room, EDITS + 2, 200), () => entries.after(room, 0, 200)]) {
    texts = 0;
    const { entries: found, more } = page();
    expect(found.length).toBeGreaterThanOrEqual(4);
    expect(more).toBe(true);
    expect(texts).toBeLessThanOrEqual(6 * 65_536);
  }
  database.close();
});

test("what is answered counts, and is made up for before more is asked", async () => {
  const party = await Party.open(undefined, {
    limits: { messages: much, work: { perSecond: 1e-6, burst: 1_000 } },
  });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const mallory = await party.register({ name: "mallory" });
  const { position } = await room.send("x".repeat(65_536));
  const rough = await Rough.hello(party, mallory);
  await rough.call("room.join", { room: room.id });
  let answers = 0;
  const asking = (async () => {
    for (;;) {
      await rough.call("room.history", { room: room.id, before: position + 1 });
      answers++;
    }
  })();
  asking.catch(() => {});
  // 64 kB are four milliseconds, and what it takes to look them up: 250 of them, at the most.
  await still(() => answers);
  expect(answers).toBeLessThanOrEqual(251);
  // Others are heard as ever.
  await room.send("still here");
  rough.session.close();
});

test("what is told to many counts for as many", async () => {
  const party = await Party.open(undefined, {
    limits: { messages: much, work: { perSecond: 1e-6, burst: 2_000 } },
  });
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  for (const name of ["ann", "bob", "carl"]) await (await party.user(name)).join(room.id);
  const mallory = await party.user("mallory");
  const mallorys = await mallory.join(room.id);
  let sent = 0;
  const sending = (async () => {
    for (;;) {
      await mallorys.send("x".repeat(65_536));
      sent++;
    }
  })();
  sending.catch(() => {});
  // Each is twenty: four to each of five.
  await still(() => sent);
  expect(sent).toBeLessThanOrEqual(101);
  await room.send("hello");
});

/** Settles once a number does not go up any more. */
async function still(number: () => number): Promise<void> {
  let before = 0;
  const isStill = () => {
    const now = number();
    const isSame = now === before && now > 0;
    before = now;
    return isSame;
  };
  await expect.poll(isStill, { interval: 1_000 }).toBe(true);
}

test("pages of members, receipts and rooms have everybody, once, whoever else there is", async () => {
  const database = new Database(temporaryFolder());
  const rooms = new Rooms(database);
  const make = (name: string) =>
    database.get<User>(
      "INSERT INTO users (name, folded, role, created_ms) VALUES (?, ?, 'member', 0) RETURNING id, name, role",
      name,
      name,
    )!;
  const [ann, bob] = [make("ann"), make("bob")];
  const { id } = rooms.create(ann, "hall", "", "public");
  const names = Array.from({ length: 450 }, (_, i) => `user${(i * 7) % 450}`);
  for (const name of names) rooms.enter(make(name), id, true);
  const collect = <T>(
    page: (after: string) => { items: T[]; more: boolean },
    nameOf: (item: T) => string,
  ) => {
    const all: string[] = [];
    for (let more = true, after = ""; more; after = all.at(-1)!) {
      const { items, more: isMore } = page(after);
      all.push(...items.map(nameOf));
      more = isMore;
    }
    return all;
  };
  const sorted = ["ann", ...names].sort();
  const members = collect(
    (after) => {
      const { members: items, more } = rooms.members(id, after);
      return { items, more };
    },
    ({ user }) => user,
  );
  expect([...members].sort()).toEqual(sorted);
  const receipts = collect(
    (after) => {
      const { receipts: items, more } = rooms.receipts(id, after);
      return { items, more };
    },
    ({ user }) => user,
  );
  expect([...receipts].sort()).toEqual(sorted);
  for (let i = 0; i < 300; i++) rooms.create(bob, `hidden ${i}`, "", "members");
  for (let i = 0; i < 250; i++) rooms.create(bob, `open ${i}`, "", "public");
  rooms.create(ann, "own", "", "members");
  const listed = collect(
    (after) => {
      const { rooms: items, more } = rooms.listedTo(ann, after);
      return { items, more };
    },
    ({ name }) => name,
  );
  const open = Array.from({ length: 250 }, (_, i) => `open ${i}`);
  expect(listed).toEqual(["hall", "own", ...open].sort());
  database.close();
});
