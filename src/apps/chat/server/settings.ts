/** Values that a server keeps of its own, by name. */
import type { Database } from "./database.ts";

export class Settings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(name: string): Uint8Array<ArrayBuffer> | undefined {
    const row = this.#database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE name = ?", name);
    return row && new Uint8Array(row.value);
  }

  set(name: string, value: Uint8Array): void {
    this.#database.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, value);
  }

  /** A value that is made once. Before anything else is written: it is committed by itself. */
  once(name: string, make: () => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const found = this.get(name);
    if (found !== undefined) return found;
    const made = make();
    this.set(name, made);
    return made;
  }
}
