/** A chat's server, in Node, and in Deno and Bun by way of Node's modules. */
import { listen } from "../../../endpoint/node-index.ts";
import { ChatServer, type ChatServerOptions } from "./server.ts";

export type { Rate } from "./bucket.ts";
export type { ChatLimits } from "./limits.ts";
export { ChatServer, type ChatServerOptions } from "./server.ts";

/**
 * Opens a chat's server.
 * @throws Error if another process has the folder, and as `listen` does
 */
export function openChat(options: ChatServerOptions): Promise<ChatServer> {
  return ChatServer.open(listen, options);
}
