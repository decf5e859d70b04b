/** Attachments: bytes in files beside the database, everything else in it. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { copyFile, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ChatError } from "../protocol.ts";
import type { AttachmentInfo } from "../types.ts";
import type { User } from "./accounts.ts";
import type { Database, SqlValue } from "./database.ts";
import { ATTACHMENTS_FOLDER } from "./folder.ts";
import type { ChatLimits } from "./limits.ts";

interface AttachmentRow {
  readonly id: string;
  readonly room: number;
  readonly author: number;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
}

/** How long a file may be without a message that it belongs to. */
const ORPHAN_MS = 86_400_000;
const CHUNK_BYTES = 65_536;
/** Of an upload that has not come to its end. */
const PART = /^[\w-]{22}\.[0-9a-f-]{36}$/;

type Gone = Pick<AttachmentRow, "id" | "author" | "bytes">;
const UNUSED =
  "NOT EXISTS (SELECT 1 FROM entries WHERE attachment = attachments.id) RETURNING id, author, bytes";

export class Attachments {
  readonly #database: Database;
  readonly #folder: string;
  readonly #room: Room;

  constructor(database: Database, folder: string, limits: ChatLimits) {
    this.#database = database;
    this.#room = new Room(limits);
    this.#folder = join(folder, ATTACHMENTS_FOLDER);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#tidy();
    for (const { author, bytes } of database.all<{ author: number; bytes: number }>(
      "SELECT author, sum(bytes) AS bytes FROM attachments GROUP BY author",
    )) {
      this.#room.add(author, bytes);
    }
  }

