/**
 * What a chat's client and server say to each other, version 1.
 *
 * The client opens a bidirectional stream, the channel, on which each message is JSON behind its length. JSON, as every
 * runtime has a parser that is fast and has seen everything, and no message has bytes to carry: attachments have streams
 * of their own. Every message is checked, field by field, before anything is done with it; what is not known is an error.
 *
 * - client: `[number, method, parameters]`, answered in any order; the first is `hello`
 * - client: `[0, method, parameters]`, which is not answered
 * - server: `[number, result]` or `[number, null, error]`
 * - server: `[name, event]`
 */
import type { StoredRecord } from "../../login/index.ts";
import type {
  Access,
  AttachmentInfo,
  Credential,
  CredentialInfo,
  CredentialKind,
  Entry,
  Member,
  Receipt,
  Role,
  RoomInfo,
  UserInfo,
} from "./types.ts";

export const VERSION = 1;

/** The application protocol of the sessions (ALPN). */
export const CHAT_PROTOCOL = "sealgram-chat";

/** In bytes of UTF-8, or items. */
export const Limit = {
  text: 65_536,
  topic: 1_024,
  /** Of entries in one answer, besides their number. */
  pageBytes: 262_144,
  page: 200,
  /** Of users that are found by how their names begin. */
  found: 20,
  /** A text of control characters is six times as long in JSON. */
  clientMessage: 524_288,
  /** Of the message that a stream for an attachment begins with. */
  transfer: 8_192,
  serverMessage: 4_194_304,
  datagram: 1_024,
} as const;

/** Rooms with more members do not push receipts, presence and typing: those who want to know ask. */
export const SMALL_ROOM = 64;

/** Codes of a session's end, for people and programs alike. */
export const CloseCode = {
  done: 0,
  malformed: 1,
  /** The client reads too slowly; it may come back, and catch up. */
  too_slow: 2,
  banned: 4,
  removed: 5,
  /** Another version, or a peer that nobody knows. */
  refused: 6,
  restarting: 7,
  /** What the session was made by was changed or taken away. */
  revoked: 8,
} as const;

/** Why a server refuses a request. */
export type ErrorCode =
  | "malformed"
  | "unknown_method"
  | "not_now"
  | "version"
  | "not_found"
  | "not_a_member"
  | "not_allowed"
  | "banned"
  | "name_taken"
  | "too_many"
  | "too_large"
  | "no_room"
  | "stalled"
  | "deleted"
  | "invitation_used"
  | "rate_limited"
  | "internal";

