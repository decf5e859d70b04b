/** What users log in with, changed while they are here. */
import { expect, test } from "vitest";
import { keyCredential } from "../../src/apps/chat/client/credentials.ts";
import type { Client } from "../../src/apps/chat/client/entry.ts";
import { Database } from "../../src/apps/chat/server/database.ts";
import { generatePkcs8 } from "../../src/crypto/signer.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { Rough } from "./rough.ts";
import { event, failure, memory, Party } from "./support.ts";

const [old, changed] = ["correct horse", "battery staple"];
const addedMs = async (client: Client) =>
  (await client.login.list()).find(({ kind }) => kind === "password")!.addedMs;

test("a changed password ends all other sessions that were made by the old one, at once, and their tickets", async () => {
  const party = await Party.open();
  const auth = await party.register({ name: "paula", password: old });
  const [here, there] = [await party.connect(auth), await party.connect(auth)];
  const byPsk = await party.connect(await here.login.addPsk());
  const ended = event(there, "closed");
  const fresh = await here.login.setPassword(changed);
  // It would have come back by its ticket, if that were good.
  expect((await ended).error).toMatchObject({ code: "revoked" });
  expect((await failure(party.connect(auth))).code).toBe("authentication_failed");
  // This one goes on, and so does what was made by something else.
  expect((await here.login.list()).map(({ kind, isOwn }) => [kind, isOwn])).toEqual([
    ["psk", false],
    ["password", true],
  ]);
  expect(byPsk.isConnected).toBe(true);
  expect((await party.connect(fresh)).user.name).toBe("paula");
  // And it comes back, by the new one.
  const back = event(here, "connected");
  await party.restart();
  expect((await back).user.name).toBe("paula");
});

test("a ticket of a session by the old password does not resume", async () => {
  const party = await Party.open();
  const auth = await party.register({ name: "paula", password: old });
  const [rough, here] = [await Rough.hello(party, auth), await party.connect(auth)];
  const ticket = rough.session.ticket!;
  // Who has it needs no password, as long as the one that it was given for is good.
  const byTicket = () => Rough.connect(party, { user: "paula", password: "wrong" }, undefined, { ticket });
  (await byTicket()).session.close();
  const closed = rough.session.closed;
  await here.login.setPassword(changed);
  expect((await closed).reason).toMatch(/changed/);
  expect((await failure(byTicket())).code).toBe("authentication_failed");
});

test("a handshake that was under way with the old password leads to nothing", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const auth = await party.register({ name: "paula", password: old });
  const here = await party.connect(auth);
  const { port } = new URL(party.server.url.replace("udp:", "http:"));
  const known = new Set<number>();
  const held: Parameters<MemoryNetwork["inject"]>[] = [];
  let isHolding = false;
  let reached = () => {};
  const hasReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  network.filter = (datagram, from, to) => {
    if (!isHolding) known.add(from.port);
    const pass = [{ datagram, from, to }];
    const isLate = isHolding && !known.has(from.port) && to.port === Number(port);
    // Behind the hellos: what the server has looked up by then is the old password.
    if (!isLate || (datagram[0]! & 0xe0) !== 0x20) return pass;
    held.push([datagram.slice(), from, to]);
    reached();
    return [];
  };
  await here.login.list();
  isHolding = true;
  const late = Rough.connect(party, auth).then(async ({ session }) => {
    await session.closed;
    throw new Error("closed");
  });
  await hasReached;
  await here.login.setPassword(changed);
  network.filter = undefined;
  for (const datagram of held) network.inject(...datagram);
  await failure(late);
  expect(here.isConnected).toBe(true);
});

test("users log in by several keys; one that is taken away ends its other sessions, and never is the last", async () => {
  const party = await Party.open();
  const laptop = await party.register({ name: "karl", key: await generatePkcs8("Ed25519") });
  const here = await party.connect(laptop);
  for (const kind of ["Ed25519", "P-256"] as const) {
    const auth = await here.login.addKey(await generatePkcs8(kind));
    const stolen = await party.connect(auth);
    const ended = event(stolen, "closed");
    const { kind: what, id } = (await stolen.login.list()).find(({ isOwn }) => isOwn)!;
    expect([what, id]).toEqual(["key", expect.stringMatching(/^sha256:/)]);
    await here.login.remove({ kind: what, id });
    expect((await ended).error).toMatchObject({ code: "revoked" });
    expect((await failure(party.connect(auth))).code).toBe("credential_rejected");
  }
  const phone = await here.login.addPsk();
  const psk = await party.connect(phone);
  const [own] = (await here.login.list()).filter(({ isOwn }) => isOwn);
  expect(await failure(here.login.remove(own!))).toMatchObject({ code: "not_allowed" });
  // A client that comes back by something else goes on.
  here.login.use(phone);
  await here.login.remove(own!);
  expect(here.isConnected).toBe(true);
  const [last] = await psk.login.list();
  expect(last).toMatchObject({ kind: "psk", isOwn: true });
  here.login.use(laptop);
  expect(await failure(here.login.remove(last!))).toMatchObject({ code: "not_allowed" });
  expect(await failure(here.login.remove({ kind: "key", id: "sha256:none" }))).toMatchObject({
    code: "not_found",
  });
});

