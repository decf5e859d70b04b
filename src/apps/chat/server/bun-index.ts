/** A chat's server in Bun. */
import { listen } from "../../../endpoint/bun-index.ts";
import { ChatServer, type ChatServerOptions } from "./server.ts";

export * from "./api.ts";

/** As in node-index.ts. */
export function openChat(options: ChatServerOptions): Promise<ChatServer> {
  return ChatServer.open(listen, options);
}
