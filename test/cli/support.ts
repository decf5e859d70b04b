/** The built command as a child process, and ways to wait for what it does. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, onTestFinished } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
// Has no declarations.
const { bundleEntries } = (await import(new URL("../../tools/build.mjs", import.meta.url).href)) as {
  bundleEntries(outdir: string): Promise<void>;
};

const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

/** What runs the command in another runtime. */
export async function runtime(name: string): Promise<string[]> {
  const { command, args } = await findRuntime(name);
  return [command, ...args];
}

// Inside the repository, where the dependencies are found.
mkdirSync(join(root, "build"), { recursive: true });
const built = mkdtempSync(join(root, "build/cli-"));
/** The built command. */
export const program: string = join(built, "cli.js");
await bundleEntries(built);

/** A folder of this test file's own. */
export const folder: string = mkdtempSync(join(tmpdir(), "sealgram-cli-"));

afterAll(() => {
  for (const path of [built, folder]) rmSync(path, { recursive: true, force: true });
});

/** Writes a file of secrets, and answers where. */
export function secretFile(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

export type CliEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A command that runs. */
export class Cli {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<End>;
  readonly #stdout: Uint8Array[] = [];
  readonly #waiting = new Set<() => void>();
  stderr = "";

  constructor(args: readonly string[], env: Record<string, string> = {}, command: readonly string[] = node) {
    const [name, ...before] = command;
    this.child = spawn(name!, [...before, program, ...args], {
      cwd: folder,
      env: { ...process.env, SSLKEYLOGFILE: "", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdin.on("error", () => {});
    this.child.stdout.on("data", (data: Uint8Array) => this.#heard(() => this.#stdout.push(data)));
    this.child.stderr.on("data", (data) =>
      this.#heard(() => {
        this.stderr += data;
      }),
    );
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code, signal) => this.#heard(() => resolve({ code, signal })));
    });
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  #heard(take: () => void): void {
    take();
    for (const look of [...this.#waiting]) look();
  }

  /** Settles once the condition holds, which is looked at whenever the command says something. */
  async until<T>(condition: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        try {
          const found = condition();
          if (found === undefined) return;
          this.#waiting.delete(look);
          resolve(found);
        } catch (error) {
          this.#waiting.delete(look);
          reject(error);
        }
      };
      this.#waiting.add(look);
      look();
      void this.ended.then(() => {
        if (this.#waiting.delete(look)) reject(new Error(`it ended before that:\n${this.stderr}`));
      });
    });
  }

  /** All whole lines of stderr: with --json each is an event. */
  get events(): CliEvent[] {
    const lines = this.stderr.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as CliEvent);
  }

  /** The first event of this name, or the one with this index. */
  event(name: string, index = 0): Promise<CliEvent> {
    return this.until(() => this.events.filter(({ event }) => event === name)[index]);
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  /** Settles once so much has come out. */
  printed(text: string): Promise<true> {
    return this.until(() => (this.stdout.includes(text) ? true : undefined));
  }

  write(input: string | Uint8Array): void {
    this.child.stdin.write(input);
  }

  /** Ends the input, and settles when the command ends. */
  finish(input: string | Uint8Array = ""): Promise<End> {
    this.child.stdin.end(input);
    return this.ended;
  }

  kill(signal: NodeJS.Signals): Promise<End> {
    this.child.kill(signal);
    return this.ended;
  }
}

const node = [process.execPath];

/** Starts a server with --json, and answers with the URL that it listens at. */
export async function startServer(...args: string[]): Promise<{ server: Cli; url: string }> {
  const [command, ...rest] = args;
  const server = new Cli([command!, "udp://127.0.0.1:0", "--json", ...rest]);
  const { url } = await server.event("listening");
  return { server, url: String(url) };
}