test("each agreed key is another one, so that one that was taken away never comes again", async () => {
  const party = await Party.open();
  const here = await party.connect(await party.register({ name: "serge", password: old }));
  const keys = [await here.login.addPsk(), await here.login.addPsk()];
  const [first, second] = keys.map((auth) => "psk" in auth && auth.psk.identity);
  expect(first).not.toBe(second);
  for (let i = 2; i < 16; i++) await here.login.addPsk();
  expect(await failure(here.login.addPsk())).toMatchObject({ code: "too_many" });
  await here.login.setPassword(changed);
});

test.each([
  ["the new password, if the server has it", true],
  ["the old one, if it has not", false],
])("a client whose answer was lost comes back by %s", async (_name, isStored) => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const auth = await party.register({ name: "paula", password: old });
  const other = await party.connect(await (await party.connect(auth)).login.addPsk());
  const before = await addedMs(other);
  let own = 0;
  network.filter = (datagram, from, to) => {
    own = from.port;
    network.filter = undefined;
    return [{ datagram, from, to }];
  };
  // Long enough for what a password takes on a machine that has much to do.
  const here = await party.connect(auth, { idleTimeoutMs: 5_000 });
  network.filter = (datagram, from, to) =>
    (isStored ? to : from).port === own ? [] : [{ datagram, from, to }];
  const lost = event(here, "disconnected");
  const back = event(here, "connected");
  const changing = failure(here.login.setPassword(changed));
  if (isStored) await expect.poll(() => addedMs(other)).toBeGreaterThan(before);
  await lost;
  expect((await changing).code).toBe("disconnected");
  network.filter = undefined;
  expect((await back).user.name).toBe("paula");
  const good = { user: "paula", password: isStored ? changed : old };
  expect((await party.connect(good)).user.name).toBe("paula");
});

test("nobody registers somebody else's key: it takes a signature for this very session", async () => {
  const party = await Party.open();
  const auth = await party.register({ name: "mallory", password: old });
  const key = await generatePkcs8("Ed25519");
  const [own, other] = [await Rough.hello(party, auth), await Rough.hello(party, auth)];
  const { credential } = await keyCredential(key)(own.session);
  if (credential.kind !== "key") throw new Error("a key");
  // What the key's owner has signed elsewhere is good there only.
  expect(await other.refusal(2, "credential.add", { credential })).toBe("not_allowed");
  const empty = { ...credential, signature: "" };
  expect(await own.refusal(3, "credential.add", { credential: empty })).toBe("not_allowed");
  const strange = { ...credential, scheme: 9 };
  expect(await own.refusal(4, "credential.add", { credential: strange })).toBe("not_allowed");
  const broken = { ...credential, publicKey: "AAAA" };
  expect(await own.refusal(5, "credential.add", { credential: broken })).toBe("malformed");
  expect(await own.ask(6, "credential.add", { credential })).toEqual([6, {}]);
  // And a key is one user's.
  const eve = await party.user("eve");
  expect(await failure(eve.login.addKey(key))).toMatchObject({ code: "name_taken" });
});

test("a ticket that the server does not take any more keeps nobody out, whatever they log in by", async () => {
  const party = await Party.open();
  const users = [
    { name: "ann", password: "correct horse" },
    { name: "bob" },
    { name: "eve", key: await generatePkcs8("Ed25519") },
  ];
  const clients: Client[] = [];
  for (const user of users) clients.push(await party.connect(await party.register(user)));
  const back = Promise.all(clients.map((client) => event(client, "connected")));
  await party.server.close();
  const database = new Database(party.folder);
  await database.change(() => database.run("DELETE FROM meta WHERE name = 'ticket secrets'"));
  database.close();
  await party.restart();
  expect((await back).map(({ user }) => user.name)).toEqual(["ann", "bob", "eve"]);
});
