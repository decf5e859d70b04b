/**
 * A chat's client, for a bot or a user interface of one's own: rooms, direct messages, history, receipts, presence and
 * attachments. It comes back by itself when its connection breaks, and catches up. This is the entry point where there is
 * no UDP, as in browsers; Node, Deno and Bun have one each, with the same exports.
 */
import { connect } from "../../../endpoint/index.ts";
import { type ChatFace, type Client, chatBy } from "./entry.ts";

export * from "./entry.ts";

/** A connected client; and what makes one. */
export type ChatClient = Client;
export const ChatClient: ChatFace = chatBy(connect);
