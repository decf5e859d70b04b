/** The chat's client of the runtime that this is. */
import type { ChatFace } from "../../apps/chat/client/entry.ts";

export async function loadChat(): Promise<ChatFace> {
  if ("Deno" in globalThis) return (await import("../../apps/chat/client/deno-index.ts")).ChatClient;
  if ("Bun" in globalThis) return (await import("../../apps/chat/client/bun-index.ts")).ChatClient;
  return (await import("../../apps/chat/client/node-index.ts")).ChatClient;
}
