import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ChatRoom } from "../../src/apps/chat/client/entry.ts";
import { Party, temporaryFolder, udp } from "../chat/support.ts";
import { Cli, secretFile } from "./support.ts";

/** What one user has on a machine. */
class Machine {
  readonly folder: string = temporaryFolder();

  chat(...args: string[]): Cli {
    return new Cli(["chat", ...args], { XDG_CONFIG_HOME: this.folder, HOME: this.folder });
  }

  get profiles(): string[] {
    return readdirSync(join(this.folder, "sealgram/chats")).map((name) =>
      join(this.folder, "sealgram/chats", name),
    );
  }
}

/** Lines of --json. */
function eventsOf(cli: Cli): Record<string, unknown>[] {
  return cli.stdout
    .toString()
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line));
}

function eventOf(
  cli: Cli,
  name: string,
  about: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  return cli.until(() =>
    eventsOf(cli).find(
      (each) => each.event === name && Object.entries(about).every(([field, value]) => each[field] === value),
    ),
  );
}

const limits = {
  messages: { perSecond: 10_000, burst: 10_000 },
  requests: { perSecond: 10_000, burst: 10_000 },
};

async function open(): Promise<{ party: Party; invite(): Promise<string> }> {
  const party = await Party.open(udp, { limits, firstRoom: "general" });
  const olga = await party.owner();
  const [general] = [...olga.rooms.values()] as [ChatRoom];
  await general.setTopic("All about boats");
  await general.send("welcome");
  let number = 0;
  return {
    party,
    invite: async () => secretFile(`invitation-${number++}-${Math.random()}`, await olga.invite()),
  };
}

describe("logging in", () => {
  let party: Party;
  let invite: () => Promise<string>;

  test("an invitation makes a user who comes back without it", async () => {
    ({ party, invite } = await open());
    const machine = new Machine();
    const file = await invite();
    const first = machine.chat("--link-file", file, "--name", "alice");
    expect(await first.finish("hello\n")).toMatchObject({ code: 0 });
    expect(first.stdout.toString()).toContain("[general] alice: hello\n");
    const [profile] = machine.profiles;
    expect(statSync(profile!).mode & 0o777).toBe(0o600);
    expect(readFileSync(profile!, "utf8")).not.toContain(
      readFileSync(file, "utf8").split("invitation=")[1]!.split(".")[1],
    );
    // Without a link, with the host, with its port, and with the same command once more.
    for (const args of [
      [],
      ["127.0.0.1"],
      [new URL(party.server.url.replace("udp", "http")).host],
      ["--link-file", file],
    ]) {
      const again = machine.chat(...args);
      expect(await again.finish("/history 1\n")).toMatchObject({ code: 0 });
      expect(again.stdout.toString()).toContain("alice: hello");
    }
    const stranger = new Machine().chat("--link-file", file, "--name", "mallory");
    expect(await stranger.finish()).toMatchObject({ code: 3 });
    expect(stranger.stderr).toContain("the invitation lets nobody in");
    expect(await new Machine().chat("--name", "x").finish()).toMatchObject({ code: 2 });
  });

  test("a password is kept nowhere, and does on another machine", async () => {
    ({ party, invite } = await open());
    const machine = new Machine();
    const password = secretFile("password", "correct horse\n");
    const first = machine.chat("--link-file", await invite(), "--name", "bob", "--password-file", password);
    expect(await first.finish("hi\n")).toMatchObject({ code: 0 });
    expect(readFileSync(machine.profiles[0]!, "utf8")).not.toContain("correct horse");
    const elsewhere = new Machine().chat(party.server.link(), "--user", "bob", "--password-file", password);
    expect(await elsewhere.finish("from elsewhere\n")).toMatchObject({ code: 0 });
    const wrong = secretFile("wrong", "battery staple\n");
    const guess = new Machine().chat(party.server.link(), "--user", "bob", "--password-file", wrong);
    expect(await guess.finish()).toMatchObject({ code: 3 });
    expect(guess.stderr).toContain("no such user with that password");
    const argument = new Machine().chat(party.server.link(), "--user", "bob", "--password", "correct horse");
    expect(await argument.finish()).toMatchObject({ code: 2 });
    expect(argument.stderr).not.toContain("correct horse");
  });

  test("a link that was copied from a terminal has its line breaks in it", async () => {
    ({ party, invite } = await open());
    const link = readFileSync(await invite(), "utf8");
    const broken = `${link.slice(0, 30)}\n${link.slice(30, 60)}\r\n ${link.slice(60)}`;
    expect(await new Machine().chat(broken, "--name", "dave").finish("hi\n")).toMatchObject({ code: 0 });
  });

  test("a name that is taken leaves the invitation as it is", async () => {
    ({ party, invite } = await open());
    const file = await invite();
    const taken = new Machine().chat("--link-file", file, "--name", "olga");
    expect(await taken.finish()).toMatchObject({ code: 1 });
    expect(taken.stderr).toContain("somebody has that name");
    expect(await new Machine().chat("--link-file", file, "--name", "carol").finish()).toMatchObject({
      code: 0,
    });
  });

  test("who is banned is told so, and gets in no more", async () => {
    ({ party, invite } = await open());
    const machine = new Machine();
    const cli = machine.chat("--link-file", await invite(), "--name", "mallory", "--json");
    await eventOf(cli, "connected");
    await (await party.owner()).ban("mallory");
    expect(await cli.ended).toMatchObject({ code: 3 });
    expect(cli.stderr).toContain("banned");
    const again = machine.chat();
    expect(await again.finish()).toMatchObject({ code: 3 });
    expect(again.stderr).toContain("does not let this user in");
  });

  test("nobody there is another exit code", async () => {
    const nobody = new Machine().chat(
      "sealgram://127.0.0.1:9/",
      "--user",
      "bob",
      "--password-file",
      secretFile("p", "x\n"),
    );
    expect(await nobody.finish()).toMatchObject({ code: 4 });
  });
});

