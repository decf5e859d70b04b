/** Becoming a user, by an invitation. */
import { exportPsk } from "../../../endpoint/exported-key.ts";
import { parseLink } from "../link.ts";
import { ChatError, VERSION } from "../protocol.ts";
import { Connection } from "./connection.ts";
import { type ChatAuth, credentialOf, invitationAuth, type NewUser, newId } from "./credentials.ts";
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
  const credential = await credentialOf(user);
  const dialer = new Dialer(connect, parsed, invitationAuth(parsed), dial);
  // However often it is asked for, it is one user.
  const id = newId();
  for (let tries = 1; ; tries++) {
    const session = await dialer.dial(signal);
    try {
      const silent = { event() {}, signal() {} };
      const connection = await Connection.open(session, silent);
      await connection.request("hello", { version: VERSION });
      await connection.request("invitation.redeem", { id, name: user.name, credential });
      if (user.password !== undefined) return { user: user.name, password: user.password };
      if (user.key !== undefined) return { key: user.key };
      return { psk: exportPsk(session) };
    } catch (error) {
      if (tries === TRIES || !(error instanceof ChatError) || error.code !== "disconnected") throw error;
    } finally {
      session.close();
    }
  }
}
