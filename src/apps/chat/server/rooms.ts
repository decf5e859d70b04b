/** Rooms and direct conversations: who is in them, as what, and how far they have read. */

import { fold } from "../names.ts";
import { ChatError, Limit, SMALL_ROOM } from "../protocol.ts";
import type { Access, Receipt, Role, RoomInfo } from "../types.ts";
import { ACTIVE, type User } from "./accounts.ts";
import type { Database } from "./database.ts";

interface RoomRow {
  readonly id: number;
  readonly name: string;
  readonly pair: string | null;
  readonly topic: string;
  readonly access: Access;
  readonly head: number;
  readonly members: number;
}

interface Membership {
  readonly role: Role | null;
  readonly delivered: number | null;
  readonly read: number | null;
  /** The other user of a direct conversation. */
  readonly other: string | null;
}

type SeenRow = RoomRow & Membership;

const RANK: Readonly<Record<Role, number>> = { member: 0, moderator: 1, owner: 2 };

/** Of the pair of a direct conversation, the other one, wherever they are. */
function other(user: string): string {
  const second = "CAST(substr(pair, instr(pair, ':') + 1) AS INTEGER)";
  return `CASE CAST(pair AS INTEGER) WHEN ${user} THEN ${second} ELSE CAST(pair AS INTEGER) END`;
}

/** As one user, the first parameter, sees it. */
const SEEN = `SELECT rooms.id, rooms.name, pair, topic, access, head, members, members.role, delivered, read,
  (SELECT users.name FROM users WHERE users.id = ${other("?1")}) AS other
  FROM rooms LEFT JOIN members ON members.room = rooms.id AND members.user = ?1`;

/** A user in a room, with the rights that come of it. */
export interface Membered {
  readonly room: RoomInfo;
  readonly rank: number;
}

export class Rooms {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // Look-ups

  /** As a user sees it; rooms for members only do not exist for others. */
  seenBy(user: User, room: number): RoomInfo {
    const row = this.#database.get<SeenRow>(`${SEEN} WHERE rooms.id = ?2`, user.id, room);
    if (row === undefined || (row.role === null && row.access !== "public"))
      throw new ChatError("not_found", "there is no such room");
    return describe(row);
  }

  /** @throws ChatError not_found, not_a_member */
  of(user: User, room: number): Membered {
    const info = this.seenBy(user, room);
    if (info.role === undefined) throw new ChatError("not_a_member", "you are not in that room");
    const isDirect = info.kind === "direct";
    return { room: info, rank: isDirect ? RANK.member : Math.max(RANK[info.role], RANK[user.role]) };
  }

  /** As {@link of}, for what only moderators may. */
  moderated(user: User, room: number): Membered {
    const membered = this.of(user, room);
    if (membered.rank < RANK.moderator) throw new ChatError("not_allowed", "that takes a moderator");
    return membered;
  }

  isMember(user: User, room: number): boolean {
    return (
      this.#database.get("SELECT 1 FROM members WHERE room = ? AND user = ?", room, user.id) !== undefined
    );
  }

  ofUser(user: User): RoomInfo[] {
    return this.#database
      .all<SeenRow>(`${SEEN} WHERE members.user = ?1 ORDER BY rooms.id`, user.id)
      .map(describe);
  }

