/** All ways to log in to a chat, on one socket: by a key of one's own, by a password or an invitation, by a shared key. */
import type { Signer } from "../../../crypto/provider.ts";
import { type Auth, psk, publicKey } from "../../../endpoint/auth.ts";
import { password } from "../../../login/password.ts";
import type { Accounts } from "./accounts.ts";

export function logins(accounts: Accounts, key: Signer): Auth {
  const byPassword = password(accounts, { endSessions: true });
  const ways: Auth[] = [
    psk((identity) => accounts.pskOf(identity)),
    byPassword,
    publicKey({ key, trusted: (fingerprint) => accounts.isTrusted(fingerprint) }),
  ];
  return {
    client() {
      throw new TypeError("a server's ways to log in are no client's");
    },
    // Each sets fields of its own.
    server: async (context) =>
      Object.assign({}, ...(await Promise.all(ways.map((way) => way.server(context))))),
    revocations: (report) => byPassword.revocations!(report),
  };
}
