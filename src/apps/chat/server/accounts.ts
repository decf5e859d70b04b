/** Users, what they log in with, and invitations for those who are to become users. */
import { fromBase64 } from "../../../crypto/bytes.ts";
import {
  fromStored,
  type PasswordRecord,
  type RecordListener,
  type RecordStore,
  type StoredRecord,
} from "../../../login/index.ts";
import { INVITATION_PREFIX } from "../link.ts";
import { ChatError } from "../protocol.ts";
import type { Role, UserInfo } from "../types.ts";
import type { Database } from "./database.ts";

export interface User extends UserInfo {
  readonly id: number;
}

/** What a user is to log in with, as the store has it. */
export type StoredCredential =
  | { readonly kind: "password"; readonly record: StoredRecord }
  | { readonly kind: "psk"; readonly identity: string; readonly key: Uint8Array }
  | { readonly kind: "key"; readonly fingerprint: string };

interface InvitationRow {
  readonly identity: string;
  readonly role: Role;
  readonly room: number | null;
  readonly expires_ms: number;
  readonly redemption: string | null;
  readonly user: number | null;
}

const ACTIVE = "banned_ms IS NULL AND removed_ms IS NULL";
const SECRET_BYTES = 32;

export class Accounts implements RecordStore {
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly #database: Database;
  readonly #listeners = new Set<RecordListener>();

  constructor(database: Database) {
    this.#database = database;
    this.secret = new Uint8Array(this.setting("login secret", () => random(SECRET_BYTES)));
  }

  /** A value that is made once. Before anything else is written: it is committed by itself. */
  setting(name: string, make: () => Uint8Array): Uint8Array {
    const find = () =>
      this.#database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE name = ?", name);
    const found = find();
    if (found !== undefined) return found.value;
    this.#database.run("INSERT INTO meta (name, value) VALUES (?, ?)", name, make());
    return find()!.value;
  }

  // RecordStore

