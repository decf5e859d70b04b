/** What there is to be completed. */
import { slashCommands } from "../slash.ts";
import type { Begun } from "./completion.ts";
import { pathsLike } from "./files.ts";
import type { ScreenState } from "./state.ts";

const commandNames = slashCommands.map(({ name }) => name);

/** Names of a kind, of which some may begin with a prefix; those that the server knows as well, if it can be asked. */
export async function namesOf({ kind, prefix }: Begun, { view, client }: ScreenState): Promise<string[]> {
  switch (kind) {
    case "command":
      return commandNames;
    case "file":
      return pathsLike(prefix);
    case "room": {
      const own = view.timelines.map(({ room }) => room);
      const listed = await client.listRooms().catch(() => []);
      return [...own, ...listed].filter((room) => room.kind === "room").map(({ name }) => name);
    }
    case "user": {
      const direct = view.timelines.filter(({ room }) => room.kind === "direct").map(({ room }) => room.name);
      const authors = (view.shown?.items ?? []).map(({ author }) => author);
      const members = (await view.shown?.room.members().catch(() => [])) ?? [];
      const found = prefix === "" ? [] : await client.findUsers(prefix).catch(() => []);
      const all = [...members.map(({ user }) => user), ...direct, ...authors, ...found];
      return all.filter((name) => name !== client.user.name);
    }
  }
}
