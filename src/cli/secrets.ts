/** Secrets, which come from files: the arguments of a process are everybody's to read. */
import type { Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import process from "node:process";
import { codeOf, UsageError } from "./exit.ts";
import type { Report } from "./report.ts";

/** Reads a text file, and warns if others can read it too. */
export async function readSecretFile(path: string, report: Report): Promise<string> {
  const text = await readTextFile(path);
  warnIfReadable(await stat(path), path, report);
  return text;
}

/** Warns if others can read what this is the state of. */
export function warnIfReadable({ mode }: Pick<Stats, "mode">, path: string, report: Report): void {
  // Neither pipes, as of `<(…)`, nor systems without such modes.
  const isOpenFile = (mode & 0o170000) === 0o100000 && (mode & 0o077) !== 0;
  if (isOpenFile && process.platform !== "win32") {
    report.warn("readable_secret", `${path} is a secret that others can read: chmod 600 ${path}`);
  }
}

/** @throws Error if it cannot be read */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read (${codeOf(error) ?? "failed"})`);
  }
}

/** The first line. */
export function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0]!;
}

/**
 * Pre-shared keys by identity, from lines `identity:hexadecimal`. A bare key is that of the identity `name`.
 * Empty lines and those that begin with # are comments.
 */
export function parseKeys(text: string, path: string, name?: string): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const colon = entry.lastIndexOf(":");
    const identity = colon < 0 ? name : entry.slice(0, colon);
    if (identity === undefined) throw new UsageError(`whose is the key in ${path}? Say --psk-identity NAME`);
    keys.set(identity, parseHex(entry.slice(colon + 1), `${path}:${index + 1}`));
  }
  if (keys.size === 0) throw new Error(`there is no key in ${path}`);
  return keys;
}

function parseHex(text: string, where: string): Uint8Array {
  const hex = text.trim();
  if (!/^([0-9a-f]{2}){16,}$/i.test(hex)) {
    throw new Error(`${where} is no key: that is 16 bytes or more in hexadecimal`);
  }
  return Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
