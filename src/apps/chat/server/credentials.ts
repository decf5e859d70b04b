/** What users log in with: one password, pre-shared keys and keys of their own. */
import { fromStored, type PasswordRecord, type StoredRecord } from "../../../login/index.ts";
import { ChatError } from "../protocol.ts";
import type { CredentialInfo, CredentialKind } from "../types.ts";
import { ACTIVE, checkRecord, type User } from "./accounts.ts";
import type { Database } from "./database.ts";

/** As the store has it. */
export type StoredCredential =
  | { readonly kind: "password"; readonly record: StoredRecord }
  | { readonly kind: "psk"; readonly identity: string; readonly key: Uint8Array }
  | { readonly kind: "key"; readonly fingerprint: string };

/** Where each kind is, and what names one of it. */
const TABLES: Readonly<Record<CredentialKind, readonly [table: string, id: string]>> = {
  password: ["passwords", "identity"],
  psk: ["psks", "identity"],
  key: ["keys", "fingerprint"],
};

const ALL = Object.entries(TABLES)
  .map(
    ([kind, [table, id]]) => `SELECT '${kind}' AS kind, ${id} AS id, added_ms AS addedMs, user FROM ${table}`,
  )
  .join(" UNION ALL ");

/** What a session calls its peer that has logged in with such a one. */
export function peerKind(kind: CredentialKind): "password" | "psk" | "public_key" {
  return kind === "key" ? "public_key" : kind;
}

/** Of one user. */
const MAX_CREDENTIALS = 16;

export class Credentials {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // Look-ups

  passwordOf(identity: string): PasswordRecord | undefined {
    const row = this.#database.get<{ record: string }>(
      `SELECT record FROM passwords JOIN users ON user = id WHERE identity = ? AND ${ACTIVE}`,
      identity,
    );
    return row && fromStored(JSON.parse(row.record) as StoredRecord);
  }

  pskOf(identity: string): Uint8Array | undefined {
    return this.#database.get<{ key: Uint8Array }>(
      `SELECT key FROM psks JOIN users ON user = id WHERE identity = ? AND ${ACTIVE}`,
      identity,
    )?.key;
  }

  /** Whose login this is; nobody's if the user was banned or removed. */
  userBy(kind: CredentialKind, id: string): User | undefined {
    const [table, column] = TABLES[kind];
    return this.#database.get<User>(
      `SELECT id, name, role FROM users JOIN ${table} ON user = id WHERE ${column} = ? AND ${ACTIVE}`,
      id,
    );
  }

  /** The oldest first. */
  of(user: User): CredentialInfo[] {
    return this.#database.all<CredentialInfo>(
      `SELECT kind, id, addedMs FROM (${ALL}) WHERE user = ? ORDER BY addedMs, kind, id`,
      user.id,
    );
  }

  // Changes, within one

  /** A password takes the place of the one before; keys come beside those that there are. */
  add(user: User, credential: StoredCredential): void {
    const isFull = this.of(user).filter(({ kind }) => kind !== "password").length >= MAX_CREDENTIALS;
    if (isFull && credential.kind !== "password")
      throw new ChatError("too_many", "too many keys to log in with");
    const nowMs = Date.now();
    switch (credential.kind) {
      case "password":
        if (credential.record.identity !== user.name)
          throw new ChatError("malformed", "a password of another name");
        checkRecord(credential.record);
        this.#database.run(
          "INSERT OR REPLACE INTO passwords (identity, user, record, added_ms) VALUES (?, ?, ?, ?)",
          user.name,
          user.id,
          JSON.stringify(credential.record),
          nowMs,
        );
        return;
      case "psk":
        this.#database.run(
          "INSERT OR IGNORE INTO psks (identity, user, key, added_ms) VALUES (?, ?, ?, ?)",
          credential.identity,
          user.id,
          credential.key,
          nowMs,
        );
        return;
      case "key": {
        const { fingerprint } = credential;
        const owner = this.#database.get<{ user: number }>(
          "SELECT user FROM keys WHERE fingerprint = ?",
          fingerprint,
        );
        if (owner !== undefined && owner.user !== user.id)
          throw new ChatError("name_taken", "somebody has that key");
        this.#database.run(
          "INSERT OR IGNORE INTO keys (fingerprint, user, added_ms) VALUES (?, ?, ?)",
          fingerprint,
          user.id,
          nowMs,
        );
      }
    }
  }

  /** @throws ChatError not_found; not_allowed for the last one, without which nobody comes back */
  remove(user: User, kind: CredentialKind, id: string): void {
    const all = this.of(user);
    if (!all.some((each) => each.kind === kind && each.id === id))
      throw new ChatError("not_found", "you do not log in with that");
    if (all.length === 1) throw new ChatError("not_allowed", "you have nothing else to log in with");
    const [table, column] = TABLES[kind];
    this.#database.run(`DELETE FROM ${table} WHERE ${column} = ? AND user = ?`, id, user.id);
  }

  removeAll(user: User): void {
    for (const [table] of Object.values(TABLES))
      this.#database.run(`DELETE FROM ${table} WHERE user = ?`, user.id);
  }
}