/** As it is told. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
}

/** A request that was refused. `code` is stable; nothing has changed by the request. */
export class ChatError extends Error {
  override readonly name: string = "ChatError";
  /** Why, in one word. `disconnected` and `closed` are the client's own. */
  readonly code: ErrorCode | "disconnected" | "closed";
  /** For `rate_limited`: when to try again. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ChatError["code"], message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Parameters and results of each method. */
export interface Methods {
  hello: {
    params: { version: number };
    result: { user?: UserInfo; rooms: RoomInfo[]; server: string };
  };
  /** Makes a user, by the session that an invitation's secret has opened. `id` makes it the same one if it is repeated. */
  "invitation.redeem": {
    params: { id: string; name: string; credential: Credential };
    result: { user: UserInfo };
  };
  /** The record of the identity `invitation:…`: the server never sees the secret. */
  "invitation.create": {
    params: { record: StoredRecord; room?: number; role?: Role; validMs: number };
    result: Empty;
  };
  /** What the user logs in with. */
  "credential.list": { params: Empty; result: { credentials: CredentialInfo[] } };
  /** A password takes the place of the one before, which ends the other sessions that were made by it; keys are added. */
  "credential.add": { params: { credential: Credential }; result: Empty };
  /** Ends the other sessions that were made by it. The last one stays. */
  "credential.remove": { params: { kind: CredentialKind; id: string }; result: Empty };
  /** Names of users that begin so, whatever their case. */
  "users.find": { params: { prefix: string }; result: { users: string[] } };
  /** On the server, not in a room. An owner gives roles, and stays one unless there is another. */
  "user.role": { params: { user: string; role: Role }; result: Empty };
  /** Their invitations end; of those who have come by earlier ones, the newest are named. */
  "user.ban": { params: { user: string; isBanned: boolean }; result: { invited: string[] } };
  "user.remove": { params: { user: string }; result: { invited: string[] } };
  "rooms.list": { params: { after?: string }; result: { rooms: RoomInfo[]; more: boolean } };
  "room.create": { params: { name: string; topic?: string; access: Access }; result: { room: RoomInfo } };
  "room.join": { params: { room: number }; result: { room: RoomInfo } };
  "room.add": { params: { room: number; user: string }; result: Empty };
  "room.leave": { params: { room: number }; result: Empty };
  "room.topic": { params: { room: number; topic: string }; result: Empty };
  "room.members": { params: { room: number; after?: string }; result: { members: Member[]; more: boolean } };
  "room.role": { params: { room: number; user: string; role: Role }; result: Empty };
  "room.remove": { params: { room: number; user: string }; result: Empty };
  "room.ban": { params: { room: number; user: string; isBanned: boolean }; result: Empty };
  "direct.open": { params: { user: string }; result: { room: RoomInfo } };
  /**
   * What came after a position, oldest first; without one, the newest. When there is no more, this session gets all that
   * comes from then on as events: nothing twice, nothing left out.
   */
  "room.sync": {
    params: { room: number; after?: number; limit?: number };
    result: { entries: Entry[]; more: boolean };
  };
  /** What came before a position, newest last. */
  "room.history": {
    params: { room: number; before?: number; limit?: number };
    result: { entries: Entry[]; more: boolean };
  };
  "room.receipts": {
    params: { room: number; after?: string };
    result: { receipts: Receipt[]; more: boolean };
  };
  /** `id` makes it the same message however often it is sent. */
  "message.send": {
    params: { room: number; id: string; text: string; replyTo?: number; attachment?: string };
    result: { position: number; timeMs: number };
  };
  "message.edit": { params: { room: number; position: number; text: string }; result: Empty };
  "message.delete": { params: { room: number; position: number }; result: Empty };
  /** Not answered. Positions only ever go up. */
  receipt: { params: { room: number; delivered?: number; read?: number }; result: Empty };
}

export type Empty = Record<never, never>;
export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M]["params"];
export type Result<M extends Method> = Methods[M]["result"];

/** What a server tells without being asked. */
export interface Events {
  /** The user's own role has changed. */
  user: { user: UserInfo };
  /** Of a room that is in sync. */
  entry: { room: number; entry: Entry };
  /** A room that the user is in now, or that has changed. */
  room: { room: RoomInfo };
  /** A room that the user is not in any more, and who has taken them out of it, if they have not left themselves. */
  left: { room: number; by?: string };
  receipts: { room: number; receipts: Receipt[] };
}

export type EventName = keyof Events;

/** On datagrams, which may be lost, and come in another order: one of these as JSON. */
export type Signal =
  /** `position` is of the newest entry that the client had: whose own is newer is not typing any more. */
  | { readonly kind: "typing"; readonly room: number; readonly position: number; readonly user?: string }
  | { readonly kind: "presence"; readonly users: readonly PresenceChange[] }
  /** Of two states in a session, the one with the higher number is newer. */
  | { readonly kind: "state"; readonly state: PresenceState; readonly number: number };

/** Whether a user is here. */
export type PresenceState = "online" | "away" | "offline";

export interface PresenceChange {
  readonly user: string;
  readonly state: PresenceState;
  /** Of two states of a user, the one with the higher number is newer. */
  readonly number: number;
}

/** The first message on a stream for an attachment, which the server answers before and after its bytes. */
export type Transfer =
  | {
      readonly kind: "upload";
      readonly room: number;
      readonly id: string;
      readonly name: string;
      readonly type: string;
      readonly bytes: number;
    }
  | { readonly kind: "download"; readonly room: number; readonly id: string }
  | { readonly kind: "channel" };

/** The server's answer on such a stream. */
export interface TransferAnswer {
  readonly attachment?: AttachmentInfo;
  readonly error?: Refusal | undefined;
}