  /** Takes away what a process was killed with: what was known to be on its way. Other files are none of its business. */
  #tidy(): void {
    const strays = this.#database.all<{ id: string }>(
      "SELECT id FROM strays WHERE id NOT IN (SELECT id FROM attachments)",
    );
    for (const { id } of strays) rmSync(join(this.#folder, id), { force: true });
    this.#database.run("DELETE FROM strays");
    for (const file of readdirSync(this.#folder))
      if (PART.test(file)) rmSync(join(this.#folder, file), { force: true });
  }

  /** How many files are there that the database does not know: another one's, perhaps. */
  get unknownFiles(): number {
    return readdirSync(this.#folder).filter((file) => this.find(file) === undefined).length;
  }

  find(id: string): AttachmentRow | undefined {
    return this.#database.get<AttachmentRow>("SELECT * FROM attachments WHERE id = ?", id);
  }

  /**
   * Stores what comes, which has to be as many bytes as were announced.
   * @param next the next bytes, nothing at their end
   * @param mayKeep called in the change that keeps it
   * @throws ChatError no_room, malformed, and what next() and mayKeep() throw
   */
  async store(
    author: User,
    room: number,
    info: AttachmentInfo,
    next: () => Promise<Uint8Array | undefined>,
    mayKeep: () => void = () => {},
  ): Promise<void> {
    this.#room.take(author.id, info.bytes);
    let isNew = false;
    // The upload's own: of two with one identity, the later one is refused by the database.
    const part = join(this.#folder, `${info.id}.${crypto.randomUUID()}`);
    try {
      await write(part, info.bytes, next);
      isNew = await this.#keep(part, author, room, info, mayKeep);
    } finally {
      await rm(part, { force: true });
      if (!isNew) this.#room.add(author.id, -info.bytes);
    }
  }

  /** The file first, and then its row: a reader that sees the row finds the file. @returns whether no other was faster */
  async #keep(
    part: string,
    author: User,
    room: number,
    info: AttachmentInfo,
    mayKeep: () => void,
  ): Promise<boolean> {
    const { id, name, type, bytes } = info;
    await this.#database.change(() => this.#setStray(id));
    try {
      await rename(part, join(this.#folder, id));
      await this.#syncFolder();
      return await this.#database.change(() => {
        mayKeep();
        this.#unsetStray(id);
        const sql = `INSERT OR IGNORE INTO attachments (id, room, author, name, type, bytes, time_ms)
          VALUES (?, ?, ?, ?, ?, ?, ?)`;
        return this.#database.run(sql, id, room, author.id, name, type, bytes, Date.now()) > 0;
      });
    } catch (error) {
      await this.#removeStray(id);
      throw error;
    }
  }

  #setStray(id: string): void {
    this.#database.run("INSERT OR IGNORE INTO strays (id) VALUES (?)", id);
  }

  #unsetStray(id: string): void {
    this.#database.run("DELETE FROM strays WHERE id = ?", id);
  }

  async #removeStray(id: string): Promise<void> {
    if (this.find(id) === undefined) await rm(join(this.#folder, id), { force: true });
    this.#database.write(
      () => this.#unsetStray(id),
      () => {},
      // The next start takes it away.
      () => {},
      false,
    );
  }

  /** The name of a file is lost with its folder. */
  async #syncFolder(): Promise<void> {
    // Not all systems open folders.
    const folder = await open(this.#folder, "r").catch(() => undefined);
    if (folder === undefined) return;
    await folder.sync().catch(() => {});
    await folder.close();
  }

  async *read(id: string): AsyncGenerator<Uint8Array, void> {
    const file = await open(join(this.#folder, id), "r");
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  /** The identities of all that are there. */
  ids(): string[] {
    return this.#database.all<{ id: string }>("SELECT id FROM attachments").map(({ id }) => id);
  }

  /** Copies files into another folder's attachments. One that is gone meanwhile is nobody's any more. */
  async copyTo(folder: string, ids: readonly string[]): Promise<void> {
    const target = join(folder, "attachments");
    await mkdir(target, { mode: 0o700 });
    for (const id of ids) {
      await copyFile(join(this.#folder, id), join(target, id)).catch((error) => {
        if ((error as { code?: unknown }).code !== "ENOENT" || this.find(id) !== undefined) throw error;
      });
    }
  }

  /** Within a change: takes away what no message has any more. @returns takes the file away, once that is on the disk */
  forget(id: string): () => Promise<void> {
    const rows = this.#delete("id = ?", id);
    return () => this.#remove(rows);
  }

  /** Takes away what no message has, or has any more. */
  async sweep(nowMs: number): Promise<void> {
    const rows = await this.#database.change(() => {
      // Dated by a clock that was ahead.
      this.#database.run("UPDATE attachments SET time_ms = ? WHERE time_ms > ?", nowMs, nowMs);
      return this.#delete("time_ms < ?", nowMs - ORPHAN_MS);
    });
    await this.#remove(rows);
  }

  #delete(which: string, value: SqlValue): readonly Gone[] {
    const rows = this.#database.all<Gone>(`DELETE FROM attachments WHERE ${which} AND ${UNUSED}`, value);
    for (const { id } of rows) this.#setStray(id);
    return rows;
  }

  async #remove(rows: readonly Gone[]): Promise<void> {
    for (const { id, author, bytes } of rows) {
      await this.#removeStray(id);
      this.#room.add(author, -bytes);
    }
  }
}

/** @throws ChatError malformed for more or fewer bytes, and what next() throws */
async function write(
  path: string,
  bytes: number,
  next: () => Promise<Uint8Array | undefined>,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    let left = bytes;
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      left -= chunk.length;
      if (left < 0) throw new ChatError("malformed", "more bytes than announced");
      await file.writeFile(chunk);
    }
    if (left > 0) throw new ChatError("malformed", "fewer bytes than announced");
    await file.sync();
  } finally {
    await file.close();
  }
}

/** How much there is of whom, and is to come. */
class Room {
  readonly #limits: ChatLimits;
  readonly #byAuthor = new Map<number, number>();
  #bytes = 0;

  constructor(limits: ChatLimits) {
    this.#limits = limits;
  }

  /** @throws ChatError no_room */
  take(author: number, bytes: number): void {
    const { attachmentBytesPerUser, attachmentBytesInAll } = this.#limits;
    if ((this.#byAuthor.get(author) ?? 0) + bytes > attachmentBytesPerUser)
      throw new ChatError("no_room", "there is no room for more attachments of this user");
    if (this.#bytes + bytes > attachmentBytesInAll)
      throw new ChatError("no_room", "the server has no room for more attachments");
    this.add(author, bytes);
  }

  add(author: number, bytes: number): void {
    this.#byAuthor.set(author, (this.#byAuthor.get(author) ?? 0) + bytes);
    this.#bytes += bytes;
  }
}
