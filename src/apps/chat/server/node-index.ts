/** A chat's server. This is the entry point of Node; Deno and Bun have one each, with the same exports. */
import { listen } from "../../../endpoint/node-index.ts";
import { ChatServer, type ChatServerOptions } from "./server.ts";

export * from "./api.ts";

/**
 * Opens a chat's server.
 * @throws Error if another process has the folder; DatabaseMissingError; and as `listen` does
 */
export function openChat(options: ChatServerOptions): Promise<ChatServer> {
  return ChatServer.open(listen, options);
}
