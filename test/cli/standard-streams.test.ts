/** What cannot be written: a disk that is full, and a reader that has gone, as a shell has them, in every runtime. */
import { describe, expect, test } from "vitest";
import { Cli, runtime, secretFile, startServer } from "./support.ts";

const psk = secretFile("streams.psk", `alice:${"0a".repeat(32)}\n`);

describe.each(["node", "deno", "bun"])("in %s", async (name) => {
  const command = name === "node" ? [process.execPath] : await runtime(name);
  /** The command in a line of the shell, where it is `"$@"`. */
  const inShell = (line: string, ...args: string[]) =>
    new Cli(args, {}, ["sh", "-c", line, "sh", ...command]);

  test("a result that cannot be written has failed", async () => {
    const full = inShell('"$@" > /dev/full', "--version");
    expect(await full.finish()).toEqual({ code: 1, signal: null });
    expect(full.stderr).toMatch(/^sealgram: [^\n]*(no space left|ENOSPC)[^\n]*\n$/i);
  });

  test("nobody reads the result", async () => {
    const whenGone = 'trap "" PIPE; while echo 2> /dev/null; do :; done; "$@"; echo "ended by $?" >&2';
    const gone = inShell(`{ ${whenGone}; } | true`, "--version");
    await gone.finish();
    expect(gone.stderr).toBe("ended by 141\n");
  });

  test("what a peer sends cannot be written: the session ends", async () => {
    const { url, server } = await startServer("echo", "--psk-file", psk);
    const full = inShell('"$@" > /dev/full', "connect", url, "--psk-file", psk);
    full.write("one\n");
    expect(await full.ended).toEqual({ code: 1, signal: null });
    expect(full.stderr).toMatch(/\nsealgram: [^\n]*(no space left|ENOSPC)[^\n]*\n$/i);
    await server.event("closed");
  });

  test("what happens cannot be written: the payload goes on", async () => {
    const { url } = await startServer("echo", "--psk-file", psk);
    const cli = inShell('"$@" 2> /dev/full', "connect", url, "--psk-file", psk);
    expect(await cli.finish("one\n")).toEqual({ code: 0, signal: null });
    expect(cli.stdout.toString()).toBe("one\n");
  });
});
