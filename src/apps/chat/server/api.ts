/** What the entry points of `sealgram/chat/server` have in common. */
export type { Rate } from "./bucket.ts";
export { DatabaseMissingError } from "./folder.ts";
export type { ChatLimits } from "./limits.ts";
export { ChatServer, type ChatServerOptions } from "./server.ts";
