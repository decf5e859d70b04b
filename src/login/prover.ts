/** A client's logins with one password. */
import type { Bytes } from "../core/bytes.ts";
import { toHex } from "../crypto/bytes.ts";
import { derivePbkdf2, deriveScrypt, preparePassword } from "../crypto/password.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { ProverSecret, Prover as Spake2plusProver } from "../crypto/spake2plus.ts";
import type { PakeParameters } from "../dtls/config.ts";
import { SealgramError } from "../errors.ts";
import { identityText } from "./record.ts";
import { loginContext, startAs } from "./spake2plus.ts";
import { MemoryRecordStore } from "./store.ts";

/** As many servers as a client goes back to: each node of a mesh has a salt of its own. */
const MAX_SECRETS = 32;

interface Names {
  readonly identity: Bytes;
  readonly serverIdentity: Bytes;
}

export class Prover {
  readonly #password: string;
  readonly #names: Names;
  /** By salt and rounds, the latest last: the next login to the same server need not derive it again. */
  readonly #secrets = new Map<string, Promise<ProverSecret>>();
  #scrypt: Promise<ProverSecret> | undefined;

  constructor(password: string, names: Names) {
    this.#password = password;
    this.#names = names;
  }

  /** @param parameters none for BoringSSL's derivation */
  async start(crypto: CryptoProvider, parameters: PakeParameters | undefined): Promise<Spake2plusProver> {
    const secret = await (parameters === undefined ? this.#byScrypt() : this.#byPbkdf2(parameters));
    return startAs(crypto, { ...this.#names, context: loginContext }, secret);
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

  #byScrypt(): Promise<ProverSecret> {
    this.#scrypt ??= deriveScrypt(preparePassword(this.#password), this.#identities);
    return this.#scrypt;
  }

  get #identities(): { readonly idProver: Bytes; readonly idVerifier: Bytes } {
    return { idProver: this.#names.identity, idVerifier: this.#names.serverIdentity };
  }
}
