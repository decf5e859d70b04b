/** Keeps two processes from changing one file at the same time. */
import { open, readFile, rm } from "node:fs/promises";
import { pid } from "node:process";
import { setTimeout } from "node:timers/promises";

const RETRY_MS = 20;

/**
 * Runs something while a file beside the one at `path` says that it is being changed. A process that is killed leaves
 * that file behind; nobody takes it away on a suspicion, for whoever is slow would then be taken for dead.
 * @throws Error if it is there for too long, and what the file system throws
 */
export async function withFileLock<T>(path: string, action: () => Promise<T>, giveUpMs = 10_000): Promise<T> {
  const lock = `${path}.lock`;
  await acquire(path, lock, giveUpMs);
  try {
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
}

async function acquire(path: string, lock: string, giveUpMs: number): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    try {
      const file = await open(lock, "wx", 0o600);
      await file.writeFile(`${pid}\n`);
      await file.close();
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    }
    if (performance.now() - startMs > giveUpMs) {
      const holder = await readFile(lock, "utf8").catch(() => "");
      throw new Error(
        `${path} is being changed by process ${holder.trim() || "(unknown)"}; if that has ended, remove ${lock}`,
      );
    }
    await setTimeout(RETRY_MS);
  }
}
