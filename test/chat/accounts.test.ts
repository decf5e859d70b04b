import { expect, onTestFinished, test, vi } from "vitest";
import { formatLink, parseLink } from "../../src/apps/chat/link.ts";
import { ChatServer } from "../../src/apps/chat/server/server.ts";
import { generatePkcs8 } from "../../src/crypto/signer.ts";
import { event, failure, Party, take, temporaryFolder } from "./support.ts";

test("the first start invites an owner, once", async () => {
  const party = await Party.open();
  const link = party.server.link({ invitation: party.server.ownerInvitation });
  const olga = await party.owner();
  expect(olga.user).toEqual({ name: "olga", role: "owner" });
  expect((await failure(party.chat.join(link, { name: "eve" }))).code).toBe("authentication_failed");
  await party.restart();
  expect(party.server.ownerInvitation).toBeUndefined();
});

test("whoever comes is in the first room, but those who are invited into another", async () => {
  const party = await Party.open(undefined, { firstRoom: "General" });
  const olga = await party.owner();
  const [general, ...others] = [...olga.rooms.values()];
  expect(others).toEqual([]);
  expect(general).toMatchObject({ name: "General", topic: "", access: "public", role: "owner" });
  const bob = await party.user("bob");
  const [bobs] = [...bob.rooms.values()];
  expect(bobs).toMatchObject({ id: general!.id, role: "member" });
  await bobs!.send("hello");
  const garden = await olga.createRoom("garden");
  const ann = await party.connect(
    await party.chat.join(await olga.invite({ room: garden }), { name: "ann" }),
  );
  expect([...ann.rooms.values()].map(({ name }) => name)).toEqual(["garden"]);
  await bobs!.leave();
  const back = event(olga, "connected");
  await party.restart();
  await back;
  const carl = await party.user("carl");
  expect([...carl.rooms.values()].map(({ name }) => name)).toEqual(["General"]);
  expect((await olga.listRooms()).map(({ name, members }) => [name, members])).toEqual([
    ["garden", 2],
    ["General", 2],
  ]);
});

test("without a first room, or with rooms from before, nothing is made", async () => {
  const party = await Party.open();
  const bob = await party.user("bob");
  expect(bob.rooms.size).toBe(0);
  const options = { folder: temporaryFolder(), url: "udp://127.0.0.1:0", firstRoom: "a\nb" };
  expect((await failure(ChatServer.open(party.net.listen, options))).message).toContain("firstRoom");
});

test("users come by invitation, and log in by a password, by a shared key or by a key of their own", async () => {
  const party = await Party.open();
  const byPassword = await party.register({ name: "paula", password: "correct horse" });
  const byPsk = await party.register({ name: "serge" });
  const byKey = await party.register({ name: "karl", key: await generatePkcs8("Ed25519") });
  for (const [auth, name] of [
    [byPassword, "paula"],
    [byPsk, "serge"],
    [byKey, "karl"],
  ] as const) {
    const client = await party.connect(auth);
    expect(client.user.name).toBe(name);
  }
  const wrong = { user: "paula", password: "wrong horse" };
  expect((await failure(party.connect(wrong))).code).toBe("authentication_failed");
  const stranger = { key: await generatePkcs8("Ed25519") };
  expect((await failure(party.connect(stranger))).code).toBe("credential_rejected");
  const unknown = { psk: { identity: "00".repeat(16), key: new Uint8Array(32).fill(1) } };
  expect((await failure(party.connect(unknown))).code).toBe("authentication_failed");
});

test("a key of one's own talks to no server but the one that the link is of", async () => {
  const party = await Party.open();
  const key = await generatePkcs8("Ed25519");
  await party.register({ name: "karl", key });
  const other = await Party.open(party.net);
  const link = (serverKey: string | undefined) =>
    formatLink({ ...parseLink(party.server.link()), serverKey });
  const login = (serverKey: string | undefined) =>
    party.chat.connect(link(serverKey), { auth: { key } }).then((client) => client.close());
  expect((await failure(login(other.server.fingerprint))).code).toBe("untrusted_public_key");
  expect(await failure(login(undefined))).toBeInstanceOf(TypeError);
  await login(party.server.fingerprint);
});

