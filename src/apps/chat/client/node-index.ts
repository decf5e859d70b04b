/** The entry point in Node. */
import { connect } from "../../../endpoint/node-index.ts";
import { type ChatFace, type Client, chatBy } from "./entry.ts";

export * from "./entry.ts";

export type ChatClient = Client;
export const ChatClient: ChatFace = chatBy(connect);