  get(identity: string): PasswordRecord | undefined {
    const row = identity.startsWith(INVITATION_PREFIX)
      ? this.#database.get<{ record: string }>(
          "SELECT record FROM invitations WHERE identity = ? AND expires_ms > ?",
          identity,
          Date.now(),
        )
      : this.#database.get<{ record: string }>(
          `SELECT record FROM passwords JOIN users ON user = id WHERE identity = ? AND ${ACTIVE}`,
          identity,
        );
    return row && fromStored(JSON.parse(row.record) as StoredRecord);
  }

  watch(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** To be called once a change of what `identity` logs in with is on the disk. */
  reportChange(identity: string): void {
    for (const listener of this.#listeners) listener(identity, this.get(identity));
  }

  // Logins

  pskOf(identity: string): Uint8Array | undefined {
    return this.#database.get<{ key: Uint8Array }>(
      `SELECT key FROM psks JOIN users ON user = id WHERE identity = ? AND ${ACTIVE}`,
      identity,
    )?.key;
  }

  isTrusted(fingerprint: string): boolean {
    return this.byCredential("public_key", fingerprint) !== undefined;
  }

  /** Whose login this is; nobody's if the user was banned or removed. */
  byCredential(kind: "password" | "psk" | "public_key", identity: string): User | undefined {
    const [table, column] = {
      password: ["passwords", "identity"],
      psk: ["psks", "identity"],
      public_key: ["keys", "fingerprint"],
    }[kind] as [string, string];
    return this.#database.get<User>(
      `SELECT id, name, role FROM users JOIN ${table} ON user = id WHERE ${column} = ? AND ${ACTIVE}`,
      identity,
    );
  }

  byName(name: string): User | undefined {
    return this.#database.get<User>(
      "SELECT id, name, role FROM users WHERE folded = ? AND removed_ms IS NULL",
      fold(name),
    );
  }

  /** @throws ChatError not_found */
  named(name: string): User {
    const user = this.byName(name);
    if (user === undefined) throw new ChatError("not_found", "there is no such user");
    return user;
  }

  get hasOwner(): boolean {
    return this.#database.get(`SELECT 1 FROM users WHERE role = 'owner' AND ${ACTIVE} LIMIT 1`) !== undefined;
  }

  // Changes, within one

  /** @throws ChatError name_taken */
  #create(name: string, role: Role): User {
    const folded = fold(name);
    if (this.#database.get("SELECT 1 FROM users WHERE folded = ?", folded) !== undefined)
      throw new ChatError("name_taken", "somebody has that name");
    return this.#database.get<User>(
      "INSERT INTO users (name, folded, role, created_ms) VALUES (?, ?, ?, ?) RETURNING id, name, role",
      name,
      folded,
      role,
      Date.now(),
    )!;
  }

  /** Instead of what the user has of this kind. */
  setCredential(user: User, credential: StoredCredential): void {
    const { id, name } = user;
    switch (credential.kind) {
      case "password":
        if (credential.record.identity !== name)
          throw new ChatError("malformed", "a password of another name");
        checkRecord(credential.record);
        this.#database.run(
          "INSERT OR REPLACE INTO passwords (identity, user, record) VALUES (?, ?, ?)",
          name,
          id,
          JSON.stringify(credential.record),
        );
        return;
      case "psk":
        this.#database.run("DELETE FROM psks WHERE user = ?", id);
        this.#database.run(
          "INSERT INTO psks (identity, user, key) VALUES (?, ?, ?)",
          credential.identity,
          id,
          credential.key,
        );
        return;
      case "key": {
        const owner = this.#database.get<{ user: number }>(
          "SELECT user FROM keys WHERE fingerprint = ?",
          credential.fingerprint,
        );
        if (owner !== undefined && owner.user !== id)
          throw new ChatError("name_taken", "somebody has that key");
        this.#database.run("DELETE FROM keys WHERE user = ?", id);
        this.#database.run("INSERT INTO keys (fingerprint, user) VALUES (?, ?)", credential.fingerprint, id);
      }
    }
  }

  /** Takes away what a user logs in with, or forbids it. */
  exclude(user: User, how: "ban" | "allow" | "remove"): void {
    const change = { ban: "banned_ms = ?", allow: "banned_ms = NULL", remove: "removed_ms = ?" }[how];
    const values = how === "allow" ? [user.id] : [Date.now(), user.id];
    this.#database.run(`UPDATE users SET ${change} WHERE id = ?`, ...values);
    if (how !== "remove") return;
    for (const table of ["passwords", "psks", "keys"])
      this.#database.run(`DELETE FROM ${table} WHERE user = ?`, user.id);
  }

  invite(record: StoredRecord, role: Role, room: number | undefined, validMs: number): void {
    if (!record.identity.startsWith(INVITATION_PREFIX))
      throw new ChatError("malformed", "not the record of an invitation");
    checkRecord(record);
    this.#database.run("DELETE FROM invitations WHERE expires_ms < ?", Date.now());
    const isNew = this.#database.run(
      "INSERT OR IGNORE INTO invitations (identity, record, role, room, expires_ms) VALUES (?, ?, ?, ?, ?)",
      record.identity,
      JSON.stringify(record),
      role,
      room ?? null,
      Date.now() + validMs,
    );
    if (isNew === 0) throw new ChatError("name_taken", "that invitation is there already");
  }

  /** Of a server without an owner: older invitations to become one are lost, or somebody has them who should not. */
  forgetOwnersInvitations(): void {
    this.#database.run("DELETE FROM invitations WHERE role = 'owner'");
  }

  /**
   * Makes the user that an invitation is for. Again with the same `redemption`, it is the same user.
   * @throws ChatError invitation_used, name_taken
   */
  redeem(identity: string, redemption: string, name: string): { user: User; room: number | null } {
    const row = this.#database.get<InvitationRow>(
      "SELECT * FROM invitations WHERE identity = ? AND expires_ms > ?",
      identity,
      Date.now(),
    );
    if (row === undefined) throw new ChatError("invitation_used", "the invitation has ended");
    if (row.user !== null) {
      const user = this.#database.get<User>("SELECT id, name, role FROM users WHERE id = ?", row.user)!;
      if (row.redemption !== redemption || user.name !== name)
        throw new ChatError("invitation_used", "the invitation was used");
      return { user, room: row.room };
    }
    const user = this.#create(name, row.role);
    this.#database.run(
      "UPDATE invitations SET user = ?, redemption = ? WHERE identity = ?",
      user.id,
      redemption,
      identity,
    );
    return { user, room: row.room };
  }

  /** The invitations that a user has come by, who needs them no more. */
  redeemedBy(user: User): string[] {
    return this.#database
      .all<{ identity: string }>("SELECT identity FROM invitations WHERE user = ?", user.id)
      .map(({ identity }) => identity);
  }

  forgetInvitation(identity: string): void {
    this.#database.run("DELETE FROM invitations WHERE identity = ?", identity);
  }
}

/** What names are compared by. */
export function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function checkRecord(record: StoredRecord): void {
  try {
    fromStored(record);
  } catch {
    throw new ChatError("malformed", "not the record of a password");
  }
}

/** @throws ChatError malformed */
export function publicKeyBytes(base64: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch {
    throw new ChatError("malformed", "not a key");
  }
}
