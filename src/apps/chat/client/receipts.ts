/** How far the other members of a room have come. */
import type { Receipt } from "../types.ts";

export class Receipts {
  readonly #byUser = new Map<string, Receipt>();

  /** Positions only ever go up, whatever order they are told in. */
  set({ user, delivered, read }: Receipt): void {
    const before = this.#byUser.get(user);
    this.#byUser.set(user, {
      user,
      delivered: Math.max(delivered, before?.delivered ?? 0),
      read: Math.max(read, before?.read ?? 0),
    });
  }

  /** Whoever joins has all that was there before. */
  add(user: string, position: number): void {
    this.set({ user, delivered: position, read: position });
  }

  remove(user: string): void {
    this.#byUser.delete(user);
  }

  readBy(position: number): string[] {
    return [...this.#byUser.values()].filter(({ read }) => read >= position).map(({ user }) => user);
  }

  /** Of a message at a position: what all others have done with it. */
  stateOf(position: number): "stored" | "delivered" | "read" {
    if (this.#byUser.size === 0) return "stored";
    let state: "delivered" | "read" = "read";
    for (const { delivered, read } of this.#byUser.values()) {
      if (delivered < position) return "stored";
      if (read < position) state = "delivered";
    }
    return state;
  }
}
