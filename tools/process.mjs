// Child processes that never outlive this one, and the few words the tools say on a terminal.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's folder, with a trailing separator. */
export const root = fileURLToPath(new URL("../", import.meta.url));

/** A failure whose message is the whole story for the person at the terminal: printed without a stack. */
export class ToolError extends Error {}

/** Progress, on stderr so that stdout stays for results. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

const running = new Set();

function killTree(child) {
  try {
    // Each child leads a process group of its own (see `run`), so that its children die with it.
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

function killAll() {
  for (const child of running) killTree(child);
}

process.on("exit", killAll);
const exits = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
].map(([signal, code]) => [signal, () => process.exit(code)]);
for (const [signal, exit] of exits) process.on(signal, exit);

/** Leaves it to somebody else in this process what signals do. */
export function releaseSignals() {
  for (const [signal, exit] of exits) process.off(signal, exit);
}

/**
 * Runs a program to its end. Its output is collected, or goes straight to our terminal with `inherit: true`.
 * Resolves for every way to end: `code` is null when it was killed, `timedOut` when we did that after `limitMs`,
 * and `error` is set when it could not be started at all. `signal` kills it before its end.
 */
export function run(
  command,
  args,
  { cwd = root, env, limitMs, inherit = false, onLine, onErrorLine, signal } = {},
) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: inherit ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    running.add(child);
    signal?.addEventListener("abort", () => killTree(child), { once: true });
    const result = { code: null, timedOut: false, stdout: "", stderr: "", error: undefined };
    const timer =
      limitMs === undefined
        ? undefined
        : setTimeout(() => {
            result.timedOut = true;
            killTree(child);
          }, limitMs);
    const finish = (code) => {
      clearTimeout(timer);
      // The leader's end is not its group's: whatever it left behind goes too.
      if (child.pid !== undefined) killTree(child);
      running.delete(child);
      result.code = code;
      resolve(result);
    };
    collect(child.stdout, result, "stdout", onLine);
    collect(child.stderr, result, "stderr", onErrorLine);
    child.on("error", (error) => {
      result.error = error;
      finish(null);
    });
    child.on("close", finish);
  });
}

function collect(stream, result, key, onLine) {
  if (stream === null || stream === undefined) return;
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text) => {
    result[key] += text;
    if (onLine === undefined) return;
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => {
    if (onLine !== undefined && rest !== "") onLine(rest);
  });
}

/** What a finished program said, for an error message: both streams, trimmed. */
export function output(result) {
  const text = `${result.stdout}${result.stderr}`.trim();
  if (result.error !== undefined) return `${result.error.message}\n${text}`.trim();
  return result.timedOut ? `${text}\n(killed: it did not end in time)`.trim() : text;
}

/** Runs npm, whichever one started us. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith(".js")) return run(process.execPath, [cli, ...args], options);
  if (process.platform === "win32") return run("cmd.exe", ["/d", "/s", "/c", "npm", ...args], options);
  return run("npm", args, options);
}

/** Runs a tool's `main`, and turns a `ToolError` into its message and exit code 1. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    // A wrong option needs no stack either.
    const plain = error instanceof ToolError || error?.code?.startsWith("ERR_PARSE_ARGS");
    say(plain ? `error: ${error.message}` : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}
