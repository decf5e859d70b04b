/** What came lately, as far as commands without a number need to know of it. */
import type { ChatRoom, Entry } from "../../apps/chat/client/entry.ts";

/** Attachments of a room that can be had by their message's number. */
const MAX_ATTACHMENTS = 1_000;

interface Seen {
  own?: number;
  other?: number;
  readonly attachments: Map<number, { readonly id: string }>;
}

export class Lately {
  readonly #rooms = new WeakMap<ChatRoom, Seen>();

  /** @param user whose client this is */
  take(user: string, room: ChatRoom, entry: Entry): void {
    if (entry.kind !== "message") return;
    const seen = this.#seen(room);
    const whose = entry.author === user ? "own" : "other";
    seen[whose] = Math.max(seen[whose] ?? 0, entry.position);
    const { attachment } = entry;
    if (attachment === undefined) return;
    seen.attachments.set(entry.position, attachment);
    if (seen.attachments.size > MAX_ATTACHMENTS)
      seen.attachments.delete(seen.attachments.keys().next().value!);
  }

  lastOf(room: ChatRoom, whose: "own" | "other"): number | undefined {
    return this.#seen(room)[whose];
  }

  attachmentAt(room: ChatRoom, position: number | undefined): { readonly id: string } | undefined {
    const { attachments } = this.#seen(room);
    const at = position ?? Math.max(...attachments.keys());
    return attachments.get(at);
  }

  #seen(room: ChatRoom): Seen {
    let seen = this.#rooms.get(room);
    if (seen === undefined) {
      seen = { attachments: new Map() };
      this.#rooms.set(room, seen);
    }
    return seen;
  }
}
