/** Records in a file of JSON, for Node, Deno and Bun. */
import { randomBytes } from "node:crypto";
import { open, readFile, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import type { Bytes } from "../core/bytes.ts";
import { fromBase64, toBase64 } from "../crypto/bytes.ts";
import { withFileLock } from "./node-file-lock.ts";
import { fromStored, type PasswordRecord, type StoredRecord, toStored } from "./record.ts";
import { isSamePassword, type RecordBook, type RecordListener, watchWith } from "./store.ts";

interface Contents {
  readonly version: 1;
  readonly secret: string;
  readonly users: readonly StoredRecord[];
}

type Records = ReadonlyMap<string, PasswordRecord>;

const VERSION = 1;
const SECRET_BYTES = 32;
/** How long a look at the file is good for, and how often a watched one is looked at, in milliseconds. */
const FRESH_MS = 1_000;

/**
 * Records in one file, which several processes may read and change: a server sees within a second what another process
 * has changed. It looks at the file for that, when it is asked for a record and, if it is watched, each second: nothing
 * depends on notifications of the file system, which not all of them have. The file is replaced as a whole, so that
 * nobody ever reads half of it, and only its owner can read it (mode 0600). Processes that change it do so one after the
 * other, by way of a lock file beside it.
 */
export class FileRecordStore implements RecordBook {
  /** 32 random bytes of the file, as {@link RecordStore.secret}. */
  readonly secret: Bytes;
  readonly #path: string;
  readonly #listeners = new Set<RecordListener>();
  #records: Records;
  /** Of the file as it was read. */
  #version: string;
  #lookedAtMs: number;
  /** Goes up with each change of the records here: a look that began before it comes too late. */
  #generation = 0;
  #refreshing: Promise<void> | undefined;
  /** Changes wait for each other. */
  #writing: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(path: string, secret: Bytes, records: Records, version: string) {
    this.#path = path;
    this.secret = secret;
    this.#records = records;
    this.#version = version;
    this.#lookedAtMs = performance.now();
  }

  /**
   * Opens the file, or makes a new one.
   * @throws TypeError for a file of another form, and what the file system throws
   */
  static async open(path: string): Promise<FileRecordStore> {
    const file = await followed(path);
    if ((await versionOf(file)) === undefined) {
      await withFileLock(file, async () => {
        // Another process may have been first.
        if ((await versionOf(file)) === undefined) {
          await replace(file, encode(new Uint8Array(randomBytes(SECRET_BYTES)), new Map()));
        }
      });
    }
    const version = (await versionOf(file)) ?? "";
    const { secret, records } = await read(file);
    return new FileRecordStore(file, secret, records, version);
  }

  /**
   * The record of an identity, from memory, or from the file if it was not looked at for a second.
   * @throws TypeError for a file of another form, and what the file system throws
   */
  async get(identity: string): Promise<PasswordRecord | undefined> {
    if (performance.now() - this.#lookedAtMs > FRESH_MS) await this.#refresh();
    return this.#records.get(identity);
  }

  /** All identities in the file, as it is now. */
  async identities(): Promise<string[]> {
    await this.#refresh();
    return [...this.#records.keys()];
  }

  /** @throws Error if another process does not finish changing the file, and what the file system throws */
  async set(record: PasswordRecord): Promise<void> {
    await this.#change((records) => records.set(record.identity, record));
  }

  /** As {@link set}. */
  async delete(identity: string): Promise<boolean> {
    let existed = false;
    await this.#change((records) => {
      existed = records.delete(identity);
    });
    return existed;
  }

  /** What it reports is at most a second old, if another process has done it. Keeps no process alive. */
  watch(listener: RecordListener): () => void {
    const stop = watchWith(this.#listeners, listener);
    // A file that cannot be read fails those who ask for records.
    this.#timer ??= setInterval(() => void this.#refresh().catch(() => {}), FRESH_MS).unref();
    return () => {
      stop();
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Reads the file again if it is not the one that was read last. */
  #refresh(): Promise<void> {
    this.#refreshing ??= (async () => {
      const generation = this.#generation;
      const version = await versionOf(this.#path);
      this.#lookedAtMs = performance.now();
      if (version === undefined || version === this.#version) return;
      const { records } = await read(this.#path);
      if (generation === this.#generation) this.#adopt(records, version);
    })().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  #change(change: (records: Map<string, PasswordRecord>) => void): Promise<void> {
    const done = this.#writing.then(() =>
      withFileLock(this.#path, async () => {
        const contents = await read(this.#path);
        const records = new Map(contents.records);
        change(records);
        await replace(this.#path, encode(contents.secret, records));
        this.#adopt(records, (await versionOf(this.#path)) ?? "");
      }),
    );
    this.#writing = done.catch(() => {});
    return done;
  }

  #adopt(records: Records, version: string): void {
    const before = this.#records;
    this.#records = records;
    this.#version = version;
    this.#generation++;
    if (this.#listeners.size === 0) return;
    for (const identity of new Set([...before.keys(), ...records.keys()])) {
      const record = records.get(identity);
      if (isSamePassword(before.get(identity), record)) continue;
      for (const listener of this.#listeners) listener(identity, record);
    }
  }
}

/** What a link leads to is replaced, not the link: where the file is, or would be. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
  const target = await readlink(path).catch(() => undefined);
  return target === undefined ? resolve(path) : followed(resolve(await realpath(dirname(path)), target));
}

/** Tells one state of the file from another; `undefined` if there is no file. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a new file beside the old one, and puts it in its place when all of it is on the disk. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(beside, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function encode(secret: Bytes, records: Records): string {
  const users = [...records.values()].map(toStored);
  const contents: Contents = { version: VERSION, secret: toBase64(secret), users };
  return `${JSON.stringify(contents, undefined, 2)}\n`;
}

async function read(path: string): Promise<{ secret: Bytes; records: Records }> {
  const text = await readFile(path, "utf8");
  let contents: Contents;
  try {
    contents = JSON.parse(text) as Contents;
  } catch {
    // The parser's own message quotes what it stumbles over.
    throw new TypeError(`${path} is no file of users: no JSON`);
  }
  if (contents?.version !== VERSION || !Array.isArray(contents.users)) {
    throw new TypeError(`${path} is no file of users`);
  }
  try {
    const secret = fromBase64(contents.secret);
    if (secret.length !== SECRET_BYTES) throw new TypeError("a secret of a wrong length");
    const records = contents.users.map(fromStored);
    return { secret, records: new Map(records.map((record) => [record.identity, record])) };
  } catch (cause) {
    throw new TypeError(`${path} is no file of users: ${(cause as Error).message}`, { cause });
  }
}
