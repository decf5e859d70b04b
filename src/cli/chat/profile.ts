/** What is kept of a login, in a file that only its owner can read: the link, the name, and a key, but no password. */
import { mkdir, readdir, readFile, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { parseLink } from "../../apps/chat/client/entry.ts";
import { codeOf } from "../exit.ts";
import { writeNewFile } from "../private-file.ts";

export interface Profile {
  /** Without an invitation. */
  readonly link: string;
  readonly user: string;
  readonly login:
    | { readonly kind: "password" }
    /** As `formatPsk` writes it. */
    | { readonly kind: "psk"; readonly psk: string }
    /** The file of the private key. */
    | { readonly kind: "key"; readonly path: string };
  /** The number of the invitation that it was made by, which is no secret. */
  readonly invitation?: string | undefined;
}

/** Where programs keep what their user has told them. */
function configurationFolder(): string {
  const { XDG_CONFIG_HOME, APPDATA } = process.env;
  if (process.platform === "win32" && APPDATA) return join(APPDATA, "sealgram");
  // The specification wants paths that are relative to be ignored.
  const base = XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), ".config");
  return join(base, "sealgram");
}

export function profilesFolder(): string {
  return join(configurationFolder(), "chats");
}

/** One file for each user of each server. */
export function profilePath({ link, user }: Pick<Profile, "link" | "user">): string {
  const { host, port } = parseLink(link);
  return join(profilesFolder(), `${encodeURIComponent(`${user}@${host}:${port}`)}.json`);
}

/** Replaces what there was. */
export async function writeProfile(path: string, profile: Profile): Promise<void> {
  try {
    await writeNewFile(path, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600, replace: true });
  } catch (error) {
    throw new Error(`${path} cannot be written (${codeOf(error) ?? "failed"})`);
  }
}

/** To be called before a key is made that would be lost if it could not be kept. */
export async function makeProfilesFolder(): Promise<void> {
  const folder = profilesFolder();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`${folder} cannot be made (${codeOf(error) ?? "failed"})`);
  }
}

/** @throws Error if there is a file that is no profile; `undefined` if there is none */
export async function readProfile(path: string): Promise<Profile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new Error(`${path} cannot be read (${codeOf(error) ?? "failed"})`);
  }
  const profile = parseProfile(text);
  if (profile === undefined) throw new Error(`${path} is no profile of sealgram chat`);
  return profile;
}

function parseProfile(text: string): Profile | undefined {
  try {
    const { link, user, login, invitation } = JSON.parse(text) as Profile;
    parseLink(link);
    const isLogin =
      login.kind === "password" ||
      (login.kind === "psk" && typeof login.psk === "string") ||
      (login.kind === "key" && typeof login.path === "string");
    const isInvitation = invitation === undefined || typeof invitation === "string";
    return isLogin && isInvitation && typeof user === "string"
      ? { link, user, login, invitation }
      : undefined;
  } catch {
    return undefined;
  }
}

export interface KeptProfile {
  readonly path: string;
  readonly profile: Profile;
}

/** All that there are, the one that was used last first. Files that are none are left out. */
export async function listProfiles(): Promise<KeptProfile[]> {
  const folder = profilesFolder();
  const names = await readdir(folder).catch(() => []);
  const found: (KeptProfile & { usedMs: number })[] = [];
  for (const name of names) {
    if (!name.endsWith(".json")) continue;
    const path = join(folder, name);
    const profile = await readProfile(path).catch(() => undefined);
    if (profile !== undefined) found.push({ path, profile, usedMs: (await stat(path)).mtimeMs });
  }
  return found.sort((a, b) => b.usedMs - a.usedMs);
}

/** It was used just now. */
export async function touchProfile(path: string): Promise<void> {
  const now = new Date();
  // A folder that is read-only still does to log in.
  await utimes(path, now, now).catch(() => {});
}
