/** All ways to log in to a chat, on one socket: by a key of one's own, by a password or an invitation, by a shared key. */
import type { Signer } from "../../../crypto/provider.ts";
import { type Auth, psk, publicKey } from "../../../endpoint/auth.ts";
import { password } from "../../../login/password.ts";
import { INVITATION_PREFIX } from "../link.ts";
import type { Accounts } from "./accounts.ts";
import type { Credentials } from "./credentials.ts";

/** @param secret the store's, of which users that do not exist have their salts */
export function logins(
  accounts: Accounts,
  credentials: Credentials,
  key: Signer,
  secret: Uint8Array<ArrayBuffer>,
): Auth {
  const get = (identity: string) =>
    identity.startsWith(INVITATION_PREFIX)
      ? accounts.invitationRecord(identity)
      : credentials.passwordOf(identity);
  const ways: Auth[] = [
    psk((identity) => credentials.pskOf(identity)),
    password({ get, secret }),
    publicKey({ key, trusted: (fingerprint) => credentials.userBy("key", fingerprint) !== undefined }),
  ];
  return {
    client() {
      throw new TypeError("a server's ways to log in are no client's");
    },
    // Each sets fields of its own.
    server: async (context) =>
      Object.assign({}, ...(await Promise.all(ways.map((way) => way.server(context))))),
  };
}
