/** A chat's server that is killed a hundred times under load: what it has confirmed is there, once, and the database is whole. */
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Client, chatBy } from "../../src/apps/chat/client/entry.ts";
import { connect } from "../../src/endpoint/node-index.ts";
import { ServerProcess, until } from "../chat/server-process.ts";
import { temporaryFolder } from "../chat/support.ts";

const KILLS = 100;
const WRITERS = 4;
/** Confirmed between two kills. */
const MESSAGES = 10;
const UPLOAD_BYTES = 100_000;
/** The silence after which clients look for a new server. */
const idleTimeoutMs = 1_000;

const sqlite = createRequire(import.meta.url)("node-sqlite3-wasm") as typeof import("node-sqlite3-wasm");

/** What SQLite itself says of a killed server's database: of a copy, which the next server knows nothing of. */
function integrityOf(folder: string): unknown {
  const copy = temporaryFolder();
  for (const name of ["chat.db", "chat.db-wal"]) cpSync(join(folder, name), join(copy, name));
  const database = new sqlite.Database(join(copy, "chat.db"));
  try {
    database.exec("PRAGMA locking_mode=exclusive");
    return database.all("PRAGMA integrity_check").map((row) => Object.values(row)[0]);
  } finally {
    database.close();
  }
}

const ChatClient = chatBy(connect);
const contentOf = (i: number) => Uint8Array.from({ length: UPLOAD_BYTES }, (_, at) => at * (i + 3));

test(`after ${KILLS} kills nothing that was confirmed is lost or doubled`, async () => {
  const folder = temporaryFolder();
  let server = await ServerProcess.start(folder);
  const { url } = server;
  const clients: Client[] = [];
  onTestFinished(() => Promise.all(clients.map((client) => client.close())).then(() => {}));
  const connected = async (options: Parameters<typeof ChatClient.connect>[1], link: string) => {
    const client = await ChatClient.connect(link, options);
    clients.push(client);
    return client;
  };
  const login = async (name: string, link: string) =>
    connected({ auth: await ChatClient.join(link, { name }), idleTimeoutMs }, link);
  const olgasAuth = await ChatClient.join(server.link, { name: "olga" });
  const olga = await connected({ auth: olgasAuth, idleTimeoutMs }, server.link);
  const { id } = await olga.createRoom("garden");
  for (let i = 1; i < WRITERS; i++) await (await login(`writer${i}`, await olga.invite())).join(id);
  const rooms = clients.map((client) => client.rooms.get(id)!);

  const stored = new Map<string, number>();
  const uploaded = new Map<string, number>();
  let isOver = false;
  const writing = rooms.map(async (room, writer) => {
    let sending: Promise<unknown> | undefined;
    for (let i = 0; !isOver; i++) {
      const text = `${writer}:${i}`;
      sending = room.send(text).then(({ position }) => stored.set(text, position));
      // Several at a time, so that there always is one in the middle of something.
      if (i % 3 === 0) await sending;
    }
    // Stored in order, and so this one last.
    await sending;
  });
  const uploading = (async () => {
    for (let i = 0; !isOver; i++) {
      const upload = rooms[0]!.upload(contentOf(i), { name: `${i}`, bytes: UPLOAD_BYTES });
      // What is under way when the server ends fails, and is not confirmed.
      const attachment = await upload.catch(() => undefined);
      if (attachment === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
      else {
        uploaded.set(attachment.id, i);
        await rooms[0]!.send(`file ${i}`, { attachment });
      }
    }
  })();

  const damages: unknown[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const wanted = stored.size + MESSAGES;
    await until(() => stored.size >= wanted);
    await server.kill();
    damages.push(...[integrityOf(folder)].filter((said) => `${said}` !== "ok"));
    server = await ServerProcess.start(folder, url);
  }
  isOver = true;
  await Promise.all([...writing, uploading]);

  expect(damages).toEqual([]);
  // Whoever looks at it all has time: the server is not killed any more.
  const reader = (await connected({ auth: olgasAuth }, server.link)).rooms.get(id)!;
  const found = new Map<string, number[]>();
  const files: string[] = [];
  for (let before: number | undefined, more = true; more; ) {
    const page = await reader.history({ limit: 200, ...(before === undefined ? {} : { before }) });
    for (const entry of page.entries) {
      if (entry.kind !== "message") continue;
      if (entry.attachment !== undefined) files.push(entry.attachment.id);
      else found.set(entry.text, [...(found.get(entry.text) ?? []), entry.position]);
    }
    before = page.entries[0]!.position;
    more = page.more;
  }
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries([...stored].map(([text, position]) => [text, [position]])),
  );
  expect(files.sort()).toEqual([...uploaded.keys()].sort());
  for (const [attachment, i] of uploaded) {
    const parts: Uint8Array[] = [];
    for await (const part of (await reader.download({ id: attachment })).content) parts.push(part);
    expect(Buffer.concat(parts).equals(contentOf(i)), `file ${i}`).toBe(true);
  }
  await server.kill();
  expect(integrityOf(folder)).toEqual(["ok"]);
  process.stdout.write(
    `${KILLS} kills: ${stored.size} messages and ${uploaded.size} files confirmed, all there, none twice\n`,
  );
});
