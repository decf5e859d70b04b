/** `password(...)`: both sides of a login as configurations of the handshake. */
import type { Bytes } from "../core/bytes.ts";
import { equalBytes, toHex } from "../crypto/bytes.ts";
import {
  defaultIterations,
  derivePbkdf2,
  deriveScrypt,
  encodePasswordInput,
  preparePassword,
  saltLength,
} from "../crypto/password.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { createDecoyRecord, type ProverSecret, type VerifierRecord } from "../crypto/spake2plus.ts";
import type { ClientConfig, PakeAttempt, PakeParameters, ServerConfig, ServerPake } from "../dtls/config.ts";
import type { Path } from "../dtls/path.ts";
import { SealgramError } from "../errors.ts";
import { identityBytes, identityText, type PasswordRecord, register } from "./record.ts";
import { clientPake, respondWith } from "./spake2plus.ts";
import { MemoryRecordStore, type RecordStore } from "./store.ts";
import { addressKey, LoginThrottle } from "./throttle.ts";

/** One identity and its password: for a client, or for every node of a mesh that shares one. */
export interface PasswordOptions {
  /** Visible on the wire. */
  readonly identity: string;
  readonly password: string;
  /** Which service the password is for, as registered; empty unless given. */
  readonly serverIdentity?: string;
  /**
   * `pbkdf2` asks the other side for salt and rounds. `scrypt`, without a salt, is BoringSSL's derivation: for peers
   * that have nothing but the standard's extension.
   */
  readonly derivation?: "pbkdf2" | "scrypt";
}

export interface PasswordServerOptions {
  /** Counts failures. One throttle may serve several servers; each has its own unless given. */
  readonly throttle?: LoginThrottle;
  /**
   * 32 secret bytes that give identities that do not exist their salts. They have to stay the same, or whoever asks
   * twice learns which identities those are: the store's, unless given; without one, until this process ends.
   */
  readonly secret?: Uint8Array;
  /** The rounds that such identities are told: those that most users have. 600,000 unless given. */
  readonly iterations?: number;
  /** What of a path is counted as the client's address; unless given, the host of "port host". */
  readonly addressOf?: (path: Path) => string;
}

export interface PasswordContext {
  readonly crypto: CryptoProvider;
}

/** A way to authenticate, for clients and servers. */
export interface PasswordAuth {
  client(context: PasswordContext): Promise<Partial<ClientConfig>>;
  server(context: PasswordContext): Promise<Partial<ServerConfig>>;
}

/**
 * Mutual authentication by a password, by SPAKE2+ (RFC 9383) inside the handshake: a recording holds nothing that a
 * guess could be tried on. Given a store, it is a server's, and knows all its users; given one password it serves
 * clients, and servers that know this one user.
 * @throws TypeError, RangeError for an empty password or an identity that is too long
 */
export function password(
  whom: PasswordOptions | RecordStore,
  options: PasswordServerOptions = {},
): PasswordAuth {
  if (isStore(whom)) {
    return {
      client: () => Promise.reject(new TypeError("a client needs one password, not a store")),
      server: async ({ crypto }) => ({ pake: passwordServer(crypto, whom, options) }),
    };
  }
  preparePassword(whom.password);
  const names = {
    identity: identityBytes(whom.identity),
    serverIdentity: identityBytes(whom.serverIdentity ?? ""),
    context: new Uint8Array(0),
  };
  const secrets = new SecretCache(whom, names);
  let own: Promise<RecordStore> | undefined;
  return {
    async client({ crypto }) {
      const secret =
        whom.derivation === "scrypt"
          ? await secrets.scrypt()
          : (parameters: PakeParameters) => secrets.pbkdf2(parameters);
      return { psks: [], pake: clientPake(crypto, names, secret) };
    },
    async server({ crypto }) {
      if (whom.derivation === "scrypt") {
        const record = await secrets.scrypt();
        const { parameters: _, ...silent } = passwordServer(crypto, fixedStore(whom, record), options);
        return { pake: silent };
      }
      own ??= register(whom).then((record) => new MemoryRecordStore([record]));
      return { pake: passwordServer(crypto, await own, options) };
    },
  };
}

function isStore(whom: PasswordOptions | RecordStore): whom is RecordStore {
  return "get" in whom;
}

/** One record, whose salt and rounds nobody asks for. */
function fixedStore({ identity, serverIdentity = "" }: PasswordOptions, record: VerifierRecord): RecordStore {
  const name = identityText(identityBytes(identity))!;
  const service = identityText(identityBytes(serverIdentity))!;
  const { w0, L, w0M, w0N } = record;
  const salt = new Uint8Array(0);
  return new MemoryRecordStore([
    { identity: name, serverIdentity: service, salt, iterations: 0, w0, L, w0M, w0N },
  ]);
}

