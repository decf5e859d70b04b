import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { Cli, secretFile } from "./support.ts";

const execute = promisify(execFile);

async function run(...args: string[]) {
  const cli = new Cli(args);
  const { code } = await cli.finish();
  return { code, stdout: cli.stdout.toString(), stderr: cli.stderr };
}

test.each([
  [["conect"], "there is no command conect; did you mean connect?"],
  [["chatserver"], "there is no command chatserver; did you mean chat-server?"],
  [["nothing"], "there is no command nothing"],
  [["--versoin"], "there is no option --versoin; did you mean --version?"],
  [
    ["connect", "udp://127.0.0.1:1", "--psk-fil", "k.psk"],
    "there is no option --psk-fil; did you mean --psk-file?",
  ],
  [["connect", "udp://127.0.0.1:1", "--secret=hunter2"], "there is no option --secret"],
  [
    ["connect", "127.0.0.1:4433", "--psk-file", "s.psk"],
    "127.0.0.1:4433 is no URL; did you mean udp://127.0.0.1:4433?",
  ],
  [["connect", "example.net:4433", "--psk-file", "s.psk"], "did you mean udp://example.net:4433?"],
  [["echo", "[::1]:4433", "--psk-file", "s.psk"], "did you mean udp://[::1]:4433?"],
  [["completion", "tcsh"], "completion takes one of bash, zsh, fish"],
])("%j", async (args, said) => {
  secretFile("s.psk", `alice:${"00".repeat(32)}\n`);
  const { code, stderr } = await run(...args);
  expect([code, stderr.split("\n")[0]]).toEqual([2, expect.stringContaining(said)]);
  expect(stderr).not.toContain("hunter2");
});

test("-v is --version", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(await run("-v")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

/** What each shell completes, asked in that shell. */
const shells: Readonly<Record<string, (line: readonly string[]) => string>> = {
  bash: (words) =>
    `source "$SCRIPT"; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _sealgram; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // zsh keeps what fits by itself; here all is told.
  zsh: (words) =>
    `compdef() {}; compadd() { shift; print -l -- "$@" }; _files() {}; source "$SCRIPT"; words=(${words.join(" ")}); CURRENT=${words.length}; _sealgram`,
  fish: (words) => `source $SCRIPT; complete -C "${words.join(" ")}"`,
};

const installed = Object.keys(shells).filter(
  (shell) => existsSync(`/usr/bin/${shell}`) || existsSync(`/bin/${shell}`),
);

test.each(installed)("completion in %s", async (shell) => {
  const { code, stdout: script } = await run("completion", shell);
  expect(code).toBe(0);
  const completed = async (...words: string[]) => {
    const plain = shell === "bash" ? ["--norc"] : shell === "zsh" ? ["-f"] : ["--no-config"];
    const env = { ...process.env, SCRIPT: secretFile(`completion.${shell}`, script) };
    const { stdout } = await execute(`/usr/bin/${shell}`, [...plain, "-c", shells[shell]!(words)], { env });
    return stdout.split("\n").map((line) => line.split("\t")[0]);
  };
  expect(await completed("sealgram", "con")).toContain("connect");
  expect(await completed("sealgram", "chat-")).toContain("chat-server");
  const options = await completed("sealgram", "connect", "--ps");
  expect(options).toContain("--psk-file");
  expect(options).not.toContain("--target");
});
