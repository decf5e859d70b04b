/** Attachments: bytes in files beside the database, everything else in it. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { copyFile, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ChatError } from "../protocol.ts";
import type { AttachmentInfo } from "../types.ts";
import type { User } from "./accounts.ts";
import type { Database } from "./database.ts";
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
    this.#folder = join(folder, "attachments");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(this.#folder)) {
      if (this.find(file) === undefined) rmSync(join(this.#folder, file), { force: true });
    }
    for (const { author, bytes } of database.all<{ author: number; bytes: number }>(
      "SELECT author, sum(bytes) AS bytes FROM attachments GROUP BY author",
    )) {
      this.#room.add(author, bytes);
    }
  }

  find(id: string): AttachmentRow | undefined {
    return this.#database.get<AttachmentRow>("SELECT * FROM attachments WHERE id = ?", id);
  }

  /**
   * Stores what comes, which has to be as many bytes as were announced.
   * @param next the next bytes, nothing at their end
   * @throws ChatError no_room, malformed, and what next() throws
   */
  async store(
    author: User,
    room: number,
    info: AttachmentInfo,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<void> {
    this.#room.take(author.id, info.bytes);
    try {
      await this.#write(author, room, info, next);
    } catch (error) {
      this.#room.add(author.id, -info.bytes);
      throw error;
    }
  }

  async #write(
    author: User,
    room: number,
    info: AttachmentInfo,
    next: () => Promise<Uint8Array | undefined>,
  ): Promise<void> {
    // The upload's own: of two with one identity, the later one is refused by the database.
    const part = join(this.#folder, `${info.id}.${crypto.randomUUID()}`);
    try {
      const file = await open(part, "wx", 0o600);
      try {
        let left = info.bytes;
        for (let bytes = await next(); bytes !== undefined; bytes = await next()) {
          left -= bytes.length;
          if (left < 0) throw new ChatError("malformed", "more bytes than announced");
          await file.writeFile(bytes);
        }
        if (left > 0) throw new ChatError("malformed", "fewer bytes than announced");
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, join(this.#folder, info.id));
      await this.#syncFolder();
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    const isNew = await this.#database.change(() =>
      this.#database.run(
        `INSERT OR IGNORE INTO attachments (id, room, author, name, type, bytes, time_ms)
          VALUES (?, ?, ?, ?, ?, ?, ?)`,
        info.id,
        room,
        author.id,
        info.name,
        info.type,
        info.bytes,
        Date.now(),
      ),
    );
    // The same one was faster.
    if (isNew === 0) this.#room.add(author.id, -info.bytes);
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
    const rows = this.#database.all<Gone>(`DELETE FROM attachments WHERE id = ? AND ${UNUSED}`, id);
    return () => this.#remove(rows);
  }

  /** Takes away what no message has, or has any more. */
  async sweep(nowMs: number): Promise<void> {
    const rows = await this.#database.change(() => {
      // Dated by a clock that was ahead.
      this.#database.run("UPDATE attachments SET time_ms = ? WHERE time_ms > ?", nowMs, nowMs);
      return this.#database.all<Gone>(
        `DELETE FROM attachments WHERE time_ms < ? AND ${UNUSED}`,
        nowMs - ORPHAN_MS,
      );
    });
    await this.#remove(rows);
  }

  async #remove(rows: readonly Gone[]): Promise<void> {
    for (const { id, author, bytes } of rows) {
      await rm(join(this.#folder, id), { force: true });
      this.#room.add(author, -bytes);
    }
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
