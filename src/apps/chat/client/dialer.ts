/** How a client gets to a server: by UDP where there is UDP, or through one of the gateways that its link names. */

import type { Auth } from "../../../endpoint/auth.ts";
import type { ConnectOptions } from "../../../endpoint/connect.ts";
import type { Session } from "../../../endpoint/session.ts";
import { SealgramError } from "../../../errors.ts";
import type { ChatLink } from "../link.ts";
import { CHAT_PROTOCOL } from "../protocol.ts";

export type Connect = (url: string | URL, options: ConnectOptions) => Promise<Session>;

/** What of the options of `connect` is left to choose. */
export type DialOptions = Omit<
  ConnectOptions,
  "auth" | "applicationProtocols" | "ticket" | "signal" | "streams"
>;

/**
 * A server that was killed cannot say so, and the one in its place knows nothing of its sessions: silence is all that
 * tells. Coming back costs little, so it is not waited for long.
 */
const IDLE_MS = 8_000;
/** Signs of life are asked for so often within that time. */
const KEEP_ALIVES = 3;

export class Dialer {
  readonly #connect: Connect;
  readonly #auth: Auth;
  readonly #options: DialOptions;
  /** The one that has worked last comes first. */
  readonly #urls: string[];
  #last: Session | undefined;

  constructor(connect: Connect, { host, port, via }: ChatLink, auth: Auth, options: DialOptions) {
    this.#connect = connect;
    this.#auth = auth;
    this.#options = options;
    this.#urls = [`udp://${host.includes(":") ? `[${host}]` : host}:${port}`, ...via];
  }

  /** @throws as `connect` */
  async dial(signal: AbortSignal): Promise<Session> {
    const { idleTimeoutMs = IDLE_MS } = this.#options;
    const keepAlive = idleTimeoutMs === 0 ? {} : { keepAliveMs: idleTimeoutMs / KEEP_ALIVES };
    let failure: unknown;
    for (const url of [...this.#urls]) {
      try {
        const ticket = this.#last?.ticket;
        const session = await this.#connect(url, {
          ...this.#optionsFor(url),
          idleTimeoutMs,
          streams: { ...keepAlive, maxIncomingBidirectional: 0 },
          auth: this.#auth,
          applicationProtocols: [CHAT_PROTOCOL],
          signal,
          ...(ticket === undefined ? {} : { ticket }),
        });
        this.#last = session;
        this.#urls.splice(this.#urls.indexOf(url), 1);
        this.#urls.unshift(url);
        return session;
      } catch (error) {
        // That of the best way says most, unless there is no such way here.
        if (failure === undefined || codeOf(failure) === "no_udp") failure = error;
        if (signal.aborted || isFinal(error)) throw error;
      }
    }
    throw failure;
  }

  /** What is said of certificates is for the gateways that show them. */
  #optionsFor(url: string): DialOptions {
    if (url.startsWith("https:")) return this.#options;
    const { serverCertificateHashes: _, ...options } = this.#options;
    return options;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof SealgramError ? error.code : undefined;
}

/** Whether trying again, as the same user, is of no use. */
export function isFinal(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return ["authentication_failed", "unknown_identity", "untrusted_public_key", "protocol_version"].includes(
    codeOf(error) ?? "",
  );
}
