/** Users, and invitations for those who are to become users. */
import { fromStored, type PasswordRecord, type StoredRecord } from "../../../login/index.ts";
import { INVITATION_PREFIX } from "../link.ts";
import { fold } from "../names.ts";
import { ChatError } from "../protocol.ts";
import type { Role, UserInfo } from "../types.ts";
import type { Database } from "./database.ts";

export interface User extends UserInfo {
  readonly id: number;
}

/** By so much clocks are put right all the time. */
const CLOCK_STEP_MS = 60_000;

/** Who has made an invitation, and for what: the server has made its owner's. */
export interface Invited {
  readonly maker: User | undefined;
  readonly role: Role;
  readonly room: number | undefined;
}

interface InvitationRow {
  readonly identity: string;
  readonly record: string;
  readonly role: Role;
  readonly room: number | null;
  readonly maker: number | null;
  readonly expires_ms: number;
  readonly redemption: string | null;
  readonly user: number | null;
}

/** Of one maker, that were not used. */
const MAX_INVITATIONS = 200;

/** Of rows of `users`. */
export const ACTIVE = "banned_ms IS NULL AND removed_ms IS NULL";

export class Accounts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // Look-ups

  /** Of an invitation that has not ended, nor has its maker. */
  invitationRecord(identity: string): PasswordRecord | undefined {
    const row = this.#invitation(identity);
    if (row !== undefined && row.maker !== null && this.#active(row.maker) === undefined) return undefined;
    return row && fromStored(JSON.parse(row.record) as StoredRecord);
  }

  /** One that was made by a clock that is ahead would last for as long as that was: it lets no user in. */
  #invitation(identity: string): InvitationRow | undefined {
    const nowMs = Date.now();
    return this.#database.get<InvitationRow>(
      "SELECT * FROM invitations WHERE identity = ? AND expires_ms > ? AND made_ms <= ?",
      identity,
      nowMs,
      nowMs + CLOCK_STEP_MS,
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

  /** Names that begin so, whatever their case, of those who can log in; so many at most, in order. */
  namesLike(prefix: string, limit: number): string[] {
    const from = fold(prefix);
    return this.#database
      .all<{ name: string }>(
        `SELECT name FROM users WHERE folded >= ? AND folded < ? AND ${ACTIVE} ORDER BY folded LIMIT ?`,
        from,
        `${from}\u{10ffff}`,
        limit,
      )
      .map(({ name }) => name);
  }

  get hasOwner(): boolean {
    return this.#database.get(`SELECT 1 FROM users WHERE role = 'owner' AND ${ACTIVE} LIMIT 1`) !== undefined;
  }

  // Changes, within one

  /** Names of those who have come by a user's invitations, and can log in; so many at most. */
  invitedBy({ id }: User, limit: number): string[] {
    return this.#database
      .all<{ name: string }>(
        `SELECT name FROM users WHERE invited_by = ? AND ${ACTIVE} ORDER BY id DESC LIMIT ?`,
        id,
        limit,
      )
      .map(({ name }) => name);
  }

  /** @throws ChatError name_taken */
  #create(name: string, role: Role, invitedBy: number | null): User {
    const folded = fold(name);
    if (this.#database.get("SELECT 1 FROM users WHERE folded = ?", folded) !== undefined)
      throw new ChatError("name_taken", "somebody has that name");
    return this.#database.get<User>(
      `INSERT INTO users (name, folded, role, created_ms, invited_by) VALUES (?, ?, ?, ?, ?)
        RETURNING id, name, role`,
      name,
      folded,
      role,
      Date.now(),
      invitedBy,
    )!;
  }

  setRole({ id }: User, role: Role): User {
    return this.#database.get<User>(
      "UPDATE users SET role = ? WHERE id = ? RETURNING id, name, role",
      role,
      id,
    )!;
  }

  /** Whoever is banned or removed does not log in. */
  exclude(user: User, how: "ban" | "allow" | "remove"): void {
    const change = { ban: "banned_ms = ?", allow: "banned_ms = NULL", remove: "removed_ms = ?" }[how];
    const values = how === "allow" ? [user.id] : [Date.now(), user.id];
    this.#database.run(`UPDATE users SET ${change} WHERE id = ?`, ...values);
  }

  /** @throws ChatError malformed, name_taken; too_many of one maker */
  invite(record: StoredRecord, { maker, role, room }: Invited, validMs: number): void {
    if (!record.identity.startsWith(INVITATION_PREFIX))
      throw new ChatError("malformed", "not the record of an invitation");
    checkRecord(record);
    const nowMs = Date.now();
    if (maker !== undefined && this.#openOf(maker, nowMs) >= MAX_INVITATIONS)
      throw new ChatError("too_many", "too many of your invitations wait to be used");
    const isNew = this.#database.run(
      `INSERT OR IGNORE INTO invitations (identity, record, role, room, maker, expires_ms, made_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      record.identity,
      JSON.stringify(record),
      role,
      room ?? null,
      maker?.id ?? null,
      nowMs + validMs,
      nowMs,
    );
    if (isNew === 0) throw new ChatError("name_taken", "that invitation is there already");
  }

  forgetEnded(nowMs: number): void {
    this.#database.run("DELETE FROM invitations WHERE expires_ms < ?", nowMs);
  }

  #openOf({ id }: User, nowMs: number): number {
    return this.#database.get<{ count: number }>(
      "SELECT count(*) AS count FROM invitations WHERE maker = ? AND expires_ms > ?",
      id,
      nowMs,
    )!.count;
  }

  /** Takes back what a user has handed out. @returns the identities that it let in */
  forgetInvitationsBy({ id }: User): string[] {
    return this.#database
      .all<{ identity: string }>("DELETE FROM invitations WHERE maker = ? RETURNING identity", id)
      .map(({ identity }) => identity);
  }

  /** Of a server without an owner: older invitations to become one are lost, or somebody has them who should not. */
  forgetOwnersInvitations(): void {
    this.#database.run("DELETE FROM invitations WHERE role = 'owner'");
  }

  /**
   * Makes the user that an invitation is for. Again with the same `redemption`, it is the same user.
   * @param check throws unless the maker still may invite
   * @throws ChatError invitation_used, name_taken
   */
  redeem(
    identity: string,
    redemption: string,
    name: string,
    check: (invited: Invited) => void,
  ): { user: User; room: number | null } {
    const row = this.#invitation(identity);
    if (row === undefined) throw new ChatError("invitation_used", "the invitation has ended");
    const maker = row.maker === null ? undefined : this.#active(row.maker);
    if (row.maker !== null && maker === undefined)
      throw new ChatError("invitation_used", "the invitation has ended");
    check({ maker, role: row.role, room: row.room ?? undefined });
    if (row.user !== null) {
      const user = this.#database.get<User>("SELECT id, name, role FROM users WHERE id = ?", row.user)!;
      if (row.redemption !== redemption || user.name !== name)
        throw new ChatError("invitation_used", "the invitation was used");
      return { user, room: row.room };
    }
    const user = this.#create(name, row.role, row.maker);
    this.#database.run(
      "UPDATE invitations SET user = ?, redemption = ? WHERE identity = ?",
      user.id,
      redemption,
      identity,
    );
    return { user, room: row.room };
  }

  #active(id: number): User | undefined {
    return this.#database.get<User>(`SELECT id, name, role FROM users WHERE id = ? AND ${ACTIVE}`, id);
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

/** @throws ChatError malformed for what is no record of a password */
export function checkRecord(record: StoredRecord): void {
  try {
    fromStored(record);
  } catch {
    throw new ChatError("malformed", "not the record of a password");
  }
}
