/**
 * A hostile client that may log in, against each server that README, the documentation and the command show, as their
 * readers would run them: none of them ends by it, says that something is uncaught, or stops to serve others.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { authOf } from "../../src/apps/chat/client/credentials.ts";
import { ChatClient } from "../../src/apps/chat/client/node-index.ts";
import { parseLink } from "../../src/apps/chat/link.ts";
import { CHAT_PROTOCOL } from "../../src/apps/chat/protocol.ts";
import {
  type ConnectOptions,
  connect,
  password,
  psk,
  type Session,
  type SessionTicket,
} from "../../src/endpoint/node-index.ts";
import { folder, Program, programsOf, writePrograms } from "../docs/programs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith(".md"),
);

type Dial = (options?: Partial<ConnectOptions>) => Promise<Session>;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ignore = () => {};

/** Requests of whatever bytes, of which most are not what a handler expects. */
const garbage = ["", "null", "{", "\0\0\0", '{"city":{"toString":1}}', "x".repeat(100_000)].map((each) =>
  new TextEncoder().encode(each),
);

const attacks: Readonly<Record<string, (dial: Dial) => Promise<void>>> = {
  async "without streams"(dial) {
    const session = await dial({ streams: false });
    for (let i = 0; i < 50; i++) session.sendDatagram(new Uint8Array(i));
    await wait(200);
    session.close();
  },
  async "with large datagrams"(dial) {
    for (const streams of [{}, false] as const) {
      const session = await dial({ mtuBytes: 9000, streams });
      for (const length of [1300, 1500, 8000]) session.sendDatagram(new Uint8Array(length));
      await wait(200);
      session.close();
    }
  },
  async "leaving early"(dial) {
    for (let i = 0; i < 5; i++) {
      const session = await dial();
      for (let j = 0; j < 10; j++) session.sendDatagram(Uint8Array.of(j));
      for (const each of garbage) session.request(each).catch(ignore);
      session.close({ closeCode: i });
    }
  },
  async resetting(dial) {
    const session = await dial();
    for (let i = 0; i < 50; i++) {
      const abort = new AbortController();
      session.request(garbage[i % garbage.length]!, { signal: abort.signal }).catch(ignore);
      const { readable, writable } = await session.createBidirectionalStream({ waitUntilAvailable: true });
      const writer = writable.getWriter();
      writer.closed.catch(ignore);
      writer.write(Uint8Array.of(1)).catch(ignore);
      if (i % 2 === 0) await wait(1);
      readable.cancel().catch(ignore);
      writer.abort().catch(ignore);
      abort.abort();
    }
    session.close();
  },
  async "with garbage"(dial) {
    const session = await dial();
    for (const each of garbage) session.sendDatagram(each);
    await Promise.allSettled(
      garbage.map((each) => session.request(each, { signal: AbortSignal.timeout(1000) })),
    );
    session.close();
  },
  async flooding(dial) {
    const sessions = await Promise.all([dial(), dial(), dial()]);
    for (const session of sessions) {
      for (let i = 0; i < 300; i++) session.request(garbage[i % 5]!).catch(ignore);
      for (let i = 0; i < 5000; i++) session.sendDatagram(new Uint8Array(1000));
    }
    await wait(1000);
    for (const session of sessions) session.close();
  },
};

/** What a server refuses, by closing or at the door, is refused: it is the server that is looked at. */
async function attack(server: Program, dial: Dial): Promise<void> {
  let isOver = false;
  void server.ended.then(() => {
    isOver = true;
  });
  let last: Session | undefined;
  let ticket: SessionTicket | undefined;
  const enter: Dial = async (options) => {
    // By a ticket where there is one: a password takes its time.
    ticket = last?.ticket ?? ticket;
    last = await dial({ ...options, ...(ticket === undefined ? {} : { ticket }) });
    last.closed.catch(ignore);
    return last;
  };
  for (const [name, run] of Object.entries(attacks)) {
    await run(enter).catch(ignore);
    await wait(100);
    expect(isOver, `${name}: ${server.output}`).toBe(false);
    expect(server.output, name).not.toMatch(/uncaught|unhandled|\n\s+at .*:\d+:\d+/i);
    // Others are let in as before.
    (await enter()).close();
  }
}

const isServer = (code: string) => /\b(listen|openChat|openGateway)\(/.test(code);
const first = (text: string, pattern: RegExp) => pattern.exec(text)?.[1];

/** How the users of a page's server log in, as its program says it. */
function dialer(url: string, code: string): Dial {
  const identity = first(code, /identity: "([^"]+)"/);
  const secret = first(code, /password: "([^"]+)"/);
  if (identity === undefined || secret === undefined) throw new Error("how does one log in to this server?");
  const protocol = first(code, /applicationProtocols: \["([^"]+)"\]/);
  return (options) =>
    connect(url, {
      auth: password({ identity, password: secret }),
      ...(protocol === undefined ? {} : { applicationProtocols: [protocol] }),
      ...options,
    });
}

