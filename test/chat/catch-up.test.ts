import { expect, test } from "vitest";
import type { MessageEntry } from "../../src/apps/chat/client/entry.ts";
import { newId } from "../../src/apps/chat/client/entry.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { event, memory, Party, take, udp } from "./support.ts";

const generous = { limits: { messages: { perSecond: 10_000, burst: 10_000 } } };

test("who was away gets everything that was missed, once and in order", async () => {
  const party = await Party.open(undefined, generous);
  const olga = await party.owner();
  const auth = await party.register({ name: "bob" });
  const room = await olga.createRoom("general");
  const bob = await party.connect(auth);
  const bobs = await bob.join(room.id);
  const first = take(1, bobs[Symbol.asyncIterator]());
  const { position } = await room.send("0");
  await first;
  // What is delivered is known to the server, too.
  await event(olga, "receipts", ({ receipts }) =>
    receipts.some(({ user, delivered }) => user === "bob" && delivered >= position),
  );
  await bob.close();
  // More than one page.
  for (let i = 1; i <= 450; i++) await room.send(`${i}`);
  const again = await party.connect(auth);
  const texts: string[] = [];
  const done = event(again, "message", ({ message }) => message.text === "460");
  again.on("message", ({ message }) => texts.push(message.text));
  // While it catches up.
  for (let i = 451; i <= 460; i++) await room.send(`${i}`);
  await done;
  expect(texts).toEqual(Array.from({ length: 460 }, (_, i) => `${i + 1}`));
});

test("a server that starts anew is found again by its clients, with nothing lost or doubled", async () => {
  const party = await Party.open(udp, generous);
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const bobs = await bob.join(room.id);
  const messages = bobs[Symbol.asyncIterator]();
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 40; i++) sent.push(room.send(`${i}`));
  await sent[9];
  await party.restart();
  await Promise.all(sent);
  const texts = (await take(40, messages)).map(({ text }) => text);
  expect(texts).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
  const { entries } = await room.history({ limit: 200 });
  expect(entries.filter(({ kind }) => kind === "message")).toHaveLength(40);
});

test("the same message sent twice is one message", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const id = newId();
  const first = await room.send("once", { id });
  expect(await room.send("once", { id })).toEqual(first);
  expect((await room.history()).entries).toHaveLength(1);
});

test("whose iteration is slow loses nothing, and no memory is spent on it", async () => {
  const party = await Party.open(undefined, generous);
  const olga = await party.owner();
  const bob = await party.user("bob");
  const room = await olga.createRoom("general");
  const slow = (await bob.join(room.id))[Symbol.asyncIterator]();
  for (let i = 0; i < 900; i++) await room.send(`${i}`);
  // The room itself has not gone on beyond what an iteration holds.
  expect(bob.rooms.get(room.id)!.position).toBeLessThan(600);
  const texts = (await take(900, slow)).map(({ text }: MessageEntry) => text);
  expect(texts).toEqual(Array.from({ length: 900 }, (_, i) => `${i}`));
});

test("with a tenth of all datagrams lost, transcripts are complete and the same", async () => {
  const network = new MemoryNetwork();
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const party = await Party.open(memory(network), generous);
  const clients = [await party.owner(), await party.user("ann"), await party.user("bob")];
  const { id } = await clients[0]!.createRoom("general");
  const rooms = await Promise.all(clients.map((client) => client.join(id)));
  network.filter = (datagram, from, to) => (random() < 0.1 ? [] : [{ datagram, from, to }]);
  const transcripts = rooms.map((room) => take(60, room[Symbol.asyncIterator]()));
  await Promise.all(
    rooms.flatMap((room, who) => Array.from({ length: 20 }, (_, i) => room.send(`${who}:${i}`))),
  );
  const [first, ...others] = await Promise.all(
    transcripts.map(async (transcript) => (await transcript).map(({ text }) => text)),
  );
  for (const other of others) expect(other).toEqual(first);
  for (const who of [0, 1, 2]) {
    const own = first!.filter((text) => text.startsWith(`${who}:`));
    expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${who}:${i}`));
  }
});
