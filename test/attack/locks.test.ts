/** Processes that want one lock at the same time, above all one that a killed process has left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Lock } from "../../src/node-lock.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sealgram-locks-"));
const program = join(root, `build/test/lock-holder.${process.pid}.mjs`);
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(program, { force: true });
});
let paths = 0;
const newPath = () => join(folder, `lock-${paths++}`);

/** Node 20 does not run TypeScript. */
beforeAll(() =>
  build({
    entryPoints: [join(root, "test/attack/lock-holder.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    outfile: program,
    logLevel: "silent",
  }),
);

class Process {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! });
  }

  static async start(): Promise<Process> {
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
    const started = new Process(child);
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(started.#lines, "line");
    return started;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ask(words: string): Promise<string> {
    this.#child.stdin!.write(`${words}\n`);
    return (await once(this.#lines, "line"))[0] as string;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.kill(signal);
    await exit;
  }
}

/** What there is of a lock, by the name of its holder and beside it. */
const left = (path: string) => readdirSync(folder).filter((name) => join(folder, name).startsWith(path));

test("of several processes that find a killed one's lock, or none, exactly one has it, in 200 rounds", async () => {
  const rivals = await Promise.all(Array.from({ length: 4 }, () => Process.start()));
  const path = newPath();
  const race = async () => {
    const said = await Promise.all(rivals.map((rival) => rival.ask(`acquire ${path}`)));
    expect(said.filter((word) => word === "held")).toHaveLength(1);
    const holder = rivals[said.indexOf("held")]!;
    const refusals = said.filter((word) => word !== "held");
    expect(new Set(refusals)).toEqual(new Set([`${path} is held by process ${holder.pid}`]));
    return holder;
  };
  for (let round = 0; round < 200; round++) {
    const holder = await race();
    if (round % 3 === 0) {
      await holder.ask("release");
      expect(left(path)).toEqual([]);
    } else {
      await holder.end("SIGKILL");
      rivals[rivals.indexOf(holder)] = await Process.start();
    }
  }
}, 300_000);

test("a process waits for one that is alive, and takes over from one that was killed", async () => {
  const path = newPath();
  const other = await Process.start();
  expect(await other.ask(`acquire ${path}`)).toBe("held");
  const waiting = Lock.acquire(path, { waitMs: 60_000 });
  await other.end("SIGKILL");
  const lock = await waiting;
  await expect(Lock.acquire(path)).rejects.toThrow("held by this process");
  await lock.release();
  await lock.release();
  expect(left(path)).toEqual([]);
});

/** The lock's holder seems to be in another container: what its number means there is not known here. */
function moveElsewhere(path: string): string {
  const [name] = readdirSync(path) as [string];
  const [pid, since, , nonce] = name.split(".");
  const elsewhere = [pid, since, "x".repeat(16), nonce].join(".");
  renameSync(join(path, name), join(path, elsewhere));
  return join(path, elsewhere);
}

test("where it cannot be told whether a holder runs, it is alive as long as it touches its file", async () => {
  const path = newPath();
  const other = await Process.start();
  await other.ask(`acquire ${path}`);
  const file = moveElsewhere(path);
  let touches = 0;
  const beats = setInterval(() => writeFileSync(file, `${touches++}`), 20);
  await expect(Lock.acquire(path, { silenceMs: 30_000 })).rejects.toThrow(`process ${other.pid}`);
  clearInterval(beats);
  const lock = await Lock.acquire(path, { silenceMs: 100 });
  // The holder that was given up sees that it has lost it, and leaves it alone.
  await other.ask("release");
  await expect(Lock.acquire(path)).rejects.toThrow("this process");
  await lock.release();
});

test("a holder is told that its lock was taken away", async () => {
  const path = newPath();
  const lock = await Lock.acquire(path);
  moveElsewhere(path);
  const lost = once(lock.lost, "abort");
  const other = await Lock.acquire(path, { silenceMs: 50 });
  await lost;
  await lock.release();
  await expect(Lock.acquire(path)).rejects.toThrow("this process");
  await other.release();
});

test("what a process was killed with while it came or went is cleared away, and nothing else", async () => {
  const path = newPath();
  const other = await Process.start();
  await other.ask(`acquire ${path}`);
  const [name] = readdirSync(path) as [string];
  await other.end("SIGKILL");
  const [coming, own] = [`${path}.${name.slice(0, -16)}${"a".repeat(16)}`, `${path}.notes`];
  for (const each of [coming, own]) mkdirSync(each);
  const lock = await Lock.acquire(path);
  await lock.release();
  expect(left(path)).toEqual([own.slice(folder.length + 1)]);
});

test("what is no lock is left alone, with a word about it", async () => {
  const [file, filled] = [newPath(), newPath()];
  writeFileSync(file, "12 abc");
  await expect(Lock.acquire(file)).rejects.toThrow("an older version's lock");
  mkdirSync(filled);
  writeFileSync(join(filled, "notes"), "mine");
  await expect(Lock.acquire(filled, { silenceMs: 50 })).rejects.toThrow("held by something else");
  expect(readdirSync(filled)).toEqual(["notes"]);
});
