/** Files that only their owner can read. */
import { randomBytes } from "node:crypto";
import { link, lstat, open, rename, rm } from "node:fs/promises";
import { codeOf } from "./exit.ts";

/**
 * Writes a file at once or not at all.
 * @throws Error if there is one already, unless it is to be replaced
 */
export async function writeNewFile(
  path: string,
  text: string,
  options: { readonly mode: number; readonly replace: boolean },
): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(beside, "wx", options.mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Renaming would replace what another process has just made; linking fails.
    if (options.replace) await rename(beside, path);
    else await link(beside, path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw exists(path);
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

/** @throws Error if there is a file, or a link even to none: nothing can be linked there */
export async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined) throw exists(path);
}

function exists(path: string): Error {
  return new Error(`there is a file ${path} already; --force replaces it`);
}
