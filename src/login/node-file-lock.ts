/** Keeps two processes from changing one file at the same time. */
import { Lock, LockedError } from "../node-lock.ts";

/** Changes take milliseconds. */
const SILENCE_MS = 5_000;

/**
 * Runs something while a folder beside the file at `path` says that it is being changed.
 * @throws Error if it is being changed for too long, and what the file system throws
 */
export async function withFileLock<T>(path: string, action: () => Promise<T>, giveUpMs = 10_000): Promise<T> {
  const lock = await acquire(path, giveUpMs);
  try {
    return await action();
  } finally {
    await lock.release();
  }
}

async function acquire(path: string, waitMs: number): Promise<Lock> {
  try {
    return await Lock.acquire(`${path}.lock`, { waitMs, silenceMs: SILENCE_MS });
  } catch (error) {
    if (error instanceof LockedError) throw new Error(`${path} is being changed by ${error.holder}`);
    throw error;
  }
}
