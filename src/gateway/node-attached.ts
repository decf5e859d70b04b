/** A gateway on an HTTP server of Node, or on what is one below: Express, Fastify, Hono. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AttachedGateway } from "./attached.ts";
import { pathOf } from "./http.ts";
import { isForWebSocket, type Upgrade, webSocketUpgrade } from "./node-upgrade.ts";

/** A gateway on a program's own HTTP server, in Node. Made by `attachGateway`. */
export class NodeAttachedGateway extends AttachedGateway {
  readonly #upgrade: Upgrade = webSocketUpgrade(this.core);

  /**
   * For the server's `upgrade` event. Needs no `this`.
   * @returns whether it was for the gateway; else nothing was done, and the socket is still the program's
   */
  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const path = this.pathWithin(pathOf(request.url ?? ""));
    if (path === undefined || !isForWebSocket(request)) return false;
    this.#upgrade(path, request, socket, head);
    return true;
  };
}
