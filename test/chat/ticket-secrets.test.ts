import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Database } from "../../src/apps/chat/server/database.ts";
import { Settings } from "../../src/apps/chat/server/settings.ts";
import { TICKET_MS, TicketSecrets } from "../../src/apps/chat/server/ticket-secrets.ts";
import { MemoryRecordStore, password } from "../../src/endpoint/node-index.ts";
import { alice, quickRecord } from "../login/support.ts";
import { failure, memory, temporaryFolder } from "./support.ts";

function opened(folder = temporaryFolder(), nowMs = 1_000_000_000_000) {
  const database = new Database(folder);
  const clock = { nowMs };
  const settings = new Settings(database);
  const faults: string[] = [];
  const report = (error: unknown) => void faults.push((error as Error).message);
  const secrets = new TicketSecrets(database, settings, report, () => clock.nowMs);
  return { folder, database, settings, clock, faults, secrets };
}

test("a secret seals for a ticket's lifetime and opens for another, whatever happens meanwhile", () => {
  const { secrets, clock } = opened();
  const [first] = secrets.current();
  clock.nowMs += TICKET_MS - 1;
  expect(secrets.current()).toEqual([first]);
  // The same array, as long as nothing has changed.
  expect(secrets.current()).toBe(secrets.current());
  clock.nowMs += 1;
  const [second, ...rest] = secrets.current();
  expect(rest).toEqual([first]);
  expect(second).not.toEqual(first);
  clock.nowMs += TICKET_MS - 1;
  // The last ticket of the first one was made when the second was.
  expect(secrets.current()).toEqual([second, first]);
  clock.nowMs += 1;
  const [third] = secrets.current();
  expect(secrets.current()).toEqual([third, second]);
  // After a quiet night.
  clock.nowMs += 10 * TICKET_MS;
  const [fourth] = secrets.current();
  expect(secrets.current()).toEqual([fourth, third]);
  clock.nowMs += TICKET_MS;
  expect(secrets.current()).toHaveLength(2);
  expect(secrets.current()).not.toContainEqual(third);
});

test("they outlive the server, but for those whose time was over; nothing of these is left in the folder", () => {
  const { folder, database, secrets, clock } = opened();
  const [first] = secrets.current();
  clock.nowMs += TICKET_MS;
  const both = secrets.current();
  database.close();
  const again = opened(folder, clock.nowMs);
  expect(again.secrets.current()).toEqual(both);
  again.database.close();
  const later = opened(folder, clock.nowMs + 2 * TICKET_MS);
  const now = later.secrets.current();
  expect(now).toHaveLength(2);
  expect(now).not.toContainEqual(first);
  later.database.tidy();
  const files = readdirSync(folder).filter((name) => /^chat\.db(-wal)?$/.test(name));
  const has = (secret: Uint8Array) =>
    files.some((name) => readFileSync(join(folder, name)).includes(Buffer.from(secret)));
  expect([has(first!), has(now[1]!)]).toEqual([false, true]);
  later.database.close();
});

test("what cannot be kept is good all the same, and kept once there is room", async () => {
  const { folder, database, secrets, clock, faults } = opened();
  secrets.current();
  await database.change(() => {});
  const [{ page_count: pages }] = database.all<{ page_count: number }>("PRAGMA page_count") as [
    { page_count: number },
  ];
  const limit = (most: number) => void database.all(`PRAGMA max_page_count = ${most}`);
  const fill = () => database.change(() => new Settings(database).set("large", new Uint8Array(100_000)));
  limit(pages);
  clock.nowMs += TICKET_MS;
  // In one commit with something that there is no room for.
  const both = secrets.current();
  await expect(fill()).rejects.toThrow("full");
  await expect.poll(() => faults).toEqual([expect.stringContaining("full")]);
  expect(both).toHaveLength(2);
  expect(secrets.current()).toBe(both);
  limit(100_000);
  clock.nowMs += 60_000;
  expect(secrets.current()).toBe(both);
  database.close();
  const again = opened(folder, clock.nowMs);
  expect(again.secrets.current()).toEqual(both);
  again.database.close();
});

test("a clock that was ahead is not waited for", () => {
  const { secrets, clock } = opened();
  const [first] = secrets.current();
  clock.nowMs -= 365 * 86_400_000;
  const [second] = secrets.current();
  expect(second).not.toEqual(first);
  clock.nowMs += TICKET_MS;
  expect(secrets.current()[0]).not.toEqual(second);
});

test("a clock that jumps to and fro leaves no more than two, which tickets' keys can be made of", () => {
  const { secrets, clock } = opened();
  for (let i = 0; i < 40; i++) {
    clock.nowMs += (i % 2 === 0 ? 1 : -1) * 365 * 86_400_000;
    expect(secrets.current().length).toBeLessThanOrEqual(2);
  }
});

test("a server takes tickets of the secret before, while it runs, and of none before that", async () => {
  const { secrets, clock } = opened();
  const net = memory();
  const server = await net.listen("udp://127.0.0.1:0", {
    auth: password(new MemoryRecordStore([await quickRecord(alice)])),
    tickets: { secrets: () => secrets.current() },
  });
  const connect = async (options: object) => {
    const session = await net.connect(server.url, { auth: password(alice), ...options });
    await expect.poll(() => session.ticket).toBeDefined();
    session.close();
    return session.ticket!;
  };
  // Who comes by a ticket does not have to know the password.
  const wrong = { auth: password({ ...alice, password: "wrong" }) };
  const first = await connect({});
  clock.nowMs += TICKET_MS;
  const second = await connect({ ...wrong, ticket: first });
  clock.nowMs += TICKET_MS;
  await connect({ ...wrong, ticket: second });
  expect((await failure(connect({ ...wrong, ticket: first }))).code).toBe("authentication_failed");
  await server.close();
});