  /** In how many a user is by choice, or was put into by others and has never said anything. */
  countOf(user: User, kind: "chosen" | "put" | "direct"): number {
    const which = {
      chosen: "is_chosen = 1",
      put: "is_chosen = 0 AND pair IS NULL",
      direct: "is_chosen = 0 AND pair IS NOT NULL",
    }[kind];
    return this.#database.get<{ count: number }>(
      `SELECT count(*) AS count FROM members JOIN rooms ON rooms.id = room WHERE user = ? AND ${which}`,
      user.id,
    )!.count;
  }

  /** Whether a user is in a room that others have put them into. */
  wasPutInto(user: User, room: number): boolean {
    const sql = "SELECT 1 FROM members WHERE room = ? AND user = ? AND is_chosen = 0";
    return this.#database.get(sql, room, user.id) !== undefined;
  }

  /** Of the other conversations that were begun with a user, who has not answered, the one that was silent for longest. */
  oldestUnanswered(user: User, besides: number): number | undefined {
    return this.#database.get<{ id: number }>(
      `SELECT rooms.id FROM members JOIN rooms ON rooms.id = members.room
        LEFT JOIN entries ON entries.room = rooms.id AND entries.position = head
        WHERE user = ? AND is_chosen = 0 AND pair IS NOT NULL AND rooms.id <> ?
        ORDER BY entries.time_ms, rooms.id LIMIT 1`,
      user.id,
      besides,
    )?.id;
  }

  /** The other one of a conversation, who can log in and is not in it: they have closed it. */
  absentFrom(user: User, room: number): User | undefined {
    return this.#database.get<User>(
      `SELECT users.id, users.name, users.role FROM rooms JOIN users ON users.id = ${other("?1")}
        WHERE rooms.id = ?2 AND pair IS NOT NULL AND ${ACTIVE}
        AND NOT EXISTS (SELECT 1 FROM members WHERE room = rooms.id AND user = users.id)`,
      user.id,
      room,
    );
  }

  /** Whether somebody has made one, apart from conversations of two. */
  get areAny(): boolean {
    return this.#database.get("SELECT 1 FROM rooms WHERE pair IS NULL LIMIT 1") !== undefined;
  }

  /** What a user can join. */
  listedTo(user: User, after: string): { rooms: RoomInfo[]; more: boolean } {
    // However many there are that the user must not see, they are passed by.
    const rows = this.#database.all<SeenRow>(
      `${SEEN} WHERE rooms.id IN (
        SELECT id FROM (SELECT id FROM rooms WHERE access = 'public' AND folded > ?2 ORDER BY folded LIMIT ?3)
        UNION SELECT room FROM members WHERE user = ?1) AND folded > ?2 ORDER BY folded LIMIT ?3`,
      user.id,
      fold(after),
      Limit.page + 1,
    );
    return { rooms: rows.slice(0, Limit.page).map(describe), more: rows.length > Limit.page };
  }

  members(room: number, after: string): { members: { user: string; role: Role }[]; more: boolean } {
    const { rows, more } = this.#page<{ user: string; role: Role }>("members.role", room, after);
    return { members: rows, more };
  }

  /** Of the members of a room, behind one of them: in the order in which they are found without looking at others. */
  #page<Row>(columns: string, room: number, after: string): { rows: Row[]; more: boolean } {
    const rows = this.#database.all<Row>(
      `SELECT users.name AS user, ${columns} FROM members JOIN users ON users.id = members.user
        WHERE room = ? AND members.user > coalesce((SELECT id FROM users WHERE name = ?), 0)
        ORDER BY members.user LIMIT ?`,
      room,
      after,
      Limit.page + 1,
    );
    return { rows: rows.slice(0, Limit.page), more: rows.length > Limit.page };
  }

  /** The other users in the small rooms that a user is in. */
  acquaintances(user: User): number[] {
    const rows = this.#database.all<{ user: number }>(
      `SELECT DISTINCT others.user FROM members AS own JOIN rooms ON rooms.id = own.room
        JOIN members AS others ON others.room = own.room
        WHERE own.user = ?1 AND rooms.members <= ?2 AND others.user <> ?1`,
      user.id,
      SMALL_ROOM,
    );
    return rows.map((row) => row.user);
  }

  receipts(room: number, after: string): { receipts: Receipt[]; more: boolean } {
    const { rows, more } = this.#page<Receipt>("delivered, read", room, after);
    return { receipts: rows, more };
  }

  // Changes, within one

  /** @throws ChatError name_taken */
  create(owner: User, name: string, topic: string, access: Access): RoomInfo {
    const folded = fold(name);
    if (this.#database.get("SELECT 1 FROM rooms WHERE folded = ?", folded) !== undefined)
      throw new ChatError("name_taken", "there is a room of that name");
    const { id } = this.#database.get<{ id: number }>(
      "INSERT INTO rooms (name, folded, topic, access) VALUES (?, ?, ?, ?) RETURNING id",
      name,
      folded,
      topic,
      access,
    )!;
    this.#enter(id, owner, "owner", true);
    return this.seenBy(owner, id);
  }

  /** The conversation of two users. */
  direct(user: User, other: User): { room: RoomInfo; isNew: boolean; isEntered: boolean } {
    if (user.id === other.id) throw new ChatError("not_allowed", "with whom?");
    const pair = [user.id, other.id].sort((a, b) => a - b).join(":");
    const found = this.#database.get<{ id: number }>("SELECT id FROM rooms WHERE pair = ?", pair);
    if (found !== undefined) {
      const isEntered = this.enter(user, found.id, true);
      return { room: this.seenBy(user, found.id), isNew: false, isEntered };
    }
    const { id } = this.#database.get<{ id: number }>(
      "INSERT INTO rooms (name, pair, topic, access) VALUES ('', ?, '', 'members') RETURNING id",
      pair,
    )!;
    this.#enter(id, user, "member", true);
    return { room: this.seenBy(user, id), isNew: true, isEntered: true };
  }

  /** @param isChosen whether the user has asked for it @returns whether the user was not in it yet */
  enter(user: User, room: number, isChosen: boolean): boolean {
    if (this.isMember(user, room)) return false;
    if (this.isBanned(user, room)) throw new ChatError("banned", "that user is banned from the room");
    this.#enter(room, user, "member", isChosen);
    return true;
  }

  /** The user has said something there, and so is there by choice. */
  choose(user: User, room: number): void {
    this.#database.run("UPDATE members SET is_chosen = 1 WHERE room = ? AND user = ?", room, user.id);
  }

  #enter(room: number, user: User, role: Role, isChosen: boolean): void {
    this.#database.run(
      `INSERT INTO members (room, user, role, since, delivered, read, is_chosen)
        SELECT id, ?2, ?3, head, head, head, ?4 FROM rooms WHERE id = ?1`,
      room,
      user.id,
      role,
      isChosen ? 1 : 0,
    );
    this.#database.run("UPDATE rooms SET members = members + 1 WHERE id = ?", room);
  }

  /** Who is left without an owner gets one: whoever has the highest role, and the lowest number. */
  leave(user: User, room: number): void {
    const isGone = this.#database.run("DELETE FROM members WHERE room = ? AND user = ?", room, user.id);
    if (isGone === 0) return;
    this.#database.run("UPDATE rooms SET members = members - 1 WHERE id = ?", room);
    this.#database.run(
      `UPDATE members SET role = 'owner' WHERE room = ?1
        AND (SELECT pair FROM rooms WHERE id = ?1) IS NULL
        AND NOT EXISTS (SELECT 1 FROM members WHERE room = ?1 AND role = 'owner')
        AND user = (SELECT user FROM members WHERE room = ?1 ORDER BY role = 'moderator' DESC, user LIMIT 1)`,
      room,
    );
  }

  setTopic(room: number, topic: string): void {
    this.#database.run("UPDATE rooms SET topic = ? WHERE id = ?", topic, room);
  }

  setRole(user: User, room: number, role: Role): void {
    const isMember = this.#database.run(
      "UPDATE members SET role = ? WHERE room = ? AND user = ?",
      role,
      room,
      user.id,
    );
    if (isMember === 0) throw new ChatError("not_a_member", "that user is not in the room");
  }

  hasOwner(room: number): boolean {
    return (
      this.#database.get("SELECT 1 FROM members WHERE room = ? AND role = 'owner' LIMIT 1", room) !==
      undefined
    );
  }

  isBanned(user: User, room: number): boolean {
    return this.#database.get("SELECT 1 FROM bans WHERE room = ? AND user = ?", room, user.id) !== undefined;
  }

  setBan(user: User, room: number, isBanned: boolean): void {
    const sql = isBanned
      ? "INSERT OR IGNORE INTO bans (room, user) VALUES (?, ?)"
      : "DELETE FROM bans WHERE room = ? AND user = ?";
    this.#database.run(sql, room, user.id);
  }

  /** The rank of somebody whom another wants to remove. */
  rankOf(user: User, room: number): number {
    const row = this.#database.get<{ role: Role }>(
      "SELECT role FROM members WHERE room = ? AND user = ?",
      room,
      user.id,
    );
    return Math.max(RANK[row?.role ?? "member"], RANK[user.role]);
  }

  /**
   * Moves a member's positions up, never down and never beyond the room's newest entry; what is read has been delivered.
   * @returns whether there was anything to move
   */
  advance(user: User, room: number, delivered: number, read: number): boolean {
    return (
      this.#database.run(
        `UPDATE members SET delivered = max(delivered, min(?3, head)), read = max(read, min(?4, head))
          FROM rooms WHERE rooms.id = members.room AND room = ?1 AND user = ?2
          AND (delivered < min(?3, head) OR read < min(?4, head))`,
        room,
        user.id,
        Math.max(delivered, read),
        read,
      ) > 0
    );
  }

  receiptOf(user: User, room: number): Receipt | undefined {
    return this.#database.get<Receipt>(
      `SELECT users.name AS user, delivered, read FROM members JOIN users ON users.id = user
        WHERE room = ? AND user = ?`,
      room,
      user.id,
    );
  }
}

export function rankOf(role: Role): number {
  return RANK[role];
}

function describe(row: SeenRow): RoomInfo {
  const { id, name, pair, topic, access, head, members, role, delivered, read, other } = row;
  return {
    id,
    kind: pair === null ? "room" : "direct",
    name: other ?? name,
    topic,
    access,
    head,
    // Whether the other one has closed it is theirs to know.
    members: pair === null ? members : 2,
    ...(role === null ? {} : { role, delivered: delivered!, read: read! }),
  };
}
