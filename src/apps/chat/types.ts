/** What a chat is made of, as its client and its server see it. */
import type { StoredRecord } from "../../login/index.ts";

/** Of a user on the server, or of a member in a room. */
export type Role = "owner" | "moderator" | "member";

/** Whether a room can be found and joined by everybody, or only by those whom its owner or moderators add. */
export type Access = "public" | "members";

/** Somebody on a server. */
export interface UserInfo {
  /** What they are called, and what they are on the server. */
  readonly name: string;
  readonly role: Role;
}

/** A room as the server tells of it. */
export interface RoomInfo {
  /** Its number on this server, and whether it is a conversation of two. */
  readonly id: number;
  readonly kind: "room" | "direct";
  /** Of a direct conversation, the other user's. */
  readonly name: string;
  /** What it is about; empty if nobody has said. */
  readonly topic: string;
  /** Who can find and join it. */
  readonly access: Access;
  /** How many there are. */
  readonly members: number;
  /** The position of its newest entry; 0 if there is none. */
  readonly head: number;
  /** Of the user that it was told to; absent for those who are not in it. */
  readonly role?: Role | undefined;
  /** How far the user has received and read it. */
  readonly delivered?: number | undefined;
  readonly read?: number | undefined;
}

/** A file that was sent to a room. */
export interface AttachmentInfo {
  /** Its sender's, and the file's name. */
  readonly id: string;
  readonly name: string;
  /** A media type, as the sender has it. */
  readonly type: string;
  /** Its length. */
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
  /** Empty if it was deleted. */
  readonly text: string;
  /** The position of the message that it answers. */
  readonly replyTo?: number | undefined;
  /** The file that goes with it. */
  readonly attachment?: AttachmentInfo | undefined;
  /** When its text was changed last. */
  readonly editedMs?: number | undefined;
  /** Whether it was deleted; absent if not. */
  readonly isDeleted?: boolean | undefined;
}

/** Somebody who is in a room. */
export interface Member {
  /** Their name, what they are in the room, and whether they are here. */
  readonly user: string;
  readonly role: Role;
  readonly presence: "online" | "away" | "offline";
}

/** How far a member has come in a room: everything up to these positions. */
export interface Receipt {
  /** Whose; what their clients have received; what they have read. */
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
}

/** What a user logs in with from now on. */
export type Credential =
  /** The record that `register` makes of a password: the password itself stays where it was typed. */
  | { readonly kind: "password"; readonly record: StoredRecord }
  /** The key that both sides make of this session (`exportPsk`), in the context of this random text. */
  | { readonly kind: "psk"; readonly context: string }
  /**
   * SubjectPublicKeyInfo, and a signature that shows that the user has the private half (`key-proof.ts`), by one of
   * TLS's schemes; both in base64.
   */
  | {
      readonly kind: "key";
      readonly publicKey: string;
      readonly scheme: number;
      readonly signature: string;
    };

/** A password, a pre-shared key or a key of one's own. */
export type CredentialKind = Credential["kind"];

/** Something that a user logs in with, as far as it is told: no secrets. */
export interface CredentialInfo {
  /** What it is. */
  readonly kind: CredentialKind;
  /** A pre-shared key's identity, a key's fingerprint; of a password the user's name. */
  readonly id: string;
  /** When it was set, on the server's clock since 1970. */
  readonly addedMs: number;
}
