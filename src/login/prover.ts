/** A client's logins with one password. */

import type { Bytes } from "../core/bytes.ts";
import { toHex } from "../crypto/bytes.ts";
import { derivePbkdf2, deriveScrypt } from "../crypto/password.ts";
import { preparePassword } from "../crypto/password-input.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { ProverSecret, Prover as Spake2plusProver } from "../crypto/spake2plus.ts";
import type { PakeParameters } from "../dtls/config.ts";
import { SealgramError } from "../errors.ts";
import { once } from "../lazy.ts";
import { identityText } from "./record.ts";
import { loginContext, startAs } from "./spake2plus.ts";
import { MemoryRecordStore } from "./store.ts";

/** As many servers as a client goes back to: each node of a mesh has a salt of its own. */
const MAX_SECRETS = 32;
/** Whoever poses as the server has one guess each time that a client comes back. An hour has 60, and a few more. */
const FREE_FAILURES = 5;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

interface Names {
  readonly identity: Bytes;
  readonly serverIdentity: Bytes;
}

export class Prover {
  readonly #password: string;
  readonly #names: Names;
  /** By salt and rounds, the latest last: the next login to the same server need not derive it again. */
  readonly #secrets = new Map<string, Promise<ProverSecret>>();
  /** Servers in a row that did not have the password. */
  #failures = 0;
  #waitUntilMs = 0;

  constructor(password: string, names: Names) {
    this.#password = password;
    this.#names = names;
  }

  /**
   * "Clients SHOULD treat each time they receive an invalid PAKEServerHello as a failed authentication attempt"
   * (draft-bmw-tls-pake13 §8.1): after some in a row, later ones have to wait.
   * @param parameters none for BoringSSL's derivation
   */
  async start(crypto: CryptoProvider, parameters: PakeParameters | undefined): Promise<Spake2plusProver> {
    const secret = await (parameters === undefined ? this.#byScrypt() : this.#byPbkdf2(parameters));
    const { shareP, finish } = await startAs(crypto, { ...this.#names, context: loginContext }, secret);
    return {
      shareP,
      finish: async (message) => {
        if (performance.now() < this.#waitUntilMs) {
          throw new SealgramError("login_throttled", "too many servers did not have the password", {
            alert: "access_denied",
          });
        }
        try {
          const confirmed = await finish(message);
          this.#failures = 0;
          return confirmed;
        } catch (error) {
          if ((error as SealgramError).code === "pake_confirmation_mismatch") this.#countFailure();
          throw error;
        }
      },
    };
  }

  #countFailure(): void {
    const delayed = ++this.#failures - FREE_FAILURES;
    if (delayed < 0) return;
    this.#waitUntilMs = performance.now() + Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** delayed);
  }

  /** One record, whose salt and rounds nobody asks for. */
  async scryptStore(): Promise<MemoryRecordStore> {
    const { w0, L, w0M, w0N } = await this.#byScrypt();
    const identity = identityText(this.#names.identity)!;
    const serverIdentity = identityText(this.#names.serverIdentity)!;
    return new MemoryRecordStore([
      { identity, serverIdentity, salt: new Uint8Array(0), iterations: 0, w0, L, w0M, w0N },
    ]);
  }

  #byPbkdf2(parameters: PakeParameters): Promise<ProverSecret> {
    const key = `${parameters.iterations} ${toHex(parameters.salt)}`;
    const secret = this.#secrets.get(key) ?? this.#derive(parameters);
    this.#secrets.delete(key);
    this.#secrets.set(key, secret);
    secret.catch(() => this.#secrets.delete(key));
    if (this.#secrets.size > MAX_SECRETS)
      for (const oldest of this.#secrets.keys()) {
        this.#secrets.delete(oldest);
        break;
      }
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
        { alert: "insufficient_security" },
      );
    }
  }

  readonly #byScrypt = once(() => deriveScrypt(preparePassword(this.#password), this.#identities));

  get #identities(): { readonly idProver: Bytes; readonly idVerifier: Bytes } {
    return { idProver: this.#names.identity, idVerifier: this.#names.serverIdentity };
  }
}
