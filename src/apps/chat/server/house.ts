/** What the parts of a chat's server share. */

import type { CloseOptions, PeerName } from "../../../endpoint/server.ts";
import type { ChatError, Method, Params, Result } from "../protocol.ts";
import type { Credential, CredentialKind, Entry } from "../types.ts";
import type { Accounts, User } from "./accounts.ts";
import type { Attachments } from "./attachments.ts";
import type { Credentials, StoredCredential } from "./credentials.ts";
import type { Database } from "./database.ts";
import type { Entries } from "./entries.ts";
import type { FirstRoom } from "./first-room.ts";
import type { ChatLimits } from "./limits.ts";
import type { Live } from "./live.ts";
import type { Pump } from "./pump.ts";
import type { Rooms } from "./rooms.ts";
import type { Usages } from "./usage.ts";

export interface House {
  readonly name: string;
  readonly database: Database;
  readonly accounts: Accounts;
  readonly credentials: Credentials;
  readonly rooms: Rooms;
  readonly firstRoom: FirstRoom;
  readonly entries: Entries;
  readonly attachments: Attachments;
  readonly live: Live;
  readonly pump: Pump;
  readonly limits: ChatLimits;
  readonly usages: Usages;
  /** Ends sessions that were made by a credential or an invitation, and those that handshakes would lead to. */
  closeSessionsOf(peer: PeerName, options?: CloseOptions): void;
  /** Told of faults that are the server's own. */
  report(error: unknown): void;
  /** What a client is told of a fault, which is reported if it is the server's own. */
  refusal(error: unknown): ChatError;
}

/** A client's session, as far as what it asks for is concerned. */
export interface Caller {
  /** Its user has another role now. */
  become(user: User): void;
  /** Counts something that stays. @throws ChatError rate_limited */
  countCreation(): void;
  /** Ends all other sessions that were made by this. */
  endOthersBy(kind: CredentialKind, id: string): void;
  /** As the store is to have it. */
  credential(credential: Credential): StoredCredential;
  /** It gets what happens in the room, from now on or no more. */
  follow(room: number, isFollowed: boolean): void;
  send(framed: Uint8Array): void;
  sendDatagram(datagram: Uint8Array, fate?: (hasArrived: boolean) => void): void;
  end(closeCode: number, reason: string): void;
}

/** What a request leads to: the answer, and what is to be told to others once it is on the disk. */
export interface Outcome<T> {
  readonly result: T;
  readonly effect?: (() => void) | undefined;
}

/** A method for users. It runs within one change of the database, or one look at it. */
export interface Handler<M extends Method> {
  readonly isRead?: boolean | undefined;
  /** Nobody waits for it. */
  readonly isLazy?: boolean | undefined;
  /** What it costs of the user's messages. */
  messages?(params: Params<M>): number;
  /** Whether it makes something that stays: a room, an invitation, a login. */
  readonly isCreation?: boolean | undefined;
  run(house: House, user: User, params: Params<M>, caller: Caller): Outcome<Result<M>>;
}

export type Handlers<M extends Method> = { readonly [K in M]: Handler<K> };

/** Tells all members of a room what has happened there, on the account of the user whose doing it is. */
export function announce(house: House, user: User, room: number, entry: Entry): () => void {
  return () => house.usages.of(user).chargeBytes(house.live.toRoom(room, "entry", { room, entry }));
}
