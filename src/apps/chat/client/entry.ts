/** What the entry points of `sealgram/chat` have in common. */
import { type ChatOptions, Client } from "./client.ts";
import type { ChatAuth, NewUser } from "./credentials.ts";
import type { Connect, DialOptions } from "./dialer.ts";
import { joinBy } from "./join.ts";

export { type ChatLink, formatLink, type Invitation, parseLink } from "../link.ts";
export { ChatError, CloseCode, type ErrorCode, type PresenceState } from "../protocol.ts";
export type {
  Access,
  AttachmentInfo,
  CredentialInfo,
  CredentialKind,
  Entry,
  Member,
  MessageEntry,
  Receipt,
  Role,
  RoomInfo,
  UserInfo,
} from "../types.ts";
export { type ChatEvents, type ChatOptions, Client, type RoomMessage } from "./client.ts";
export { type ChatAuth, formatPsk, type NewUser, newId, parsePsk } from "./credentials.ts";
export type { DialOptions } from "./dialer.ts";
export { Login, type OwnCredential } from "./login.ts";
export type { Outgoing, Stored } from "./outbox.ts";
export { ChatRoom, type SendOptions, type UploadOptions } from "./room.ts";
export {
  type HappeningItem,
  type MessageItem,
  type MessageState,
  Timeline,
  type TimelineItem,
} from "./timeline.ts";
export type { Download } from "./transfers.ts";
export { ChatView, type ChatViewEvents, type ConnectionState } from "./view.ts";

/** What a program begins with. */
export interface ChatFace {
  /**
   * Logs in, and gets what was missed. From then on it stays connected by itself.
   * @param link `sealgram://host:port/…`
   * @throws SealgramError with the codes of `connect`, ChatError, TypeError for what is no link
   */
  connect(link: string, options: ChatOptions): Promise<Client>;
  /**
   * Makes a new user by an invitation's link, which is of no use afterwards.
   * @returns how that user logs in
   * @throws as {@link connect}; ChatError `name_taken`, `invitation_used`
   */
  join(
    link: string,
    user: NewUser,
    options?: DialOptions & { readonly signal?: AbortSignal },
  ): Promise<ChatAuth>;
}

/** The chat of a runtime with this `connect`. */
export function chatBy(connect: Connect): ChatFace {
  return {
    connect: (link, options) => Client.open(connect, link, options),
    join: (link, user, options) => joinBy(connect, link, user, options),
  };
}
