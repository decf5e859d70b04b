/**
 * `password(...)`: both sides of a login as configurations of the handshake. What a side does is loaded when a login
 * comes to it: a client has none of the server's code, and one that resumes by a ticket no arithmetic either.
 */

import { preparePassword } from "../crypto/password-input.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { ClientConfig, ServerConfig } from "../dtls/config.ts";
import { loadPart, once } from "../lazy.ts";
import { checkOptions, type Names } from "../options.ts";
import { identityBytes, register } from "./record.ts";
import { MemoryRecordStore, type RecordStore } from "./store.ts";
import type { PasswordServerOptions } from "./verifier.ts";

/** One identity and its password: for a client, or for every node of a mesh that shares one. */
export interface PasswordOptions {
  /** Whose password it is; visible on the wire. Empty unless given, which will do for a mesh. */
  readonly identity?: string | undefined;
  /** Not empty, and without control characters; compared in the form of RFC 8265 §4.2.2 (OpaqueString). */
  readonly password: string;
  /** Which service the password is for, as registered; empty unless given. */
  readonly serverIdentity?: string | undefined;
  /**
   * `pbkdf2` asks the other side for salt and rounds. `scrypt`, without a salt, is BoringSSL's derivation: for peers
   * that have nothing but the standard's extension.
   */
  readonly derivation?: "pbkdf2" | "scrypt" | undefined;
}

/** A peer that logged in by a password which has been changed or removed since. */
export interface Revocation {
  /** Whose password it was. */
  readonly kind: "password";
  readonly identity: string;
  /** Of the password that is good now; none if there is none. */
  readonly registration: Uint8Array | undefined;
}

/** What a login is told. */
export interface PasswordContext {
  /** The runtime's cryptography. */
  readonly crypto: CryptoProvider;
}

/** A way to authenticate, for clients and servers. */
export interface PasswordAuth {
  /** A client's part. Rejects with a TypeError for a store. */
  client(context: PasswordContext): Promise<Partial<ClientConfig>>;
  /** A server's part. */
  server(context: PasswordContext): Promise<Partial<ServerConfig>>;
  /** Reports changed and removed passwords until the answered function is called. */
  revocations?(report: (revocation: Revocation) => void): () => void;
}

/**
 * Mutual authentication by a password, by SPAKE2+ (RFC 9383) inside the handshake: a recording holds nothing that a
 * guess could be tried on.
 *
 * Given a store, it is a server's, and knows all its users. Given one password it is for either side: a client logs in
 * with it, and a server lets whoever has it in. So the nodes of a mesh that shares a password all have the same
 * `password({ password })`, for `connect` and for `listen`.
 * @throws TypeError, RangeError for an empty password or an identity that is too long
 */
export function password(
  whom: PasswordOptions | RecordStore,
  options: PasswordServerOptions = {},
): PasswordAuth {
  checkOptions("password", options, SERVER_NAMES);
  if ("get" in whom) return ofStore(whom, options);
  checkOptions("password", whom, { identity: 1, password: 1, serverIdentity: 1, derivation: 1 });
  return ofOne(whom, options);
}

const SERVER_NAMES: Names<PasswordServerOptions> = {
  throttle: 1,
  secret: 1,
  iterations: 1,
  addressOf: 1,
  endSessions: 1,
};

function ofStore(store: RecordStore, options: PasswordServerOptions): PasswordAuth {
  if (options.endSessions && store.watch === undefined) {
    throw new TypeError("to end sessions, the store has to tell of changes: it has no watch()");
  }
  return {
    client: () => Promise.reject(new TypeError("a client needs one password, not a store")),
    async server({ crypto }) {
      const { passwordServer } = await loadPart(() => import("./verifier.ts"));
      return { pake: passwordServer(crypto, store, options) };
    },
    ...(options.endSessions && {
      revocations: (report) =>
        store.watch!((identity, record) =>
          report({ kind: "password", identity, registration: record?.salt }),
        ),
    }),
  };
}

function ofOne(whom: PasswordOptions, options: PasswordServerOptions): PasswordAuth {
  const { identity = "", password, serverIdentity = "", derivation = "pbkdf2" } = whom;
  preparePassword(password);
  const names = { identity: identityBytes(identity), serverIdentity: identityBytes(serverIdentity) };
  const loadProver = once(async () => {
    const { Prover } = await loadPart(() => import("./prover.ts"));
    return new Prover(password, names);
  });
  const scryptStore = once(async () => (await loadProver()).scryptStore());
  // Once, however many servers there are.
  const pbkdf2Store = once(
    async () => new MemoryRecordStore([await register({ identity, password, serverIdentity })]),
  );
  return {
    async client({ crypto }) {
      const asksParameters = derivation === "pbkdf2";
      return {
        psks: [],
        pake: {
          ...names,
          asksParameters,
          start: async (parameters) => (await loadProver()).start(crypto, parameters),
        },
      };
    },
    async server({ crypto }) {
      const { passwordServer } = await loadPart(() => import("./verifier.ts"));
      if (derivation === "scrypt") {
        // Salt and rounds are nothing that it could tell.
        const { parameters: _, ...silent } = passwordServer(crypto, await scryptStore(), options);
        return { pake: silent };
      }
      return { pake: passwordServer(crypto, await pbkdf2Store(), options) };
    },
  };
}
