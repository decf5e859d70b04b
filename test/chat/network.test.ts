import { expect, test } from "vitest";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { Random } from "../sim/random.ts";
import { event, memory, Party } from "./support.ts";

test("what is told on datagrams arrives in time with every fifth one lost: states for certain, typing when it is repeated", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const random = new Random(3);
  network.filter = (datagram, from, to) => (random.chance(1 / 5) ? [] : [{ datagram, from, to }]);
  for (let i = 0; i < 3; i++) {
    for (const state of ["away", "online"] as const) {
      const told = event(olga, "presence", (each) => each.user === "bob" && each.state === state);
      bob.setState(state);
      await told;
    }
  }
  const typing = event(olga, "typing");
  const again = setInterval(() => bobs.typing(), 100);
  expect(await typing).toMatchObject({ user: "bob" });
  clearInterval(again);
}, 60_000);
