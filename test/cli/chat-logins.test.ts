/** What users log in with, by the commands of a chat on a terminal. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { generatePkcs8 } from "../../src/crypto/signer.ts";
import { Party, temporaryFolder, udp } from "../chat/support.ts";
import { Cli, program, runtime, secretFile } from "./support.ts";

async function machine(party: Party) {
  const home = temporaryFolder();
  const env = { XDG_CONFIG_HOME: home, HOME: home };
  const olga = await party.owner();
  return {
    env,
    chat: (...args: string[]) => new Cli(["chat", ...args], env),
    invitation: async () => secretFile(`invitation-${Math.random()}`, await olga.invite()),
    profile() {
      const folder = join(home, "sealgram/chats");
      return JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8"));
    },
  };
}

const events = (cli: Cli) =>
  cli.stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("keys and passwords from files: what this machine comes back by, and what lets nobody in any more", async () => {
  const party = await Party.open(udp);
  const { chat, invitation, profile } = await machine(party);
  const password = secretFile("password", "correct horse\n");
  const first = chat("--link-file", await invitation(), "--name", "ann", "--json");
  await first.finish(
    [
      `{"password_file":"${password}","tag":1}`,
      '{"logins":true,"tag":2}',
      '{"key":true,"tag":3}',
      '{"logins":true,"tag":4}',
      '{"forget":"password","tag":5}',
      "",
    ].join("\n"),
  );
  const tagged = (tag: number) => events(first).find((each) => each.tag === tag);
  expect(tagged(1)).toMatchObject({ event: "login_changed", change: "password" });
  expect(tagged(2).logins).toMatchObject([
    { kind: "psk", isOwn: true },
    { kind: "password", isOwn: false },
  ]);
  expect(tagged(3)).toMatchObject({ event: "login_changed", change: "key" });
  const [before, , now] = tagged(4).logins.toSorted(
    (a: { addedMs: number }, b: { addedMs: number }) => a.addedMs - b.addedMs,
  );
  expect(profile().login.psk.split(".")[0]).toBe(now.id);
  expect(tagged(5)).toMatchObject({ change: "forgotten", kind: "password" });
  expect(first.stdout.toString()).not.toContain("correct horse");
  const pem = Buffer.from(await generatePkcs8("Ed25519")).toString("base64");
  const key = secretFile("key.pem", `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----\n`);
  const second = chat("--plain");
  expect(
    await second.finish(
      `/logins\n/forget ${before.id.slice(0, 8)}\n/key ${key}\n/logins\n/forget ${now.id.slice(0, 8)}\n`,
    ),
  ).toMatchObject({ code: 0 });
  expect(second.stdout.toString()).toContain(`* key ${now.id.slice(0, 12)} of one machine, since`);
  expect(second.stdout.toString()).toMatch(/\* private key sha256:[\w-]{43}, since \S+ \(this machine's\)/);
  expect(profile().login).toEqual({ kind: "key", path: key });
  const third = chat("--plain");
  expect(await third.finish("/logins\n/forget nobody\n")).toMatchObject({ code: 0 });
  expect(third.stdout.toString().match(/since/g)).toHaveLength(1);
  expect(third.stderr).toContain("you do not log in with that");
});

test.each(["node", "deno", "bun"])(
  "%s asks for a password on the terminal, which does not show it",
  async (name) => {
    const party = await Party.open(udp);
    const { env, chat, invitation } = await machine(party);
    expect(await chat("--link-file", await invitation(), "--name", "ann").finish()).toMatchObject({
      code: 0,
    });
    const command = [
      ...(name === "node" ? [process.execPath] : await runtime(name)),
      program,
      "chat",
      "--plain",
    ];
    const quoted = command.map((word) => `'${word}'`).join(" ");
    const terminal = spawn("script", ["-qfec", quoted, "/dev/null"], { env: { ...process.env, ...env } });
    onTestFinished(() => void terminal.kill("SIGKILL"));
    let screen = "";
    let look = () => {};
    terminal.stdout.on("data", (data) => {
      screen += data;
      look();
    });
    const shown = (text: string, times = 1) =>
      new Promise<void>((resolve) => {
        look = () => {
          if (screen.split(text).length > times) resolve();
        };
        look();
      });
    await shown("connected to");
    terminal.stdin.write("/password\n");
    await shown("New password: ");
    terminal.stdin.write("correct horse\r");
    await shown("The same again: ");
    // What is typed ahead is a line of the chat again.
    terminal.stdin.write("correct horse\r/logins\n");
    await shown("your password is set");
    await shown("password, since");
    terminal.stdin.write("/password\n");
    await shown("New password: ", 2);
    terminal.stdin.write("\x03");
    await shown("the password stays as it is");
    terminal.stdin.write("/quit\n");
    const [code] = await new Promise<[number | null]>((resolve) => {
      terminal.on("close", (code) => resolve([code]));
    });
    expect(code).toBe(0);
    expect(screen).not.toContain("horse");
    expect((await party.connect({ user: "ann", password: "correct horse" })).user.name).toBe("ann");
  },
);
