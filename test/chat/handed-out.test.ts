/** What a user has handed out, or has under way, ends with their right to it. */
import { expect, test } from "vitest";
import { failure, Party } from "./support.ts";

const ended = { code: expect.stringMatching(/invitation_used|unknown_identity|authentication_failed/) };

test("invitations end with the ban or removal of their maker, and those who came by earlier ones are named", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  for (const [i, exclude] of [() => olga.ban("mallory0"), () => olga.removeUser("mallory1")].entries()) {
    const mallory = await party.user(`mallory${i}`);
    const [used, left] = [await mallory.invite(), await mallory.invite()];
    await party.chat.join(used, { name: `sock${i}` });
    expect(await exclude()).toEqual([`sock${i}`]);
    expect(await failure(party.chat.join(left, { name: `again${i}` }))).toMatchObject(ended);
  }
  // Also when the ban is over: what was taken back is gone.
  await party.user("ann");
  const ann = await party.connect(await party.register({ name: "ann2" }));
  const link = await ann.invite();
  await olga.ban("ann2");
  await olga.ban("ann2", false);
  expect(await failure(party.chat.join(link, { name: "late" }))).toMatchObject(ended);
});

test("an invitation holds as long as its maker may make it", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const garden = await olga.createRoom("garden", { access: "members" });
  const bob = await party.user("bob");
  await garden.add("bob");
  await garden.setRole("bob", "moderator");
  const invite = () => bob.invite({ room: bob.rooms.get(garden.id)! });
  const links = [await invite(), await invite(), await invite()];
  await party.chat.join(links[0]!, { name: "ann" });
  await garden.setRole("bob", "member");
  expect(await failure(party.chat.join(links[1]!, { name: "carl" }))).toMatchObject(ended);
  await garden.remove("bob");
  expect(await failure(party.chat.join(links[2]!, { name: "dora" }))).toMatchObject(ended);
  expect((await garden.members()).map(({ user }) => user)).toEqual(["ann", "olga"]);
  await olga.setRole("bob", "owner");
  const grand = await bob.invite({ role: "moderator" });
  await olga.setRole("bob", "member");
  expect(await failure(party.chat.join(grand, { name: "emil" }))).toMatchObject(ended);
});

test("invitations that nobody uses are not made without end", async () => {
  const much = { perSecond: 1e6, burst: 1e6 };
  const party = await Party.open(undefined, { limits: { creations: much, work: much } });
  const bob = await party.user("bob");
  for (let i = 0; i < 200; i++) await bob.invite();
  expect(await failure(bob.invite())).toMatchObject({ code: "too_many" });
});

test("an upload ends when its sender is taken out of the room, and so does a download", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("garden");
  const mallory = await party.user("mallory");
  const mallorys = await mallory.join(room.id);
  let goOn = () => {};
  const going = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* halting() {
    yield new Uint8Array(10);
    await going;
    yield new Uint8Array(10);
  }
  const upload = mallorys.upload(halting(), { name: "x", bytes: 20 });
  upload.catch(() => {});
  const bytes = 16_000_000;
  const attachment = await room.upload(new Uint8Array(bytes), { name: "large", bytes });
  await room.send("", { attachment });
  const { content } = await mallorys.download(attachment);
  await content.next();
  await room.ban("mallory");
  goOn();
  expect(await failure(upload)).toMatchObject({ code: "not_a_member" });
  let got = 0;
  const reading = (async () => {
    for await (const chunk of content) got += chunk.length;
  })();
  await expect(reading).rejects.toThrow();
  expect(got).toBeLessThan(bytes);
});
