/** What has happened in rooms, numbered in each from 1: messages, what became of them, and who came and went. */

import { ChatError, Limit } from "../protocol.ts";
import type { AttachmentInfo, Entry } from "../types.ts";
import type { User } from "./accounts.ts";
import type { Database } from "./database.ts";

interface EntryRow {
  readonly position: number;
  readonly kind: Entry["kind"];
  readonly time_ms: number;
  readonly author: string;
  readonly by_name: string | null;
  readonly client_id: string | null;
  readonly target: number | null;
  readonly text: string | null;
  readonly edited_ms: number | null;
  readonly is_deleted: number;
  readonly attachment: string | null;
  readonly file_name: string | null;
  readonly file_type: string | null;
  readonly file_bytes: number | null;
}

/** Of a message there is the newest text only, and its edits have that. */
const SELECT = `SELECT position, kind, entries.time_ms, authors.name AS author, bys.name AS by_name, client_id, target,
  CASE kind WHEN 'edit' THEN
    (SELECT edited.text FROM entries AS edited WHERE edited.room = entries.room AND edited.position = entries.target)
    ELSE text END AS text, edited_ms, is_deleted, attachment, files.name AS file_name, files.type AS file_type, files.bytes AS file_bytes
  FROM entries JOIN users AS authors ON authors.id = entries.author
  LEFT JOIN users AS bys ON bys.id = entries.by
  LEFT JOIN attachments AS files ON files.id = attachment`;

export interface Page {
  readonly entries: Entry[];
  readonly more: boolean;
}

/** What an entry is made of, besides its author and its place. */
export interface NewEntry {
  readonly kind: Entry["kind"];
  readonly by?: User | undefined;
  readonly clientId?: string | undefined;
  readonly target?: number | undefined;
  readonly text?: string | undefined;
  readonly attachment?: string | undefined;
}

export class Entries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // Look-ups

  at(room: number, position: number): Entry | undefined {
    const row = this.#database.get<EntryRow>(
      `${SELECT} WHERE entries.room = ? AND position = ?`,
      room,
      position,
    );
    return row && describe(row);
  }

  /** A message that is there and was not deleted. */
  message(room: number, position: number): Extract<Entry, { kind: "message" }> {
    const entry = this.at(room, position);
    if (entry?.kind !== "message") throw new ChatError("not_found", "there is no such message");
    if (entry.isDeleted) throw new ChatError("deleted", "the message was deleted");
    return entry;
  }

  /** Whoever sends a message again is told where it is. */
  byClientId(author: User, clientId: string): { room: number; position: number; timeMs: number } | undefined {
    return this.#database.get(
      "SELECT room, position, time_ms AS timeMs FROM entries WHERE author = ? AND client_id = ?",
      author.id,
      clientId,
    );
  }

  /** Behind a position, oldest first. */
  after(room: number, position: number, limit: number): Page {
    return this.#page("position > ? ORDER BY position", room, position, limit);
  }

  /** Before a position, and as far back as the page goes; oldest first. */
  before(room: number, position: number, limit: number): Page {
    const { entries, more } = this.#page("position < ? ORDER BY position DESC", room, position, limit);
    return { entries: entries.reverse(), more };
  }

  /** As much as one answer may hold, and at least one: what is beyond is not read. */
  #page(which: string, room: number, position: number, limit: number): Page {
    let units = 0;
    let count = 0;
    const isTaken = ({ text }: EntryRow) => {
      units += text?.length ?? 0;
      return count++ === 0 || (count <= limit && units <= Limit.pageBytes);
    };
    const sql = `${SELECT} WHERE entries.room = ? AND ${which}`;
    const { rows, more } = this.#database.some(sql, isTaken, room, position);
    return { entries: rows.map(describe), more };
  }

  // Changes, within one

  append(room: number, author: User, entry: NewEntry): Entry {
    const { head } = this.#database.get<{ head: number }>(
      "UPDATE rooms SET head = head + 1 WHERE id = ? RETURNING head",
      room,
    )!;
    this.#database.run(
      `INSERT INTO entries (room, position, kind, time_ms, author, by, client_id, target, text, attachment)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      room,
      head,
      entry.kind,
      Date.now(),
      author.id,
      entry.by?.id ?? null,
      entry.clientId ?? null,
      entry.target ?? null,
      entry.text ?? null,
      entry.attachment ?? null,
    );
    return this.at(room, head)!;
  }

  edit(room: number, author: User, target: number, text: string): Entry {
    this.#database.run(
      "UPDATE entries SET text = ?, edited_ms = ? WHERE room = ? AND position = ?",
      text,
      Date.now(),
      room,
      target,
    );
    return this.append(room, author, { kind: "edit", target });
  }

  /** Nothing of the text is left. */
  delete(room: number, author: User, target: number): Entry {
    this.#database.run(
      "UPDATE entries SET text = '', is_deleted = 1, attachment = NULL WHERE room = ? AND position = ?",
      room,
      target,
    );
    return this.append(room, author, { kind: "delete", target });
  }

  /** What a clock has dated ahead that is right again is of now: it would else be kept for longer than the rest. */
  takeBack(nowMs: number): void {
    this.#database.run("UPDATE entries SET time_ms = ? WHERE time_ms > ?", nowMs, nowMs);
  }

  /** Forgets what is older. */
  deleteBefore(timeMs: number): number {
    return this.#database.run("DELETE FROM entries WHERE time_ms < ?", timeMs);
  }
}

function describe(row: EntryRow): Entry {
  const { position, time_ms: timeMs, author, target } = row;
  const head = { position, timeMs, author };
  const text = row.text ?? "";
  switch (row.kind) {
    case "message":
      return {
        kind: "message",
        ...head,
        id: row.client_id!,
        text,
        ...(target === null ? {} : { replyTo: target }),
        ...(row.attachment === null ? {} : { attachment: attachmentOf(row) }),
        ...(row.edited_ms === null ? {} : { editedMs: row.edited_ms }),
        ...(row.is_deleted === 0 ? {} : { isDeleted: true }),
      };
    case "edit":
      return { kind: "edit", ...head, target: target!, text };
    case "delete":
      return { kind: "delete", ...head, target: target! };
    case "leave":
      return { kind: "leave", ...head, ...(row.by_name === null ? {} : { by: row.by_name }) };
    case "topic":
      return { kind: "topic", ...head, text };
    case "join":
      return { kind: "join", ...head };
  }
}

function attachmentOf(row: EntryRow): AttachmentInfo {
  return { id: row.attachment!, name: row.file_name!, type: row.file_type!, bytes: row.file_bytes! };
}