async function chatDialer(link: string): Promise<Dial> {
  const parsed = parseLink(link);
  const auth = authOf(await ChatClient.join(link, { name: "mallory" }), parsed);
  const url = `udp://127.0.0.1:${parsed.port}`;
  return (options) => connect(url, { auth, applicationProtocols: [CHAT_PROTOCOL], ...options });
}

const programs = pages.flatMap((page) =>
  [...programsOf(page)].filter(([, code]) => isServer(code)).map(([name, code]) => ({ page, name, code })),
);

/** Floods take their time on a machine with much to do. */
const timeout = 300_000;

test.each(programs)("$page: $name", { timeout }, async ({ page, name, code }) => {
  await writePrograms(page);
  const written = readFileSync(join(folder, name), "utf8");
  const runtime = written.includes("webTransport:") ? "deno" : "node";
  const program = await Program.run(name, runtime);
  const said = await program.said(/(?:udp|http|sealgram):\/\/\S+/).catch(() => undefined);
  // One that talks to itself, and ends.
  if (said === undefined) expect(await program.ended, program.output).toBe(0);
  else if (said.startsWith("sealgram:")) await attack(program, await chatDialer(said));
  else if (said.startsWith("udp:")) await attack(program, dialer(said, code));
  else {
    // A gateway, before the page's server.
    const server = await Program.run("server.mjs");
    await server.said(/listening/);
    const target = first(written, /targets: \{ (\w+):/)!;
    const path = /path: "(\/\w+)"/.exec(written)?.[1] ?? "";
    const url = `${said.replace("http", "ws")}${path}/${target}`;
    await attack(program, dialer(url, programsOf(page).get("server.mjs")!));
    await attack(server, dialer(url, programsOf(page).get("server.mjs")!));
  }
});

const cli = "node_modules/sealgram/dist/cli.js";
const key = new Uint8Array(32).fill(7);

async function attackPsk(...args: string[]): Promise<void> {
  writeFileSync(join(folder, "k.psk"), `mallory:${Buffer.from(key).toString("hex")}\n`, { mode: 0o600 });
  const program = await Program.run(cli, "node", ...args, "udp://127.0.0.1:0", "--psk-file", "k.psk");
  const url = await program.said(/udp:\/\/\S+/);
  await attack(program, (options) => connect(url, { auth: psk({ identity: "mallory", key }), ...options }));
}

/** Of the commands, those that serve others; "client" for those that do not. */
const commands: Readonly<Record<string, "client" | (() => Promise<void>)>> = {
  chat: "client",
  connect: "client",
  keygen: "client",
  user: "client",
  echo: () => attackPsk("echo"),
  serve: () => attackPsk("serve"),
  async "chat-server"() {
    const args = ["--folder", "hosted", "--public", "127.0.0.1", "--no-webtransport"];
    const anywhere = ["--listen", "udp://127.0.0.1:0", "--page", "http://127.0.0.1:0"];
    const program = await Program.run(cli, "node", "chat-server", ...args, ...anywhere);
    await attack(program, await chatDialer(await program.said(/sealgram:\/\/[^\s'"]+/)));
  },
  async gateway() {
    await writePrograms("docs/embedding.md");
    const server = await Program.run("server.mjs");
    const target = (await server.said(/udp:\/\/\S+/)).trim();
    const args = ["--listen", "http://127.0.0.1:0", "--target", `weather=${target}`];
    const program = await Program.run(cli, "node", "gateway", ...args);
    const url = await program.said(/http:\/\/127\.0\.0\.1:\d+/);
    const code = programsOf("docs/embedding.md").get("server.mjs")!;
    await attack(program, dialer(`${url.replace("http", "ws")}/weather`, code));
  },
};

const servers = Object.entries(commands).flatMap(([name, run]) => (run === "client" ? [] : [{ name, run }]));
test.each(servers)("sealgram $name", { timeout }, ({ run }) => run());

test("sealgram serve --stream waits for a client that has streams", async () => {
  writeFileSync(join(folder, "k.psk"), `mallory:${Buffer.from(key).toString("hex")}\n`, { mode: 0o600 });
  const args = ["serve", "--stream", "udp://127.0.0.1:0", "--psk-file", "k.psk"];
  const program = await Program.run(cli, "node", ...args);
  const url = await program.said(/udp:\/\/\S+/);
  const auth = psk({ identity: "mallory", key });
  await expect(connect(url, { auth, streams: false })).rejects.toMatchObject({
    code: "no_application_protocol",
  });
  const session = await connect(url, { auth });
  expect(session.hasStreams).toBe(true);
  session.close();
  session.closed.catch(ignore);
});

test("no command is left out", () => {
  const source = readFileSync(join(root, "src/cli/main.ts"), "utf8");
  const names = [...source.matchAll(/^ {2}"?([\w-]+)"?: \w+Command,$/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  expect(Object.keys(commands).sort()).toEqual(names.sort());
});
