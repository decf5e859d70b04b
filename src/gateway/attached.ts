/** A gateway without a server of its own: a program's HTTP server hands it the connections that are for it. */

import { onAbort } from "../abort.ts";
import { checkOptions, type Names } from "../options.ts";
import type { UdpCarriers } from "../transport/types.ts";
import type { GatewayStats } from "./forwarder.ts";
import { type ForwardingCore, forwardingCore } from "./gateway.ts";
import { type ForwardingOptions, forwardingNames } from "./options.ts";

/** Which servers can be reached, by whom, and under which path of the program's server. */
export interface AttachOptions extends ForwardingOptions {
  /** What comes before the targets' names: `/gateway` for `/gateway/game`. Nothing unless given. */
  readonly path?: string | undefined;
}

const NAMES: Names<AttachOptions> = { ...forwardingNames, path: 1 };

/** A gateway on a program's own HTTP server. Made by `attachGateway`. */
export class AttachedGateway {
  /** @internal */
  protected readonly core: ForwardingCore;
  readonly #path: string;
  readonly #ignoreSignal: () => void;

  /**
   * @internal
   * @throws TypeError or RangeError for wrong options
   */
  constructor(udp: UdpCarriers, attachOptions: AttachOptions) {
    checkOptions("attachGateway", attachOptions, NAMES);
    const { path = "", ...options } = attachOptions;
    if (!/^(?:\/[\w.~-]+)*$/.test(path)) throw new TypeError(`a path is as /gateway, not "${path}"`);
    options.signal?.throwIfAborted();
    this.core = forwardingCore(udp, options);
    this.#path = path;
    this.#ignoreSignal = onAbort(options.signal, () => this.close());
  }

  /**
   * What is behind the gateway's own path, as `/game`; `undefined` for what is not under it.
   * @internal
   */
  protected pathWithin(path: string): string | undefined {
    return path.startsWith(`${this.#path}/`) ? path.slice(this.#path.length) : undefined;
  }

  /**
   * The same of a request whose URL a client's Host may have made unreadable.
   * @internal
   */
  protected pathOfUrl(url: string): string | undefined {
    return URL.canParse(url) ? this.pathWithin(new URL(url).pathname) : undefined;
  }

  /** Counters, and how many clients there are at present. */
  getStats(): GatewayStats {
    return this.core.forwarder.getStats();
  }

  /** Takes no more clients, and tells those there are. The server is the program's to close. Idempotent. */
  close(): void {
    this.#ignoreSignal();
    this.core.forwarder.close();
  }
}