describe("lines", () => {
  let party: Party;
  let invite: () => Promise<string>;

  test("say who writes what where, and what is done", async () => {
    ({ party, invite } = await open());
    const olga = await party.owner();
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice", "--history", "5");
    await cli.printed("[general] olga: welcome\n");
    await cli.printed("* this is general: All about boats\n");
    const general = [...olga.rooms.values()][0]!;
    const { position } = await general.send("two\nlines \x1b[31mred");
    await cli.printed("[general] olga: two\n  | lines \ufffd[31mred\n");
    cli.write("/reply same to you\n");
    await cli.printed(`[general] alice (answering #${position}): same to you\n`);
    cli.write("/edit same to both\n/me waves\n/members\n");
    await cli.printed(`[general] * alice changed #${position + 1}: same to both\n`);
    await cli.printed("[general] * alice waves\n");
    await cli.printed("* olga: owner, online\n");
    cli.write("/nosuch\n//slash\n/msg olga psst\n");
    await cli.printed("[general] alice: /slash\n");
    await cli.printed("[@olga] alice: psst\n");
    expect(cli.stderr).toContain("there is no such command");
    await general.delete(position);
    await cli.printed(`[general] * olga deleted #${position}\n`);
    cli.write("/quit\n");
    expect(await cli.ended).toMatchObject({ code: 0 });
  });

  test("all of the input is stored before it ends, in its order", async () => {
    ({ party, invite } = await open());
    const texts = Array.from({ length: 400 }, (_, index) => `line ${index}`);
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice", "--verbatim");
    expect(await cli.finish(`${texts.join("\n")}\n/quit\n`)).toMatchObject({ code: 0 });
    const own = cli.stdout
      .toString()
      .split("\n")
      .filter((line) => line.includes("alice: "));
    expect(own).toEqual([...texts, "/quit"].map((text) => `[general] alice: ${text}`));
  });

  test("a server that starts again is waited for", async () => {
    ({ party, invite } = await open());
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice");
    cli.write("before\n");
    await cli.printed("alice: before\n");
    await party.restart();
    await cli.until(() => (cli.stderr.includes("the connection is lost") ? true : undefined));
    expect(await cli.finish("after\n")).toMatchObject({ code: 0 });
    expect(cli.stdout.toString()).toContain("[general] alice: after\n");
  });

  test("what is not stored in time is a failure", async () => {
    ({ party, invite } = await open());
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice", "--drain", "0.5");
    cli.write("before\n");
    await cli.printed("alice: before\n");
    await party.server.close();
    expect(await cli.finish("after\n")).toMatchObject({ code: 4 });
    expect(cli.stderr).toContain("1 message is not stored");
  });

  test("what was missed comes first", async () => {
    ({ party, invite } = await open());
    const machine = new Machine();
    await machine.chat("--link-file", await invite(), "--name", "alice").finish();
    const general = [...(await party.owner()).rooms.values()][0]!;
    for (let index = 0; index < 5; index++) await general.send(`missed ${index}`);
    const cli = machine.chat("--history", "2");
    expect(await cli.finish()).toMatchObject({ code: 0 });
    const lines = cli.stdout
      .toString()
      .split("\n")
      .filter((line) => line.includes("olga: "));
    expect(lines).toEqual([
      "[general] olga: welcome",
      ...Array.from({ length: 5 }, (_, index) => `[general] olga: missed ${index}`),
    ]);
  });

  test("files go up and come down, and overwrite nothing", async () => {
    ({ party, invite } = await open());
    const machine = new Machine();
    const picture = join(machine.folder, "picture.png");
    const bytes = crypto.getRandomValues(new Uint8Array(3_400));
    writeFileSync(picture, bytes);
    const downloads = join(machine.folder, "downloads");
    mkdirSync(downloads);
    writeFileSync(join(downloads, "picture.png"), "mine");
    const cli = machine.chat("--link-file", await invite(), "--name", "alice", "--downloads", downloads);
    cli.write(`/upload ${picture}\n`);
    await cli.printed("[general] alice: [file picture.png, 3 kB]\n");
    cli.write("/download\n/download\n/upload /nowhere\n");
    await cli.printed("picture (2).png");
    expect(await cli.finish()).toMatchObject({ code: 0 });
    expect(readFileSync(join(downloads, "picture.png"), "utf8")).toBe("mine");
    expect(readFileSync(join(downloads, "picture (1).png"))).toEqual(Buffer.from(bytes));
    expect(cli.stderr).toContain("/nowhere cannot be read (ENOENT)");
  });
});