/** What was derived last: the next login to the same server need not do it again. */
class SecretCache {
  readonly #password: string;
  readonly #identities: { readonly idProver: Bytes; readonly idVerifier: Bytes };
  #last: { readonly parameters: PakeParameters; readonly secret: Promise<ProverSecret> } | undefined;
  #scrypt: Promise<ProverSecret> | undefined;

  constructor(
    { password }: PasswordOptions,
    { identity, serverIdentity }: { identity: Bytes; serverIdentity: Bytes },
  ) {
    this.#password = password;
    this.#identities = { idProver: identity, idVerifier: serverIdentity };
  }

  pbkdf2(parameters: PakeParameters): Promise<ProverSecret> {
    const last = this.#last;
    if (
      last?.parameters.iterations === parameters.iterations &&
      equalBytes(last.parameters.salt, parameters.salt)
    ) {
      return last.secret;
    }
    const secret = this.#derive(parameters);
    this.#last = { parameters, secret };
    return secret;
  }

  async #derive(parameters: PakeParameters): Promise<ProverSecret> {
    try {
      return await derivePbkdf2(this.#password, this.#identities, parameters);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new SealgramError(
        "unacceptable_pake_parameters",
        "the server asks for too few or too many rounds",
        {
          alert: "insufficient_security",
        },
      );
    }
  }

  scrypt(): Promise<ProverSecret> {
    this.#scrypt ??= deriveScrypt(preparePassword(this.#password), this.#identities);
    return this.#scrypt;
  }
}

/** The server's side of logins, over any store. */
export function passwordServer(
  crypto: CryptoProvider,
  store: RecordStore,
  options: PasswordServerOptions = {},
): ServerPake {
  const { throttle = new LoginThrottle(), iterations = defaultIterations, addressOf = hostOf } = options;
  const secret = new Uint8Array(options.secret ?? store.secret ?? crypto.random(32));
  // Made now, for the first login that needs it must not take longer than the others.
  const decoy = createDecoyRecord(crypto);
  const find = async (who: Pick<PakeAttempt, "identity" | "serverIdentity">) => {
    const identity = identityText(who.identity);
    // Whoever cannot exist is looked for as well, for as long as that takes.
    const record = await store.get(identity ?? "");
    return record !== undefined && isOf(record, who) ? record : undefined;
  };
  return {
    async parameters(who) {
      // Whether or not it is needed: the answer is not to come later for those who do not exist.
      const fake = { salt: fakeSalt(crypto, secret, who), iterations };
      const { salt, iterations: rounds } = (await find(who)) ?? fake;
      return { salt, iterations: rounds };
    },
    async begin(attempt) {
      const identity = toHex(crypto.createHash("SHA-256").update(attempt.identity).digest()).slice(0, 32);
      const login = throttle.begin(identity, addressKey(addressOf(attempt.path)));
      if (login === undefined) {
        throw new SealgramError("login_throttled", "too many logins have failed; later ones may not", {
          alert: "access_denied",
        });
      }
      const record = await find(attempt);
      return {
        respond: respondWith(crypto, record ?? decoy, attempt),
        succeeded: () => login.succeeded(),
        ...(record === undefined ? {} : { registration: record.salt }),
      };
    },
    /** A new password has a new salt. */
    async isCurrent({ identity, registration = new Uint8Array(0) }) {
      const record = await store.get(identityText(identity) ?? "");
      return record !== undefined && equalBytes(record.salt, registration);
    },
  };
}

function isOf(
  record: PasswordRecord,
  { identity, serverIdentity }: Pick<PakeAttempt, "identity" | "serverIdentity">,
): boolean {
  return (
    equalBytes(identityBytes(record.identity), identity) &&
    equalBytes(identityBytes(record.serverIdentity), serverIdentity)
  );
}

/** Looks like any salt, and is the same whenever it is asked for. */
function fakeSalt(
  crypto: CryptoProvider,
  secret: Bytes,
  { identity, serverIdentity }: Pick<PakeAttempt, "identity" | "serverIdentity">,
): Bytes {
  const label = new TextEncoder().encode("salt of an unknown identity");
  const message = encodePasswordInput(label, { idProver: identity, idVerifier: serverIdentity });
  return crypto.hmac("SHA-256", secret, message).slice(0, saltLength);
}

/** The host in "port host", the form of paths that endpoints use. */
function hostOf(path: Path): string {
  return typeof path === "string" ? path.slice(path.indexOf(" ") + 1) : "";
}
