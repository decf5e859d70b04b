/** How a client gets to a server: by UDP where there is UDP, or through one of the gateways that its link names. */

import type { Auth } from "../../../endpoint/auth.ts";
import type { ConnectOptions } from "../../../endpoint/connect.ts";
import type { Session } from "../../../endpoint/session.ts";
import { SealgramError } from "../../../errors.ts";
import { race } from "../../../race.ts";
import type { ChatLink } from "../link.ts";
import { CHAT_PROTOCOL } from "../protocol.ts";
import { clientWindows } from "../windows.ts";

export type Connect = (url: string | URL, options: ConnectOptions) => Promise<Session>;

/** What of the options of `connect` is left to choose. */
export type DialOptions = Omit<
  ConnectOptions,
  "auth" | "applicationProtocols" | "ticket" | "signal" | "streams" | "onanswer"
>;

/**
 * A server that was killed cannot say so, and the one in its place knows nothing of its sessions: silence is all that
 * tells. Coming back costs little, so it is not waited for long; but longer than `connect` waits for an answer, as a busy
 * machine takes its time for the arithmetic of a login.
 */
const IDLE_MS = 16_000;
/** A way that is silent for so long, as where UDP is blocked, is not waited for alone. */
const NEXT_WAY_MS = 500;
/** Signs of life are asked for so often within that time. */
const KEEP_ALIVES = 6;

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

  /** The way that has worked last; before, the best. */
  get url(): string {
    return this.#urls[0]!;
  }

  /** @throws as `connect` */
  async dial(signal: AbortSignal): Promise<Session> {
    const { idleTimeoutMs = IDLE_MS } = this.#options;
    const keepAlive = idleTimeoutMs === 0 ? {} : { keepAliveMs: idleTimeoutMs / KEEP_ALIVES };
    const { url, session } = await race([...this.#urls], {
      signal,
      nextMs: NEXT_WAY_MS,
      begin: async (url, signal, alive) => {
        const ticket = this.#last?.ticket;
        const session = await this.#connect(url, {
          ...this.#optionsFor(url),
          idleTimeoutMs,
          streams: { ...keepAlive, ...clientWindows, maxIncomingBidirectional: 0 },
          auth: this.#auth,
          applicationProtocols: [CHAT_PROTOCOL],
          signal,
          onanswer: alive,
          ...(ticket === undefined ? {} : { ticket }),
        });
        return { url, session };
      },
      isFinal,
      // That of the best way says most, of those that there are here.
      blame: (failures) => failures.find((each) => !isMissing(each)) ?? failures[0],
      discard: ({ session }) => session.close(),
    });
    this.#last = session;
    this.#urls.splice(this.#urls.indexOf(url), 1);
    this.#urls.unshift(url);
    return session;
  }

  /** What is said of certificates is for the gateways that show them. */
  #optionsFor(url: string): DialOptions {
    if (url.startsWith("https:")) return this.#options;
    const { serverCertificateHashes: _, ...options } = this.#options;
    return options;
  }
}

/** Whether a way failed because this runtime does not have it. */
function isMissing(error: unknown): boolean {
  return ["no_udp", "no_websocket", "no_webtransport"].includes(codeOf(error) ?? "");
}

function codeOf(error: unknown): string | undefined {
  return error instanceof SealgramError ? error.code : undefined;
}

/** Whether something is wrong with what this side was told to do. */
export function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

/** Whether no other way does better: the user is not let in, as far as whoever has answered can tell. */
export function isFinal(error: unknown): boolean {
  if (isMistake(error)) return true;
  return ["authentication_failed", "unknown_identity", "untrusted_public_key", "protocol_version"].includes(
    codeOf(error) ?? "",
  );
}
