/** The room in which everybody is from the beginning, so that whoever comes sees others, and can say something. */
import type { User } from "./accounts.ts";
import type { Rooms } from "./rooms.ts";
import type { Settings } from "./settings.ts";

const NAME = "first room";

export class FirstRoom {
  readonly #rooms: Rooms;
  readonly #settings: Settings;
  readonly #name: string | false;

  /** @param name as which it is made, with the first owner; `false` for none */
  constructor(rooms: Rooms, settings: Settings, name: string | false) {
    this.#rooms = rooms;
    this.#settings = settings;
    this.#name = name;
  }

  /** Within a change: the room that a new user is to enter, if there is one. An owner makes it, and is in it. */
  of(user: User): number | undefined {
    const stored = this.#settings.get(NAME);
    if (stored !== undefined) return Number(new TextDecoder().decode(stored));
    // A server without an owner may have rooms that others have made.
    if (user.role !== "owner" || this.#name === false || this.#rooms.areAny) return undefined;
    const { id } = this.#rooms.create(user, this.#name, "", "public");
    this.#settings.set(NAME, new TextEncoder().encode(`${id}`));
    return id;
  }
}
