import { expect, test } from "vitest";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { Random } from "../sim/random.ts";
import { event, memory, Party, take } from "./support.ts";

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

/** Keeps what is sent to or from a port, until it is to arrive after all. */
class Detour {
  readonly #network: MemoryNetwork;
  readonly #held: Parameters<MemoryNetwork["inject"]>[] = [];

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  /** What is sent meanwhile takes the long way. */
  async take(act: () => Promise<void> | void): Promise<void> {
    this.#network.filter = (datagram, from, to) => {
      this.#held.push([datagram.slice(), from, to]);
      return [];
    };
    await act();
    this.#network.filter = undefined;
  }

  /** @returns how many datagrams arrive only now */
  arrive(): number {
    for (const datagram of this.#held) this.#network.inject(...datagram);
    return this.#held.splice(0).length;
  }
}

test("a state that was overtaken by a newer one changes nothing", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const [olga, bob] = [await party.owner(), await party.user("bob")];
  const room = await olga.createRoom("general");
  await bob.join(room.id);
  const detour = new Detour(network);
  const states: string[] = [];
  olga.on("presence", ({ user, state }) => {
    if (user === "bob") states.push(state);
  });
  const away = event(olga, "presence", ({ state }) => state === "away");
  bob.setState("away");
  await away;
  // All at once: acknowledgements and the like are to go their way.
  await detour.take(() => bob.setState("online"));
  bob.setState("away");
  const back = event(olga, "presence", ({ state }) => state === "online");
  bob.setState("online");
  await back;
  bob.setState("away");
  await event(olga, "presence", ({ state }) => state === "away");
  expect(detour.arrive()).toBeGreaterThan(0);
  // What was told of it since, on a stream and on a datagram, comes behind it.
  const members = await room.members();
  expect(members.find(({ user }) => user === "bob")!.presence).toBe("away");
  const last = event(olga, "presence", ({ state }) => state === "online");
  bob.setState("online");
  await last;
  expect(states).toEqual(["away", "online", "away", "online"]);
});

test("states that come too fast are not lost: the last one counts", async () => {
  const party = await Party.open(undefined, { limits: { signals: { perSecond: 10, burst: 2 } } });
  const [olga, bob] = [await party.owner(), await party.user("bob")];
  const room = await olga.createRoom("general");
  await bob.join(room.id);
  const away = event(olga, "presence", ({ user, state }) => user === "bob" && state === "away");
  for (let i = 0; i < 40; i++) bob.setState(i % 2 === 0 ? "online" : "away");
  await away;
  const members = await room.members();
  expect(members.find(({ user }) => user === "bob")!.presence).toBe("away");
});

test("a sign of typing that was overtaken by the message is none", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const [olga, bob] = [await party.owner(), await party.user("bob")];
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const messages = room[Symbol.asyncIterator]();
  const detour = new Detour(network);
  const typing: string[] = [];
  olga.on("typing", ({ user }) => typing.push(user));
  await detour.take(() => bobs.typing());
  const own = event(bob, "message");
  await bobs.send("hello");
  await Promise.all([take(1, messages), own]);
  expect(detour.arrive()).toBeGreaterThan(0);
  // The next one comes, and before it all that was sent before.
  const next = event(olga, "typing");
  bobs.typing();
  await next;
  expect(typing).toEqual(["bob"]);
});

test("of more people than a datagram has room for, everybody is told of each", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  // Three bytes a character.
  const names = Array.from({ length: 24 }, (_, i) => `${"名".repeat(30)}${i + 10}`);
  const here = new Set<string>();
  const all = new Promise<void>((resolve) => {
    olga.on("presence", ({ user, state }) => {
      if (state === "online") here.add(user);
      if (here.size === names.length) resolve();
    });
  });
  const auths = [];
  for (const name of names) auths.push(await party.chat.join(await olga.invite({ room }), { name }));
  await Promise.all(auths.map((auth) => party.connect(auth)));
  await all;
  expect([...here].sort()).toEqual(names);
});