describe("--json", () => {
  test("everything is an event, and lines can be commands", async () => {
    const { party, invite } = await open();
    const olga = await party.owner();
    const general = [...olga.rooms.values()][0]!;
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice", "--json");
    await eventOf(cli, "opened", { room: "general" });
    cli.write('{"send":"one","room":"general","tag":"a"}\n');
    const { position, id } = await eventOf(cli, "stored", { tag: "a" });
    expect(await eventOf(cli, "sent", { id })).toMatchObject({ room: "general" });
    expect(await eventOf(cli, "message", { position })).toMatchObject({ id, text: "one", author: "alice" });
    cli.write(`{"edit":${position},"text":"two","tag":1}\n{"delete":${position},"tag":2}\n`);
    expect(await eventOf(cli, "edit")).toMatchObject({ target: position, text: "two" });
    expect(await eventOf(cli, "delete")).toMatchObject({ target: position });
    expect(await eventOf(cli, "done", { tag: 2 })).toMatchObject({ action: "delete" });
    cli.write('{"send":1}\n{"join":"nowhere","tag":3}\nplain text\n{"members":true}\n');
    expect(await eventOf(cli, "error", { code: "usage" })).toMatchObject({ message: "send: not a text" });
    expect(await eventOf(cli, "error", { tag: 3 })).toMatchObject({ code: "not_found" });
    await eventOf(cli, "message", { text: "plain text" });
    expect(await eventOf(cli, "members")).toMatchObject({ members: [{ user: "alice" }, { user: "olga" }] });
    await general.setTopic("Boats");
    await eventOf(cli, "topic", { author: "olga", text: "Boats" });
    await olga.direct("alice");
    await eventOf(cli, "room", { room: "@olga" });
    general.markRead();
    await cli.until(() =>
      eventsOf(cli).find(
        ({ event, receipts }) =>
          event === "receipts" &&
          (receipts as { user: string; read: number }[]).some(
            ({ user, read }) => user === "olga" && read > 0,
          ),
      ),
    );
    general.typing();
    await eventOf(cli, "typing", { user: "olga" });
    await general.remove("alice");
    await eventOf(cli, "left", { room: "general" });
    expect(await cli.finish()).toMatchObject({ code: 0 });
    expect(await eventOf(cli, "closed")).toEqual({ event: "closed" });
  });

  test("a reader that stops does not fill the memory, and one that leaves ends it", async () => {
    const { party, invite } = await open();
    const general = [...(await party.owner()).rooms.values()][0]!;
    const cli = new Machine().chat("--link-file", await invite(), "--name", "alice", "--json");
    await eventOf(cli, "opened");
    cli.child.stdout.destroy();
    await general.send("to nobody");
    expect(await cli.ended).toMatchObject({ code: 141 });
  });
});