test("an invitation lets one in, and it ends with the first login", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("secret", { access: "members" });
  const link = await olga.invite({ room, role: "moderator" });
  const auth = await party.chat.join(link, { name: "bob" });
  expect((await failure(party.chat.join(link, { name: "eve" }))).code).toBe("invitation_used");
  const bob = await party.connect(auth);
  expect(bob.user.role).toBe("moderator");
  expect([...bob.rooms.values()].map(({ name }) => name)).toEqual(["secret"]);
  expect((await failure(party.chat.join(link, { name: "eve" }))).code).toBe("authentication_failed");
  // Its secret is the link's fragment, and the server has the record of it only.
  expect(new URL(link.replace("sealgram:", "https:")).hash).toContain(parseLink(link).invitation!.secret);
});

test("names are taken whatever their case, and invitations are for lower roles", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const link = await olga.invite();
  expect((await failure(party.chat.join(link, { name: "OLGA" }))).code).toBe("name_taken");
  expect((await failure(olga.invite({ role: "owner" }))).code).toBe("not_allowed");
  const bob = await party.user("bob");
  expect((await failure(bob.invite({ role: "moderator" }))).code).toBe("not_allowed");
  await bob.invite();
});

test("banning ends sessions at once, keeps the user out, and can be taken back", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const auth = await party.register({ name: "mallory", password: "correct horse" });
  const mallory = await party.connect(auth);
  const ended = event(mallory, "closed");
  expect((await failure(mallory.ban("olga"))).code).toBe("not_allowed");
  await olga.ban("mallory");
  expect((await ended).error).toMatchObject({ code: "banned" });
  expect((await failure(mallory.closed)).code).toBe("banned");
  expect((await failure(party.connect(auth))).code).toBe("authentication_failed");
  await olga.ban("mallory", false);
  expect((await party.connect(auth)).user.name).toBe("mallory");
});

test("who is banned with a ticket in hand does not come back by it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const auth = await party.register({ name: "mallory" });
  const mallory = await party.connect(auth);
  await olga.ban("mallory");
  // By the ticket it would not have to show who it is; the client tries for itself no more.
  expect((await failure(mallory.closed)).code).toBe("banned");
  expect((await failure(party.connect(auth))).code).toBe("authentication_failed");
});

test("who is banned from a room gets nothing of it any more, at once, and stays in the others", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const mallory = await party.user("mallory");
  const [room, other] = [await olga.createRoom("one"), await olga.createRoom("two")];
  const [mallorys, mallorysOther] = [await mallory.join(room.id), await mallory.join(other.id)];
  const heard: string[] = [];
  mallory.on("message", ({ message }) => heard.push(message.text));
  const left = event(mallory, "left");
  await room.ban("mallory");
  expect((await left).room.id).toBe(room.id);
  expect((await failure(mallorys.send("still here"))).code).toBe("not_a_member");
  expect((await failure(mallory.join(room.id))).code).toBe("banned");
  const messages = mallorysOther[Symbol.asyncIterator]();
  await room.send("gone at last");
  await other.send("hello");
  expect((await take(1, messages))[0]!.text).toBe("hello");
  expect(heard).toEqual(["hello"]);
  expect((await failure(mallorysOther.ban("olga"))).code).toBe("not_allowed");
});

test("a removed user's name stays with what was written, and nobody logs in with it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const auth = await party.register({ name: "bob" });
  const bob = await party.connect(auth);
  const room = await olga.createRoom("general");
  await (await bob.join(room.id)).send("I was here");
  await olga.removeUser("bob");
  await failure(bob.closed);
  expect((await failure(party.connect(auth))).code).toBe("authentication_failed");
  const { entries } = await room.history();
  expect(entries.find((entry) => entry.kind === "message")).toMatchObject({
    author: "bob",
    text: "I was here",
  });
  expect((await failure(party.chat.join(await olga.invite(), { name: "bob" }))).code).toBe("name_taken");
});

test("invitations of a clock that stood a year ahead let nobody in, and those of before are still good", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const before = await olga.invite();
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
  onTestFinished(() => void vi.useRealTimers());
  vi.setSystemTime(now + 365 * 86_400_000);
  const ahead = await olga.invite({ validMs: 60_000 });
  expect((await failure(party.chat.join(before, { name: "early" }))).code).toBe("authentication_failed");
  vi.setSystemTime(now + 1_000);
  expect((await failure(party.chat.join(ahead, { name: "late" }))).code).toBe("authentication_failed");
  await party.connect(await party.chat.join(before, { name: "ann" }));
});
