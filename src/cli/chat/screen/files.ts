/** Names of files, as far as they are typed. */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { expandHome } from "../files.ts";

/** So many names can be looked through at a glance, and more. */
const MAX_NAMES = 500;

/** Paths that begin so: folders end with a slash, and what is hidden is there for who asks. */
export async function pathsLike(path: string): Promise<string[]> {
  const typedFolder = path.slice(0, path.lastIndexOf("/") + 1);
  const begun = path.slice(typedFolder.length);
  const folder = typedFolder === "" ? "." : dirname(`${expandHome(typedFolder)}x`);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter(({ name }) => name.startsWith(begun) && (begun.startsWith(".") || !name.startsWith(".")))
    .slice(0, MAX_NAMES)
    .map((entry) => `${typedFolder}${entry.name}${entry.isDirectory() ? "/" : ""}`);
}
