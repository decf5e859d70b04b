/**
 * The chat as its users have it: the built command in Node, Deno and Bun, and the page in a browser, all in one room. The wire
 * between them and the server loses a tenth of the datagrams and reorders another; in the middle the server is killed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LossyProxy } from "../chat/lossy-proxy.ts";
import { PageUser } from "./page.ts";

/** A program and its arguments. */
export type CommandLine = readonly [string, ...string[]];

export interface EndToEndPrograms {
  /** Runs the built command, by runtime. */
  readonly commands: Readonly<Record<"node" | "deno" | "bun", CommandLine>>;
  /** Of Chromium. */
  readonly browser: string;
  /** The built page's. */
  readonly pageFolder: string;
}

const EACH = 200;
/** That in which everybody is from the beginning. */
const ROOM = "general";
/** After so many messages are in the room, the server is killed. */
const KILLED_AFTER = [200, 500];
const LIMIT_MS = 300_000;

type Event = { readonly event: string } & Record<string, unknown>;

/** A command that says what happens in lines of JSON. */
class Program {
  readonly events: Event[] = [];
  readonly #child: ChildProcess;
  readonly #name: string;
  #noise = "";
  #wake: (() => void)[] = [];

  constructor(name: string, [command, ...args]: CommandLine) {
    this.#name = name;
    this.#child = spawn(command, args, { stdio: "pipe", env: { ...process.env, NO_COLOR: "1" } });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => this.#line(line));
    }
    this.#child.on("exit", () => this.#wakeAll());
    // Whoever writes to it when it has ended is told so by what it does not say.
    this.#child.stdin!.on("error", () => {});
  }

  #line(line: string): void {
    if (line.startsWith("{")) this.events.push(JSON.parse(line) as Event);
    else this.#noise += `${line}\n`;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Settles once what it has said is enough. */
  async until<T>(find: (events: readonly Event[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.events);
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`${this.#name} has ended (${this.#child.exitCode}): ${this.said}`);
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  first(name: string): Promise<Event> {
    return this.until((events) => events.find(({ event }) => event === name));
  }

  write(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  get said(): string {
    return `${this.#noise}${this.events
      .slice(-5)
      .map((event) => JSON.stringify(event))
      .join("\n")}`;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const exit = once(this.#child, "exit");
    this.#child.kill(signal);
    await exit;
    return this.#child.exitCode;
  }
}

interface Participant {
  readonly name: string;
  /** Says so many messages, one after the other. */
  say(texts: readonly string[]): void;
  /** What was said in the room, as it has it: `author: text`, oldest first. */
  transcript(): Promise<readonly string[]>;
}

/** @throws AssertionError, or Error with what the programs have said */
export async function testChatEverywhere(programs: EndToEndPrograms, seed: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sealgram-end-to-end-"));
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const timer = setTimeout(() => {
    console.error(`the chat of all runtimes has not come to its end in ${LIMIT_MS / 1000} s (seed ${seed})`);
  }, LIMIT_MS);
  closing.push(() => clearTimeout(timer));
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("it takes too long")), LIMIT_MS).unref();
  });
  try {
    await Promise.race([converse(programs, folder, seed, closing), late]);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function converse(
  { commands, browser, pageFolder }: EndToEndPrograms,
  folder: string,
  seed: number,
  closing: (() => unknown)[],
): Promise<void> {
  const server = new ChatProcess(commands.node, join(folder, "data"));
  closing.push(() => server.end());
  const opened = await server.start();
  const proxy = await LossyProxy.open({ target: opened.url, seed });
  closing.push(() => proxy.close());

  const terminal = (runtime: keyof typeof commands, link: string) => {
    const [command, ...args] = commands[runtime];
    const program = new Program(runtime, [
      command,
      ...[...args, "chat", proxy.link(link), "--name", runtime, "--no-password"],
      ...["--profile", join(folder, `${runtime}.json`), "--json", "--stay"],
    ]);
    closing.push(() => program.end("SIGKILL"));
    return program;
  };
  const owner = terminal("node", opened.owner!.link);
  await owner.first("connected");
  await owner.first("opened");
  const invite = async () => {
    const before = owner.events.length;
    owner.write(JSON.stringify({ invite: true }));
    const { link } = await owner.until((events) =>
      events.slice(before).find(({ event }) => event === "invitation"),
    );
    return link as string;
  };
  const others = [];
  for (const runtime of ["deno", "bun"] as const) {
    const program = terminal(runtime, await invite());
    others.push({ runtime, program });
    await program.until((events) => events.find(({ event, room }) => event === "opened" && room === ROOM));
  }
  const page = await PageUser.join({
    browser,
    pageFolder,
    target: proxy.url,
    link: await invite(),
    name: "browser",
  });
  closing.push(() => page.close());
  await page.sees(ROOM);

  const participants: Participant[] = [
    terminalParticipant("node", owner),
    ...others.map(({ runtime, program }) => terminalParticipant(runtime, program)),
    pageParticipant(page),
  ];
  const total = EACH * participants.length;
  for (const each of participants) each.say(Array.from({ length: EACH }, (_, i) => `${each.name} says ${i}`));
  for (const count of KILLED_AFTER) {
    await owner.until((events) => (messagesOf(events).length >= count ? true : undefined));
    await server.kill();
    await server.start();
  }
  for (const { program } of [{ program: owner }, ...others]) {
    await program.until((events) => (messagesOf(events).length >= total ? true : undefined));
  }
  await page.untilPosition(messagesOf(owner.events).at(-1)!.position as number);

  const [first, ...rest] = await Promise.all(participants.map((each) => each.transcript()));
  assert.equal(first!.length, total);
  for (const { name } of participants) {
    const own = first!.filter((line) => line.startsWith(`${name}: `));
    assert.deepEqual(
      own,
      Array.from({ length: EACH }, (_, i) => `${name}: ${name} says ${i}`),
    );
  }
  for (const [i, other] of rest.entries()) {
    assert.deepEqual(
      other,
      first,
      `${participants[i + 1]!.name} has another transcript than ${participants[0]!.name}`,
    );
  }
  const { up, down } = proxy.counts;
  for (const { lost, forwarded, reordered } of [up, down]) {
    assert.ok(lost / (lost + forwarded) > 0.05 && reordered > 0, "the network was too good");
  }
  console.log(
    `       ${total} messages; ${up.lost + down.lost} datagrams lost, ${up.reordered + down.reordered} reordered, ` +
      `${KILLED_AFTER.length} times killed`,
  );
}

/** The server, by its command; again and again on the same folder and ports. */
class ChatProcess {
  readonly #command: CommandLine;
  readonly #folder: string;
  #url = "udp://127.0.0.1:0";
  #program: Program | undefined;

  constructor(command: CommandLine, folder: string) {
    this.#command = command;
    this.#folder = folder;
  }

  async start(): Promise<{ url: string; owner?: { link: string } }> {
    const [command, ...args] = this.#command;
    this.#program = new Program("chat-server", [
      command,
      ...[...args, "chat-server", "--json", "--folder", this.#folder, "--no-webtransport"],
      ...["--public", "127.0.0.1", "--listen", this.#url, "--page", "http://127.0.0.1:0"],
      ...["--limit", "messages-per-second=1000"],
    ]);
    const opened = (await this.#program.first("open")) as unknown as {
      url: string;
      owner?: { link: string };
    };
    this.#url = opened.url;
    return opened;
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.#program!.end("SIGKILL");
  }

  async end(): Promise<void> {
    await this.#program?.end("SIGTERM");
  }
}

function messagesOf(events: readonly Event[]): Event[] {
  return events.filter(({ event, room }) => event === "message" && room === ROOM);
}

function terminalParticipant(name: string, program: Program): Participant {
  return {
    name,
    say(texts) {
      for (const text of texts) program.write(JSON.stringify({ send: text, room: ROOM }));
    },
    transcript: async () => {
      const messages = messagesOf(program.events);
      const positions = messages.map(({ position }) => position as number);
      assert.deepEqual(
        positions,
        [...new Set(positions)].sort((a, b) => a - b),
        `${name} has messages out of order, or twice`,
      );
      return messages.map(({ author, text }) => `${author}: ${text}`);
    },
  };
}

function pageParticipant(page: PageUser): Participant {
  return {
    name: page.name,
    say: (texts) => void page.say(texts).catch((error) => console.error(error)),
    transcript: () => page.transcript(),
  };
}
