/**
 * Locks between processes, for Node, Deno and Bun, which have no locks of the kernel's in common. A lock is a folder with
 * one file in it, whose name is its holder's:
 *
 * - The folder comes into being with that file in it, by a rename, which fails where there is a folder that is not empty.
 * - A lock whose holder is gone is taken over by renaming the file from the name that was found to be that holder's: of
 *   several renames from one name one succeeds, and no name comes twice.
 * - No process removes what may have become another's meanwhile: a holder moves the folder away before removing it.
 *
 * A holder is gone if its process is: on this system, in this space of process numbers. Elsewhere, as in another container
 * or on another machine, and where the system does not say when a process has begun, it is gone once it has not touched
 * its file for long.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout } from "node:timers/promises";

export interface LockOptions {
  /** For how long to wait for a holder that is alive, in milliseconds. */
  readonly waitMs?: number;
  /** How long a holder that cannot be looked at may do nothing before it is taken for gone, in milliseconds. */
  readonly silenceMs?: number;
}

/** Another process holds the lock. */
export class LockedError extends Error {
  override readonly name: string = "LockedError";
  /** "process 12", or "this process". */
  readonly holder: string;

  constructor(path: string, holder: string) {
    super(`${path} is held by ${holder}`);
    this.holder = holder;
  }
}

interface Holder {
  readonly pid: number;
  /** When the process has begun, and where its number means something; empty where the system does not say. */
  readonly since: string;
  readonly place: string;
}

const BEAT_MS = 1_000;
const SILENCE_MS = 15_000;
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 40;

/** A lock that this process holds. */
export class Lock {
  /** Aborted if the lock was taken away: another process has taken this one, which was halted for long, for gone. */
  readonly lost: AbortSignal;
  readonly #path: string;
  readonly #name: string;
  readonly #beats: ReturnType<typeof setInterval>;
  #isReleased = false;

