/** The entry point where there is no UDP, as in browsers. */
import { connect } from "../../../endpoint/index.ts";
import { type ChatFace, type Client, chatBy } from "./entry.ts";

export * from "./entry.ts";

export type ChatClient = Client;
export const ChatClient: ChatFace = chatBy(connect);
