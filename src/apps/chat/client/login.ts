/** What a user logs in with: told, added to and taken from; and what this client comes back by. */
import type { Session } from "../../../endpoint/session.ts";
import type { SealgramError } from "../../../errors.ts";
import { ChatError } from "../protocol.ts";
import type { CredentialInfo } from "../types.ts";
import type { Connection } from "./connection.ts";
import {
  type ChatAuth,
  credentialIdOf,
  keyCredential,
  type NewCredential,
  passwordCredential,
  pskCredential,
} from "./credentials.ts";
import type { Dialer } from "./dialer.ts";

/** What a login needs of its client. */
export interface LoginHost {
  /** The user's name. */
  readonly user: string;
  /** @throws ChatError disconnected */
  readonly connection: Connection;
  dialer(auth: ChatAuth): Dialer;
}

/** Something that a user logs in with. */
export interface OwnCredential extends CredentialInfo {
  /** Whether this client comes back by it. */
  readonly isOwn: boolean;
}

/**
 * What a user logs in with: up to one password, and keys. Whoever has a session can change it. Methods reject with
 * ChatError: `disconnected` without a connection, or why the server refused.
 */
export class Login {
  readonly #host: LoginHost;
  #auth: ChatAuth;
  #dialer: Dialer;
  #url = "";
  /** A password of which the server has not said whether it has it. */
  #unsure: ChatAuth | undefined;

  /** @internal */
  constructor(host: LoginHost, auth: ChatAuth) {
    this.#host = host;
    this.#auth = auth;
    this.#dialer = host.dialer(auth);
  }

  /** @internal By which way it has logged in last. */
  get url(): string {
    return this.#url;
  }

  /** @internal @throws as `connect` */
  async dial(signal: AbortSignal): Promise<Session> {
    const unsure = this.#unsure;
    try {
      const session = await this.#dialer.dial(signal);
      this.#url = this.#dialer.url;
      this.#unsure = undefined;
      return session;
    } catch (error) {
      if (unsure === undefined || (error as SealgramError).code !== "authentication_failed") throw error;
      const dialer = this.#host.dialer(unsure);
      const session = await dialer.dial(signal);
      this.#url = dialer.url;
      this.#come(unsure, dialer);
      return session;
    }
  }

  /** All that there is, the oldest first. */
  async list(): Promise<OwnCredential[]> {
    const [{ credentials }, own] = await Promise.all([
      this.#host.connection.request("credential.list", {}),
      this.#own(),
    ]);
    return credentials.map((each) => ({ ...each, isOwn: isSame(each, own) }));
  }

  /**
   * Sets the password, or changes it, which ends the user's other sessions by the one before. A client that logs in by
   * password comes back by the new one.
   */
  async setPassword(password: string): Promise<ChatAuth> {
    const make = await passwordCredential(this.#host.user, password);
    const isOwn = "password" in this.#auth;
    try {
      const auth = await this.#add(make);
      if (isOwn) this.use(auth);
      return auth;
    } catch (error) {
      // Whether the server has it is seen when the client comes back.
      if (isOwn && (error as ChatError).code === "disconnected")
        this.#unsure = { user: this.#host.user, password };
      throw error;
    }
  }

  /** Lets the user log in by a private key, too: PKCS #8 as DER or PEM. The server gets the public half. */
  addKey(key: Uint8Array | string): Promise<ChatAuth> {
    return this.#add(keyCredential(key));
  }

  /** Agrees with the server on a key by which the user logs in, too: a secret, to be kept on one device. */
  addPsk(): Promise<ChatAuth> {
    return this.#add(pskCredential);
  }

  async #add(make: NewCredential): Promise<ChatAuth> {
    const { connection } = this.#host;
    const { credential, auth } = await make(connection.session);
    await connection.request("credential.add", { credential });
    return auth;
  }

  /** From now on this client comes back by this; it stays connected as it is. */
  use(auth: ChatAuth): void {
    this.#come(auth, this.#host.dialer(auth));
  }

  #come(auth: ChatAuth, dialer: Dialer): void {
    this.#auth = auth;
    this.#dialer = dialer;
    this.#unsure = undefined;
  }

  /**
   * Takes something away from what the user logs in with, and ends their other sessions that were made by it.
   * @throws ChatError not_allowed for the last one, and for what this client comes back by
   */
  async remove({ kind, id }: Pick<CredentialInfo, "kind" | "id">): Promise<void> {
    if (isSame({ kind, id }, await this.#own()))
      throw new ChatError("not_allowed", "this client comes back by it");
    await this.#host.connection.request("credential.remove", { kind, id });
  }

  #own(): Promise<Pick<CredentialInfo, "kind" | "id">> {
    return credentialIdOf(this.#auth);
  }
}

function isSame(a: Pick<CredentialInfo, "kind" | "id">, b: Pick<CredentialInfo, "kind" | "id">): boolean {
  return a.kind === b.kind && (a.kind === "password" || a.id === b.id);
}