  private constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
    const lost = new AbortController();
    this.lost = lost.signal;
    const beat = async () => {
      if ((await this.#isHeld()) || this.#isReleased) return;
      clearInterval(this.#beats);
      lost.abort(new Error(`${path} was taken over by another process`));
    };
    this.#beats = setInterval(() => void beat(), BEAT_MS).unref();
  }

  /**
   * Takes a lock, of which there is nothing left once it is released.
   * @param path where there is nothing else
   * @throws LockedError if another holder does not release it in time, and what the file system throws
   */
  static async acquire(path: string, options: LockOptions = {}): Promise<Lock> {
    const { waitMs = 0, silenceMs = SILENCE_MS } = options;
    const name = ownName();
    const pulse = new Pulse(path, silenceMs);
    const untilMs = performance.now() + waitMs;
    for (;;) {
      const found = await holderOf(path);
      const isGone = found && (isGoneHere(parse(found)) ?? (await pulse.isGone(found)));
      if (found === undefined ? await claim(path, name) : isGone && (await takeOver(path, found, name)))
        break;
      const lateMs = performance.now() - untilMs;
      // What has no holder for so long is no lock.
      if ((isGone === false && lateMs >= 0) || lateMs >= 2 * silenceMs)
        throw new LockedError(path, found === undefined ? "something else" : describe(found));
      await setTimeout(MIN_PAUSE_MS + Math.random() * (MAX_PAUSE_MS - MIN_PAUSE_MS));
    }
    await tidy(path);
    return new Lock(path, name);
  }

  async #isHeld(): Promise<boolean> {
    const now = new Date();
    try {
      await utimes(join(this.#path, this.#name), now, now);
      return true;
    } catch (error) {
      return codeOf(error) !== "ENOENT";
    }
  }

  /** Idempotent. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearInterval(this.#beats);
    if (!(await this.#isHeld())) return;
    const away = `${this.#path}.${this.#name}`;
    await rename(this.#path, away);
    await rm(away, { recursive: true, force: true });
  }
}

/** Whether a holder that cannot be looked at does something. */
class Pulse {
  readonly #path: string;
  readonly #silenceMs: number;
  #seen = "";
  #name = "";
  #sinceMs = 0;
  #isAlive: false | undefined;

  constructor(path: string, silenceMs: number) {
    this.#path = path;
    this.#silenceMs = silenceMs;
  }

  /** `undefined` until it is known. */
  async isGone(name: string): Promise<boolean | undefined> {
    const touched = await touchedAt(join(this.#path, name));
    if (name !== this.#name || touched !== this.#seen) {
      this.#isAlive = name === this.#name ? false : undefined;
      this.#name = name;
      this.#seen = touched;
      this.#sinceMs = performance.now();
    }
    return performance.now() - this.#sinceMs >= this.#silenceMs ? true : this.#isAlive;
  }
}

/** Network file systems answer what they have heard some time ago, but for files that are opened. */
async function touchedAt(file: string): Promise<string> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return "";
  try {
    return `${(await handle.stat({ bigint: true })).mtimeNs}`;
  } finally {
    await handle.close();
  }
}

/** Who has the lock; `undefined` if no process has, or it just changes hands. */
async function holderOf(path: string): Promise<string | undefined> {
  try {
    return (await readdir(path)).find((name) => NAME.test(name));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) !== "ENOTDIR") throw error;
    throw new Error(`${path} is an older version's lock: remove it if no such process runs any more`);
  }
}

async function claim(path: string, name: string): Promise<boolean> {
  const beside = `${path}.${name}`;
  await mkdir(beside, { mode: 0o700 });
  try {
    await writeFile(join(beside, name), "", { mode: 0o600 });
    await rename(beside, path);
    return true;
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    // Windows has another word for it.
    const taken = ["ENOTEMPTY", "EEXIST", ...(process.platform === "win32" ? ["EPERM", "EACCES"] : [])];
    if (taken.includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

async function takeOver(path: string, from: string, name: string): Promise<boolean> {
  try {
    await rename(join(path, from), join(path, name));
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** What processes were killed with while they came or went. */
async function tidy(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const each of await readdir(dirname(path)).catch(() => [])) {
    if (!each.startsWith(prefix)) continue;
    const name = each.slice(prefix.length);
    if (NAME.test(name) && isGoneHere(parse(name)) === true)
      await rm(join(dirname(path), each), { recursive: true, force: true }).catch(() => {});
  }
}

// Holders

const NAME = /^\d+\.\d*\.[\w-]{16}\.[\w-]{16}$/;

function ownName(): string {
  const { pid, since, place } = self;
  return [pid, since, place, randomBytes(12).toString("base64url")].join(".");
}

function parse(name: string): Holder {
  const [pid, since = "", place = ""] = name.split(".");
  return { pid: Number(pid), since, place };
}

function describe(name: string): string {
  const { pid, place } = parse(name);
  return pid === process.pid && place === self.place ? "this process" : `process ${pid}`;
}

/** `undefined` for what cannot be told here. */
function isGoneHere({ pid, since, place }: Holder): boolean | undefined {
  if (place !== self.place) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return true;
    if (codeOf(error) !== "EPERM") return undefined;
  }
  // Numbers are given again, above all in containers.
  const now = beginning(pid);
  return now === "" || since === "" ? undefined : now !== since;
}

/** When a process has begun, where the system tells; one that has ended and was not waited for has no beginning. */
function beginning(pid: number): string {
  const status = told(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The program's name, in parentheses, may hold anything; the 22nd field is the 20th behind it.
  const [state = "", ...fields] = status.slice(status.lastIndexOf(")") + 2).split(" ");
  return "ZX".includes(state) && state !== "" ? "0" : (fields[18] ?? "");
}

/** Where process numbers are those of here: this run of this system, and of its spaces of numbers this one. */
function ownPlace(): string {
  const parts = [
    told(hostname),
    told(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    told(() => readlinkSync("/proc/self/ns/pid")),
  ];
  return createHash("sha256").update(parts.join("\n")).digest().subarray(0, 12).toString("base64url");
}

/** Some systems, and permissions, do not tell. */
function told(ask: () => string): string {
  try {
    return ask();
  } catch {
    return "";
  }
}

const self: Holder = { pid: process.pid, since: beginning(process.pid), place: ownPlace() };

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
