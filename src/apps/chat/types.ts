/** What a chat is made of, as its client and its server see it. */
import type { StoredRecord } from "../../login/index.ts";

/** Of a user on the server, or of a member in a room. */
export type Role = "owner" | "moderator" | "member";

/** Whether a room can be found and joined by everybody, or only by those whom its owner or moderators add. */
export type Access = "public" | "members";

export interface UserInfo {
  readonly name: string;
  readonly role: Role;
}

export interface RoomInfo {
  readonly id: number;
  readonly kind: "room" | "direct";
  /** Of a direct conversation, the other user's. */
  readonly name: string;
  readonly topic: string;
  readonly access: Access;
  readonly members: number;
  /** The position of its newest entry; 0 if there is none. */
  readonly head: number;
  /** Of the user that it was told to; absent for those who are not in it. */
  readonly role?: Role | undefined;
  /** How far the user has received and read it. */
  readonly delivered?: number | undefined;
  readonly read?: number | undefined;
}

export interface AttachmentInfo {
  readonly id: string;
  readonly name: string;
  /** A media type, as the sender has it. */
  readonly type: string;
  readonly bytes: number;
}

/** One thing that has happened in a room. Positions go up by one, without gaps but for what was kept long enough. */
export type Entry =
  | MessageEntry
  | (EntryHead<"edit"> & { readonly target: number; readonly text: string })
  | (EntryHead<"delete"> & { readonly target: number })
  | EntryHead<"join">
  /** `by` somebody else, if it was not by choice. */
  | (EntryHead<"leave"> & { readonly by?: string | undefined })
  | (EntryHead<"topic"> & { readonly text: string });

interface EntryHead<Kind extends string> {
  readonly kind: Kind;
  readonly position: number;
  /** On the server's clock, since 1970. */
  readonly timeMs: number;
  readonly author: string;
}

/** A message as it is now: its newest text, or none if it was deleted. */
export interface MessageEntry extends EntryHead<"message"> {
  /** Its sender's. */
  readonly id: string;
  readonly text: string;
  readonly replyTo?: number | undefined;
  readonly attachment?: AttachmentInfo | undefined;
  readonly editedMs?: number | undefined;
  readonly isDeleted?: boolean | undefined;
}

export interface Member {
  readonly user: string;
  readonly role: Role;
  readonly presence: "online" | "away" | "offline";
}

/** How far a member has come in a room: everything up to these positions. */
export interface Receipt {
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
}

/** What a user logs in with from now on. */
export type Credential =
  /** The record that `register` makes of a password: the password itself stays where it was typed. */
  | { readonly kind: "password"; readonly record: StoredRecord }
  /** The key that both sides make of this session (`exportPsk`). */
  | { readonly kind: "psk" }
  /** SubjectPublicKeyInfo, in base64. */
  | { readonly kind: "key"; readonly publicKey: string };
