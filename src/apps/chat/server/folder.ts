/** A chat's folder: one process has it at a time, and nothing in it is given up because something else is missing. */
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { Lock, LockedError } from "../../../node-lock.ts";

export const DATABASE_FILE = "chat.db";
export const ATTACHMENTS_FOLDER = "attachments";
/** What SQLite has not put into the database yet. It removes it if the database is not there. */
const LOG_FILE = "chat.db-wal";

/** The database of a folder is missing, and other parts of the same chat are there. */
export class DatabaseMissingError extends Error {
  override readonly name: string = "DatabaseMissingError";
  /** Tells it from other errors. */
  readonly code = "database_missing";
}

/**
 * Takes a folder, which is made if it is not there. What is left of a chat without its database stays as it is, unless it
 * is to be set aside for a new one.
 * @throws Error if another process has it; DatabaseMissingError
 */
export async function takeFolder(folder: string, recover = false): Promise<Lock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = await Lock.acquire(join(folder, "lock")).catch((error) => {
    if (error instanceof LockedError) throw new Error(`${folder} is in use by ${error.holder}`);
    throw error;
  });
  try {
    const left = leftOver(folder);
    if (left.length > 0 && !recover) throw missing(folder, left);
    if (left.length > 0) setAside(folder, left);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What belongs to a database that is missing, or was emptied. */
function leftOver(folder: string): string[] {
  if (bytesOf(join(folder, DATABASE_FILE)) > 0) return [];
  const attachments = join(folder, ATTACHMENTS_FOLDER);
  const left = existsSync(attachments) && readdirSync(attachments).length > 0 ? [ATTACHMENTS_FOLDER] : [];
  return bytesOf(join(folder, LOG_FILE)) > 0 ? [...left, LOG_FILE] : left;
}

function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function missing(folder: string, left: readonly string[]): DatabaseMissingError {
  const database = join(folder, DATABASE_FILE);
  const how = existsSync(database) ? "is empty" : "is missing";
  const others = left.map((name) => join(folder, name)).join(" and ");
  return new DatabaseMissingError(
    `${database} ${how}, and of its chat there is ${others}: put the database back, or have the rest set aside for a new chat`,
  );
}

/** Nothing is deleted: an owner who finds the database has the rest of it. */
function setAside(folder: string, left: readonly string[]): void {
  const aside = join(folder, `recovered-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const name of left) renameSync(join(folder, name), join(aside, name));
}
