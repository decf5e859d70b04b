/** Records in a file of JSON, for Node, Deno and Bun. */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import type { Bytes } from "../core/bytes.ts";
import { fromBase64, toBase64 } from "../crypto/bytes.ts";
import { fromStored, type PasswordRecord, type StoredRecord, toStored } from "./record.ts";
import type { RecordBook } from "./store.ts";

interface Contents {
  readonly version: 1;
  readonly secret: string;
  readonly users: readonly StoredRecord[];
}

const VERSION = 1;
/** How long a look at the file is good for, in milliseconds. */
const FRESH_MS = 1_000;

/**
 * Records in one file, which another process may change: a server sees that within a second. The file is replaced as a
 * whole, so that nobody ever reads half of it, and only its owner can read it (mode 0600). Two processes that change it
 * at the same moment are not kept apart: the later one wins.
 */
export class FileRecordStore implements RecordBook {
  readonly secret: Bytes;
  readonly #path: string;
  #records: Map<string, PasswordRecord>;
  /** Of the file as it was read. */
  #version: string;
  #lookedAtMs: number;
  /** Changes wait for each other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, secret: Bytes, records: Map<string, PasswordRecord>, version: string) {
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
    const version = await versionOf(path);
    if (version === undefined) {
      const secret = new Uint8Array(randomBytes(32));
      await replace(path, encode(secret, []));
      return new FileRecordStore(path, secret, new Map(), (await versionOf(path))!);
    }
    const { secret, records } = decode(await readFile(path, "utf8"));
    return new FileRecordStore(path, secret, records, version);
  }

  async get(identity: string): Promise<PasswordRecord | undefined> {
    if (performance.now() - this.#lookedAtMs > FRESH_MS) await this.#refresh();
    return this.#records.get(identity);
  }

  async identities(): Promise<string[]> {
    await this.#refresh();
    return [...this.#records.keys()];
  }

  async set(record: PasswordRecord): Promise<void> {
    await this.#change((records) => records.set(record.identity, record));
  }

  async delete(identity: string): Promise<boolean> {
    let existed = false;
    await this.#change((records) => {
      existed = records.delete(identity);
    });
    return existed;
  }

  /** Reads the file again if it is not the one that was read last. */
  async #refresh(): Promise<void> {
    this.#lookedAtMs = performance.now();
    const version = await versionOf(this.#path);
    if (version === undefined || version === this.#version) return;
    this.#records = decode(await readFile(this.#path, "utf8")).records;
    this.#version = version;
  }

  #change(change: (records: Map<string, PasswordRecord>) => void): Promise<void> {
    const done = this.#writing.then(async () => {
      await this.#refresh();
      const records = new Map(this.#records);
      change(records);
      await replace(this.#path, encode(this.secret, [...records.values()]));
      this.#records = records;
      this.#version = (await versionOf(this.#path)) ?? "";
    });
    this.#writing = done.catch(() => {});
    return done;
  }
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

function encode(secret: Bytes, records: readonly PasswordRecord[]): string {
  const contents: Contents = { version: VERSION, secret: toBase64(secret), users: records.map(toStored) };
  return `${JSON.stringify(contents, undefined, 2)}\n`;
}

function decode(text: string): { secret: Bytes; records: Map<string, PasswordRecord> } {
  let contents: Contents;
  try {
    contents = JSON.parse(text) as Contents;
  } catch (cause) {
    throw new TypeError("the file of users is no JSON", { cause });
  }
  if (contents?.version !== VERSION || !Array.isArray(contents.users)) {
    throw new TypeError("not a file of users");
  }
  const records = contents.users.map(fromStored);
  return {
    secret: fromBase64(contents.secret),
    records: new Map(records.map((record) => [record.identity, record])),
  };
}
