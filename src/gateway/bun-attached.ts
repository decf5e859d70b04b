/** A gateway on an HTTP server of Bun, or on what is on one: Hono, Elysia. */

import type { UdpCarriers } from "../transport/types.ts";
import { AttachedGateway, type AttachOptions } from "./attached.ts";
import {
  BunSockets,
  type BunUpgrader,
  type BunWebSocketHandler,
  isForWebSocket,
  upgradeRequired,
} from "./bun-upgrade.ts";

/** A gateway on a program's own HTTP server, in Bun. Made by `attachGateway`. */
export class BunAttachedGateway extends AttachedGateway {
  /** What `Bun.serve` takes as `websocket`. */
  readonly websocket: BunWebSocketHandler;
  readonly #sockets: BunSockets;

  /** @internal */
  constructor(udp: UdpCarriers, options: AttachOptions) {
    super(udp, options);
    this.#sockets = new BunSockets(this.core);
    this.websocket = this.#sockets.handler;
  }

  /**
   * Answers a request, which becomes a WebSocket if that is what it is for. Needs no `this`.
   * @param server of `Bun.serve`, as `fetch` has it
   * @returns an answer; of a WebSocket it is of no account
   */
  readonly fetch = (request: Request, server: BunUpgrader): Response => {
    const path = this.pathOfUrl(request.url);
    if (path === undefined) return new Response(null, { status: 404 });
    if (!isForWebSocket(request)) return upgradeRequired();
    return this.#sockets.upgrade(path, request, server) ?? new Response(null);
  };
}
