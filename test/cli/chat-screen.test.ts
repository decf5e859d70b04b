import { mkdirSync, writeFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { describe, expect, test } from "vitest";
import type { ChatRoom, Client } from "../../src/apps/chat/client/entry.ts";
import { event, Party, temporaryFolder, udp } from "../chat/support.ts";
import { runtime, secretFile } from "./support.ts";
import { Tty, type TtyOptions } from "./tty.ts";

const limits = {
  messages: { perSecond: 10_000, burst: 10_000 },
  requests: { perSecond: 10_000, burst: 10_000 },
};

const ENTER = "\r";
const CTRL_N = "\x0e";
const CTRL_P = "\x10";
const CTRL_U = "\x15";
const PAGE_UP = "\x1b[5~";
const PAGE_DOWN = "\x1b[6~";
const END = "\x1b[F";

interface Chat {
  readonly party: Party;
  readonly olga: Client;
  readonly general: ChatRoom;
  /** A terminal of somebody new, in the chat. */
  join(name: string, options?: TtyOptions, until?: string): Promise<Tty>;
}

async function open(): Promise<Chat> {
  const party = await Party.open(udp, { limits, firstRoom: "general" });
  const olga = await party.owner();
  const [general] = [...olga.rooms.values()] as [ChatRoom];
  await general.setTopic("All about boats");
  await general.send("welcome");
  return {
    party,
    olga,
    general,
    join: async (name, options = {}, until = "welcome") => {
      const folder = temporaryFolder();
      const file = secretFile(`invitation-${name}-${Math.random()}`, await olga.invite());
      const env = { XDG_CONFIG_HOME: folder, HOME: folder, ...options.env };
      const args = ["chat", "--link-file", file, "--name", name, "--no-password"];
      const tty = new Tty(args, { ...options, env });
      await tty.until(until);
      return tty;
    },
  };
}

async function readBy(room: ChatRoom, user: string): Promise<number> {
  return (await room.receipts()).find((receipt) => receipt.user === user)!.read;
}

/** Settles once a user has read the room up to a position. */
async function hasRead(client: Client, room: ChatRoom, user: string, position: number): Promise<void> {
  const told = event(
    client,
    "receipts",
    ({ room: where, receipts }) =>
      where === room && receipts.some((receipt) => receipt.user === user && receipt.read >= position),
  );
  if ((await readBy(room, user)) < position) await told;
}

describe.each(["node", "deno", "bun"])("in %s", (name) => {
  const command = async () => (name === "node" ? [process.execPath] : await runtime(name));

  test("talks, and leaves the terminal as it was", { timeout: 60_000 }, async () => {
    const { olga, general, join } = await open();
    const tty = await join("alice", { command: await command() });
    expect(tty.isTaken).toBe(true);
    expect(tty.lines[0]).toMatch(/^ Rooms +│ #general {2}All about boats +2 members$/);
    await general.send("hello alice");
    await tty.until(/olga {2}hello alice/);
    const came = event(olga, "entry", ({ entry }) => entry.author === "alice" && entry.kind === "message");
    tty.type("hi 日本 👋");
    await tty.until(/^> hi 日本 👋$/m);
    expect(tty.cursor).toEqual({ x: "> hi ".length + 4 + 1 + 2, y: 22 });
    tty.type(ENTER);
    expect((await came).entry).toMatchObject({ text: "hi 日本 👋" });
    await tty.until(/alice {2}hi 日本 👋 ✓✓$/m);
    general.markRead();
    await tty.until(/👋 ✓✓\sread$/m);
    general.typing();
    await tty.until("olga is typing …");
    tty.type(`/quit${ENTER}`);
    expect(await tty.value("code")).toBe("0");
    expect(await tty.value("after")).toBe(await tty.value("before"));
    expect(tty.isTaken).toBe(false);
    expect(tty.text).not.toContain("welcome");
  });

  test("loses the server, says so, and goes on when it is back", { timeout: 60_000 }, async () => {
    const { party, join } = await open();
    const tty = await join("alice", { command: await command() });
    await party.server.close();
    await tty.until("connection lost: trying again");
    tty.type(`said meanwhile${ENTER}`);
    await tty.until(/said meanwhile …$/m);
    await party.restart();
    await tty.until("connected again");
    await tty.until(/said meanwhile ✓/);
    tty.type("\x03");
    expect(await tty.value("code")).toBe("0");
  });

  test("takes the size that its window has", { timeout: 60_000 }, async () => {
    const { join } = await open();
    const tty = await join("alice", { command: await command() });
    await tty.resize(40, 12);
    await tty.until((text) => text.startsWith(" #general") && text.split("\n")[10] === ">");
    await tty.resize(12, 5);
    await tty.until("too small");
    await tty.resize(100, 30);
    await tty.until((text) => text.split("\n")[28] === ">" && text.includes("olga  welcome"));
  });

  test("rooms are switched, and say what is unread in them", { timeout: 60_000 }, async () => {
    const { olga, join } = await open();
    const garden = await olga.createRoom("garden", { topic: "Tomatoes" });
    const tty = await join("alice", { command: await command() });
    tty.type("/join gar\t");
    await tty.until(/^> \/join garden$/m);
    tty.type(ENTER);
    await tty.until("#garden  Tomatoes");
    tty.type(CTRL_N);
    await tty.until("#general  All about boats");
    await garden.send("they are red");
    await tty.until(/^ # garden +1 │/m);
    // Without room for the rooms, it is said below.
    await tty.resize(60, 24);
    await tty.until("1 unread elsewhere");
    await tty.resize(80, 24);
    expect(await readBy(garden, "alice")).toBeLessThan(garden.head);
    tty.type(CTRL_P);
    await tty.until("olga  they are red");
    await hasRead(olga, garden, "alice", garden.head);
    const direct = await olga.direct("alice");
    await direct.send("psst");
    await tty.until(/^ ● olga +1 │/m);
  });

  test("stays where somebody reads, and what is below is not read", { timeout: 60_000 }, async () => {
    const { olga, general, join } = await open();
    const tty = await join("alice", { command: await command() });
    for (let i = 1; i <= 150; i++) await general.send(`message ${i} of many`);
    await tty.until("message 150 of many");
    await hasRead(olga, general, "alice", general.head);
    tty.type(PAGE_UP);
    await tty.until((text) => !text.includes("message 150 of many") && text.includes("message 130 of many"));
    await tty.until("older messages: End");
    const { lines } = tty;
    const { position } = await general.send("and one more");
    await tty.until("1 new below: End");
    expect(tty.lines.slice(0, 20)).toEqual(lines.slice(0, 20));
    expect(await readBy(general, "alice")).toBe(position - 1);
    tty.type(END);
    await tty.until("and one more");
    await tty.until((text) => !text.includes("new below"));
    // All pages there are, one after the other.
    tty.type("\x1b[1;5H");
    for (;;) {
      const isAtBegin = tty.lines.some((line) => line.includes("welcome"));
      if (isAtBegin) break;
      const before = tty.text;
      tty.type("\x1b[1;5H");
      await tty.until((text) => text !== before);
    }
  });

  test("completes, helps, and keeps what went wrong", { timeout: 60_000 }, async () => {
    const { party, join } = await open();
    const folder = temporaryFolder();
    mkdirSync(joinPath(folder, "papers"));
    writeFileSync(joinPath(folder, "papers", "report.txt"), "quarterly");
    const tty = await join("alice", { command: await command() });
    tty.type("/me\t");
    await tty.until(/^ me {2}members/m);
    tty.type("\x15ol\t");
    await tty.until(/^> olga:$/m);
    // Somebody who is not in the room.
    await party.register({ name: "Maximilian" });
    tty.type("\x15/msg max\t");
    await tty.until(/^> \/msg Maximilian$/m);
    tty.type(`\x15/upload ${folder}/pa\t`);
    await tty.until("papers/");
    tty.type("rep\t");
    await tty.until("papers/report.txt");
    tty.type(ENTER);
    await tty.until("[report.txt, 9 B]");
    tty.type(`/help${ENTER}`);
    await tty.until("PageUp, PageDown, Esc");
    tty.type(PAGE_DOWN.repeat(4));
    await tty.until("read by everybody in the room");
    tty.type("\x1b");
    await tty.until("[report.txt, 9 B]");
    tty.type(`/nosuch${ENTER}`);
    await tty.until("there is no such command");
    await tty.until(/^> \/nosuch$/m);
  });
});

test("what the server does not take can be sent again, or taken back", { timeout: 60_000 }, async () => {
  const { olga, general, join } = await open();
  const tty = await join("alice");
  const position = general.head + 1;
  tty.type(`/reply #${position} too early${ENTER}`);
  await tty.until(/too early ✗ not sent: /);
  tty.type(`/reply #99999 to nobody${ENTER}`);
  await tty.until(/to nobody ✗ not sent: /);
  await general.send("late");
  const reply = event(olga, "entry", ({ entry }) => entry.kind === "message" && entry.text === "too early");
  tty.type("\x12");
  expect((await reply).entry).toMatchObject({ replyTo: position });
  await tty.until(/too early ✓/);
  await tty.until(/to nobody ✗ not sent: /);
  tty.type("\x18");
  await tty.until((text) => !text.includes("not sent"));
  await tty.until(/^> to nobody$/m);
});

test("a message is selected, and is what commands are about", { timeout: 60_000 }, async () => {
  const { olga, general, join } = await open();
  const { position } = await general.send("which one?");
  await general.send("another");
  const tty = await join("alice");
  await tty.until("another");
  const reply = event(olga, "entry", ({ entry }) => entry.kind === "message" && entry.text === "this one");
  tty.type(`\x1b[1;5A\x1b[1;5A/reply this one${ENTER}`);
  expect((await reply).entry).toMatchObject({ replyTo: position });
  await tty.until(/↳ olga which one\?\n.*this one ✓/);
  const edit = event(olga, "entry", ({ entry }) => entry.kind === "edit");
  tty.type(`/edit that one${ENTER}`);
  expect((await edit).entry).toMatchObject({ text: "that one" });
  await tty.until("that one (edited)");
});

test("a new password is asked for where nobody sees it", { timeout: 60_000 }, async () => {
  const { join } = await open();
  const tty = await join("alice");
  tty.type(`/password${ENTER}`);
  await tty.until(/^New password:$/m);
  tty.type("correct horse");
  await tty.until(/^New password: •{13}$/m);
  tty.type(ENTER);
  await tty.until(/^The same again:$/m);
  tty.type(`battery staple${ENTER}`);
  await tty.until("these are two different passwords");
  tty.type(`${CTRL_U}/password${ENTER}`);
  await tty.until(/^New password:$/m);
  tty.type("\x1b");
  await tty.until("the password stays as it is");
  expect(tty.said).not.toContain("horse");
});

test("what is painted is what has changed, all of it at once", { timeout: 60_000 }, async () => {
  const { general, join } = await open();
  const tty = await join("alice");
  await general.send("the last before");
  await tty.until("the last before");
  tty.type("x");
  await tty.until(/^> x$/m);
  const before = tty.said.length;
  tty.type("y");
  await tty.until(/^> xy$/m);
  const painted = tty.said.slice(before);
  expect(painted.startsWith("\x1b[?2026h")).toBe(true);
  expect(painted.endsWith("\x1b[?2026l")).toBe(true);
  expect(painted).not.toContain("the last before");
  expect(painted.length).toBeLessThan(200);
  // All of it anew, on demand.
  tty.type("\x0c");
  await tty.until(() => tty.said.slice(before + painted.length).includes("the last before"));
});

describe("the terminal is as it was", () => {
  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("after %s", { timeout: 60_000 }, async (signal, code) => {
    const { join } = await open();
    const tty = await join("alice");
    await tty.kill(signal);
    expect(await tty.value("code")).toBe(`${code}`);
    expect(await tty.value("after")).toBe(await tty.value("before"));
    expect(tty.isTaken).toBe(false);
  });

  test("when the server has no place for the user any more, and says why", { timeout: 60_000 }, async () => {
    const { olga, join } = await open();
    const tty = await join("alice");
    await olga.ban("alice");
    expect(await tty.value("code")).toBe("3");
    expect(await tty.value("after")).toBe(await tty.value("before"));
    expect(tty.isTaken).toBe(false);
    expect(tty.text).toContain("banned");
  });

  test("after a fault of the program itself, which is told", { timeout: 60_000 }, async () => {
    const { join } = await open();
    const fault = 'process.on("SIGUSR2", () => { throw new Error("a fault of its own"); });';
    const tty = await join("alice", {
      command: [process.execPath, `--import=data:text/javascript,${encodeURIComponent(fault)}`],
    });
    await tty.kill("SIGUSR2");
    expect(await tty.value("code")).toBe("1");
    expect(await tty.value("after")).toBe(await tty.value("before"));
    expect(tty.isTaken).toBe(false);
    expect(tty.text).toContain("a fault of its own");
  });

  test("while the shell has it, and the chat after that", { timeout: 60_000 }, async () => {
    const { general, join } = await open();
    const tty = await join("alice");
    tty.type("\x1a");
    await tty.until(() => !tty.isTaken);
    await general.send("meanwhile");
    await tty.kill("SIGCONT");
    await tty.until(/olga {2}welcome(.|\n)*meanwhile/);
    expect(tty.isTaken).toBe(true);
  });
});

test("a terminal that can do nothing gets lines", { timeout: 60_000 }, async () => {
  const { join } = await open();
  const tty = await join("alice", { env: { TERM: "dumb" } }, "this is general");
  expect(tty.isTaken).toBe(false);
  tty.type("hello\n/quit\n");
  expect(await tty.value("code")).toBe("0");
  expect(tty.said).not.toContain("\x1b");
});

test("nothing is coloured where no colours are wanted", { timeout: 60_000 }, async () => {
  const { join } = await open();
  const tty = await join("alice", { env: { NO_COLOR: "1" } });
  tty.type("\x03");
  await tty.value("code");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with one
  expect(tty.said).not.toMatch(/\x1b\[[0-9;]*\b(3[0-7]|38|9[0-7])(;|m)/);
  expect(tty.said).toContain("\x1b[1m");
});
