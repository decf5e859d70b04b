/**
 * SQLite, as one WebAssembly module, on the files of one folder that one process has for itself. Changes are committed in
 * groups: those that come while one commit waits for the disk are in the next, and whoever has asked for one is told
 * when it is on the disk, in the order of asking.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers";
import sqlite from "node-sqlite3-wasm";
import { DATABASE_FILE } from "./folder.ts";
import { MIGRATIONS } from "./tables.ts";

export type SqlValue = number | string | Uint8Array | null;
type Statement = ReturnType<InstanceType<typeof sqlite.Database>["prepare"]>;

interface Waiting {
  committed(): void;
  failed(error: unknown): void;
}

/** For changes that nobody waits for. */
const LAZY_MS = 500;

export class Database {
  readonly #sqlite: InstanceType<typeof sqlite.Database>;
  readonly #statements = new Map<string, Statement>();
  #waiting: Waiting[] = [];
  #isOpen = false;
  #soon: ReturnType<typeof setImmediate> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /**
   * Opens the database of a folder that this process has taken, or makes a new one. Tables of older versions become those
   * of this one.
   * @throws Error if it was made by a newer version
   */
  constructor(folder: string, migrations: readonly string[] = MIGRATIONS) {
    const file = join(folder, DATABASE_FILE);
    // SQLite's own lock here is a directory, which a process that was killed leaves behind.
    rmSync(`${file}.lock`, { recursive: true, force: true });
    this.#sqlite = new sqlite.Database(file);
    try {
      // In this order: without a second process, the log needs no shared memory, which there is none of.
      for (const pragma of [
        "locking_mode=exclusive",
        "journal_mode=wal",
        "synchronous=full",
        "secure_delete=on",
        "foreign_keys=on",
      ]) {
        this.#sqlite.exec(`PRAGMA ${pragma}`);
      }
      this.#migrate(folder, migrations);
    } catch (error) {
      this.#closeSqlite();
      throw error;
    }
  }

  #migrate(folder: string, migrations: readonly string[]): void {
    const { user_version: version } = this.get<{ user_version: number }>("PRAGMA user_version")!;
    if (version > migrations.length) {
      const versions = `its tables have version ${version}, this one knows ${migrations.length}`;
      throw new Error(`${folder} was made by a newer version of Sealgram: ${versions}`);
    }
    for (const [i, migration] of migrations.entries()) {
      if (i < version) continue;
      this.#sqlite.exec("BEGIN");
      this.#sqlite.exec(migration);
      this.#sqlite.exec(`PRAGMA user_version=${i + 1}`);
      this.#sqlite.exec("COMMIT");
    }
  }

  #use<T>(sql: string, action: (statement: Statement) => T): T {
    const statement = this.#statement(sql);
    try {
      return action(statement);
    } catch (error) {
      // The library takes a statement's last fault for one of the next use.
      this.#forget(sql);
      throw error;
    }
  }

  #forget(sql: string): void {
    const statement = this.#statements.get(sql);
    this.#statements.delete(sql);
    try {
      statement?.finalize();
    } catch {
      // The fault of its last use, once more.
    }
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The first row, of those that have one at most: the library's own `get` leaves its statement unfinished. */
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.all<Row>(sql, ...values)[0];
  }

  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.#use(sql, (statement) => statement.all(values)) as Row[];
  }

  /** Rows as long as they are taken: what is behind them is not read. */
  some<Row>(
    sql: string,
    isTaken: (row: Row) => boolean,
    ...values: SqlValue[]
  ): { rows: Row[]; more: boolean } {
    const rows: Row[] = [];
    const more = this.#use(sql, (statement) => {
      for (const row of statement.iterate(values) as Iterable<Row>) {
        if (!isTaken(row)) return true;
        rows.push(row);
      }
      return false;
    });
    // An unfinished statement holds on to what it has seen.
    if (more) this.#forget(sql);
    return { rows, more };
  }

  /** @returns how many rows have changed */
  run(sql: string, ...values: SqlValue[]): number {
    return this.#use(sql, (statement) => statement.run(values)).changes;
  }

  /**
   * Makes a change, of which all happens or nothing.
   * @param change called at once; what it throws undoes it, and nothing else
   * @param effect called when the change is on the disk, before those of later changes and reads
   * @param isUrgent whether somebody waits for it
   */
  write<T>(
    change: () => T,
    effect: (result: T) => void,
    failed: (error: unknown) => void,
    isUrgent = true,
  ): void {
    let result: T;
    try {
      this.#begin();
      this.#sqlite.exec("SAVEPOINT change");
      try {
        result = change();
        this.#sqlite.exec("RELEASE change");
      } catch (error) {
        if (this.#sqlite.inTransaction) {
          this.#sqlite.exec("ROLLBACK TO change");
          this.#sqlite.exec("RELEASE change");
        } else this.#lost(error);
        throw error;
      }
    } catch (error) {
      failed(error);
      return;
    } finally {
      this.#schedule(isUrgent);
    }
    this.#waiting.push({ committed: () => effect(result), failed });
  }

  /**
   * Looks something up, with all changes so far.
   * @param effect called when what was seen is on the disk, in its turn among the changes
   */
  read<T>(query: () => T, effect: (result: T) => void, failed: (error: unknown) => void): void {
    let result: T;
    try {
      result = query();
    } catch (error) {
      failed(error);
      return;
    }
    if (!this.#isOpen) {
      effect(result);
      return;
    }
    // What is undone was not there: it is looked up once more, at once.
    const again = () => this.read(query, effect, failed);
    this.#waiting.push({ committed: () => effect(result), failed: again });
    this.#schedule(true);
  }

  /** As {@link write}, for those who can wait. */
  change<T>(change: () => T): Promise<T> {
    return new Promise((resolve, reject) => this.write(change, resolve, reject));
  }

  #begin(): void {
    if (this.#isClosed) throw new Error("the database is closed");
    if (this.#isOpen) return;
    this.#sqlite.exec("BEGIN");
    this.#isOpen = true;
  }

  #schedule(isUrgent: boolean): void {
    if (!this.#isOpen) return;
    if (isUrgent) this.#soon ??= setImmediate(() => this.#commit());
    else this.#later ??= setTimeout(() => this.#commit(), LAZY_MS);
  }

  #commit(): void {
    clearImmediate(this.#soon);
    clearTimeout(this.#later);
    this.#soon = undefined;
    this.#later = undefined;
    if (!this.#isOpen) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isOpen = false;
    try {
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec("ROLLBACK");
      for (const each of waiting) each.failed(error);
      return;
    }
    for (const each of waiting) each.committed();
  }

  /** Writes all that was committed so far, as one database, to a file that is not there yet. Nothing else happens meanwhile. */
  copyTo(file: string): void {
    this.#commit();
    this.run("VACUUM INTO ?", file);
  }

  /** Nothing of what was deleted is left in the log either. */
  tidy(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.all("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** With a full disk, or one that fails, SQLite has undone all that was not committed. */
  #lost(error: unknown): void {
    this.#isOpen = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.failed(error);
  }

  /** Commits what is left. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.#isClosed = true;
    this.#closeSqlite();
  }

  #closeSqlite(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#sqlite.close();
  }
}
