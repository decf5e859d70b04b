/** The entry point in Bun. */
import { connect } from "../../../endpoint/bun-index.ts";
import { type ChatFace, type Client, chatBy } from "./entry.ts";

export * from "./entry.ts";

export type ChatClient = Client;
export const ChatClient: ChatFace = chatBy(connect);
