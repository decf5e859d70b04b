/** Becoming a user, by an invitation. */
import { parseLink } from "../link.ts";
import { ChatError, VERSION } from "../protocol.ts";
import { Connection } from "./connection.ts";
import {
  type ChatAuth,
  invitationAuth,
  keyCredential,
  type NewCredential,
  type NewUser,
  newId,
  passwordCredential,
  pskCredential,
} from "./credentials.ts";
import { type Connect, Dialer, type DialOptions } from "./dialer.ts";

const TRIES = 3;

/** As `ChatClient.join`, by a runtime's own `connect`. */
export async function joinBy(
  connect: Connect,
  link: string,
  user: NewUser,
  options: DialOptions & { readonly signal?: AbortSignal } = {},
): Promise<ChatAuth> {
  const { signal = new AbortController().signal, ...dial } = options;
  const parsed = parseLink(link);
  const make = await credentialOf(user);
  const dialer = new Dialer(connect, parsed, invitationAuth(parsed), dial);
  // However often it is asked for, it is one user.
  const id = newId();
  for (let tries = 1; ; tries++) {
    const session = await dialer.dial(signal);
    try {
      const silent = { event() {}, signal() {} };
      const connection = await Connection.open(session, silent);
      await connection.request("hello", { version: VERSION });
      const { credential, auth } = await make(session);
      await connection.request("invitation.redeem", { id, name: user.name, credential });
      return auth;
    } catch (error) {
      if (tries === TRIES || !(error instanceof ChatError) || error.code !== "disconnected") throw error;
    } finally {
      session.close();
    }
  }
}

async function credentialOf({ name, password, key }: NewUser): Promise<NewCredential> {
  if (password !== undefined && key !== undefined) throw new TypeError("either a password or a key");
  if (password !== undefined) return passwordCredential(name, password);
  return key === undefined ? pskCredential : keyCredential(key);
}
