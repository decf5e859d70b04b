/** A chat's server in Deno. */
import { listen } from "../../../endpoint/deno-index.ts";
import { ChatServer, type ChatServerOptions } from "./server.ts";

export * from "./api.ts";

/** As in node-index.ts. */
export function openChat(options: ChatServerOptions): Promise<ChatServer> {
  return ChatServer.open(listen, options);
}
