/** What a user can do, whether a slash command, a line of JSON or a key asks for it. */
import type { Access, Role } from "../../apps/chat/client/entry.ts";

/** A room's name, `@user` for a direct conversation, or its number. The current room unless given. */
type InRoom = { readonly room?: string | undefined };

export type Action =
  | (InRoom & {
      readonly kind: "send";
      readonly text: string;
      readonly replyTo?: number;
      readonly id?: string;
    })
  /** The last message of somebody else unless given. */
  | (InRoom & { readonly kind: "reply"; readonly position?: number; readonly text: string })
  /** One's own last message unless given. */
  | (InRoom & { readonly kind: "edit"; readonly position?: number; readonly text: string })
  | (InRoom & { readonly kind: "delete"; readonly position?: number })
  | (InRoom & { readonly kind: "upload"; readonly path: string; readonly text?: string })
  /** The last attachment unless given. */
  | (InRoom & {
      readonly kind: "download";
      readonly position?: number;
      readonly id?: string;
      readonly folder?: string;
    })
  | (InRoom & { readonly kind: "history"; readonly before?: number; readonly limit?: number })
  | (InRoom & { readonly kind: "read"; readonly position?: number })
  | (InRoom & { readonly kind: "typing" })
  | { readonly kind: "join"; readonly room: string }
  /** Makes a room that this user is in the current one. */
  | { readonly kind: "open"; readonly room: string }
  | (InRoom & { readonly kind: "leave" })
  | { readonly kind: "rooms" }
  | { readonly kind: "create"; readonly name: string; readonly access: Access; readonly topic?: string }
  | (InRoom & { readonly kind: "topic"; readonly text?: string })
  | { readonly kind: "direct"; readonly user: string; readonly text?: string }
  | (InRoom & { readonly kind: "members" })
  | (InRoom & { readonly kind: "receipts" })
  | (InRoom & { readonly kind: "add"; readonly user: string })
  | (InRoom & {
      readonly kind: "kick";
      readonly user: string;
      /** Off the server, not out of a room. */
      readonly isEverywhere: boolean;
    })
  | (InRoom & {
      readonly kind: "ban";
      readonly user: string;
      readonly isBanned: boolean;
      /** Of the server, not of a room. */
      readonly isEverywhere: boolean;
    })
  | (InRoom & {
      readonly kind: "role";
      readonly user: string;
      readonly role: Role;
      /** On the server, not in a room. */
      readonly isEverywhere: boolean;
    })
  /** To the server, and to a room if one is given. */
  | (InRoom & { readonly kind: "invite"; readonly role?: Role })
  | { readonly kind: "state"; readonly state: "online" | "away" }
  /** What the user logs in with. */
  | { readonly kind: "logins" }
  /** Asks for a new password, unless it is a file's first line. */
  | { readonly kind: "password"; readonly file?: string }
  /** From now on this machine logs in by a private key, or by one that is agreed on with the server. */
  | { readonly kind: "key"; readonly file?: string }
  /** Takes something away from what the user logs in with: `password`, or a key by how its name begins. */
  | { readonly kind: "forget"; readonly which: string }
  | { readonly kind: "fingerprint" }
  | { readonly kind: "help" }
  | { readonly kind: "quit" };

/** What is asked for cannot be understood. */
export class ActionError extends Error {
  readonly code = "usage";
}
