/** The entry point in Deno. */
import { connect } from "../../../endpoint/deno-index.ts";
import { type ChatFace, type Client, chatBy } from "./entry.ts";

export * from "./entry.ts";

export type ChatClient = Client;
export const ChatClient: ChatFace = chatBy(connect);
