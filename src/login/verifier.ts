/** The server's side of logins, over any store. */
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { equalBytes, toHex } from "../crypto/bytes.ts";
import { defaultIterations, encodePasswordInput, saltLength } from "../crypto/password-input.ts";
import type { Awaitable, CryptoProvider } from "../crypto/provider.ts";
import { createDecoyRecord } from "../crypto/spake2plus.ts";
import type { PakeAttempt, ServerPake } from "../dtls/config.ts";
import type { Path } from "../dtls/path.ts";
import { SealgramError } from "../errors.ts";
import { addressGroup } from "../transport/address.ts";
import { identityText, type PasswordRecord } from "./record.ts";
import { respondWith } from "./spake2plus.ts";
import type { RecordStore } from "./store.ts";
import { LoginThrottle } from "./throttle.ts";

/** How a server takes logins by password. */
export interface PasswordServerOptions {
  /** Counts failures. One throttle may serve several servers; each has its own unless given. */
  readonly throttle?: LoginThrottle | undefined;
  /**
   * 32 secret bytes that give identities that do not exist their salts. They have to stay the same, or whoever asks
   * twice learns which identities those are: the store's, unless given; without one, until this process ends.
   */
  readonly secret?: Uint8Array | undefined;
  /** The rounds that such identities are told: those that most users have. 600,000 unless given. */
  readonly iterations?: number | undefined;
  /** What of a path is counted as the client's address; unless given, the host of "port host". */
  readonly addressOf?: ((path: Path) => string) | undefined;
  /**
   * Whether a changed or removed password ends the sessions of its user, as it ends the tickets in any case. The store
   * has to have a {@link RecordStore.watch}.
   */
  readonly endSessions?: boolean | undefined;
}

type Who = Pick<PakeAttempt, "identity" | "serverIdentity">;

/** A server's part of logins over a store, for `ServerConfig.pake`. Users who do not exist cost and answer the same. */
export function passwordServer(
  crypto: CryptoProvider,
  store: RecordStore,
  options: PasswordServerOptions = {},
): ServerPake {
  const { throttle = new LoginThrottle(), iterations = defaultIterations, addressOf = hostOf } = options;
  const secret = ownBytes(options.secret ?? store.secret ?? crypto.random(32), "the secret of a store");
  // Made now, for the first login that needs it must not take longer than the others; and of the form of all records.
  const { w0, L, w0M, w0N } = createDecoyRecord(crypto);
  const salt = crypto.random(saltLength);
  const nobody: PasswordRecord = { identity: "", serverIdentity: "", salt, iterations, w0, L, w0M, w0N };
  /** The record, and whether it is one. Whoever does not exist is looked for, and compared, for just as long. */
  const find = async (who: Who): Promise<[PasswordRecord, boolean]> => {
    const identity = identityText(who.identity);
    const serverIdentity = identityText(who.serverIdentity);
    const answer = store.get(identity ?? "");
    // Not awaited unless it has to be: awaiting an object takes longer than awaiting nothing.
    const record = (isPromise(answer) ? await answer : answer) ?? nobody;
    const isTheirs = [record.identity === identity, record.serverIdentity === serverIdentity];
    return [record, record !== nobody && isTheirs.every(Boolean)];
  };
  return {
    async parameters(who) {
      // Whether or not it is needed: the answer is not to come later for those who do not exist.
      const fake = fakeSalt(crypto, secret, who);
      const [record, isFound] = await find(who);
      return isFound ? { salt: record.salt, iterations: record.iterations } : { salt: fake, iterations };
    },
    async begin(attempt) {
      // Of bounded length, whatever the identity.
      const identity = toHex(crypto.createHash("SHA-256").update(attempt.identity).digest()).slice(0, 32);
      const login = throttle.begin(identity, addressGroup(addressOf(attempt.path)));
      if (login === undefined) {
        throw new SealgramError("login_throttled", "too many logins have failed; later ones may not", {
          alert: "access_denied",
        });
      }
      const [record, isFound] = await find(attempt).catch((error) => {
        login.withdrawn();
        throw error;
      });
      return {
        respond: respondWith(crypto, isFound ? record : nobody, attempt),
        succeeded: () => login.succeeded(),
        ...(isFound ? { registration: record.salt } : {}),
      };
    },
    /** A new password has a new salt. */
    async isCurrent({ identity, registration = new Uint8Array(0) }) {
      const record = await store.get(identityText(identity) ?? "");
      return record !== undefined && equalBytes(record.salt, registration);
    },
  };
}

/** Looks like any salt, and is the same whenever it is asked for. */
function fakeSalt(crypto: CryptoProvider, secret: Bytes, { identity, serverIdentity }: Who): Bytes {
  const label = new TextEncoder().encode("salt of an unknown identity");
  const message = encodePasswordInput(label, { idProver: identity, idVerifier: serverIdentity });
  return crypto.hmac("SHA-256", secret, message).slice(0, saltLength);
}

/** The host in "port host", the form of paths that endpoints use. */
function hostOf(path: Path): string {
  return typeof path === "string" ? path.slice(path.indexOf(" ") + 1) : "";
}

function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === "function";
}
