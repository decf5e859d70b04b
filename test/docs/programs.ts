/** Programs out of the documentation, run as whoever copies them would. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, onTestFinished } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
// Have no declarations.
const { bundleEntries } = (await import(new URL("../../tools/build.mjs", import.meta.url).href)) as {
  bundleEntries(outdir: string): Promise<void>;
};
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

/** A folder with the package installed; inside the repository, where its dependencies are found. */
export const folder: string = (() => {
  mkdirSync(join(root, "build"), { recursive: true });
  return mkdtempSync(join(root, "build/docs-"));
})();
const installed = join(folder, "node_modules/sealgram");
mkdirSync(installed, { recursive: true });
cpSync(join(root, "package.json"), join(installed, "package.json"));
writeFileSync(
  join(folder, "package.json"),
  JSON.stringify({ type: "module", dependencies: { sealgram: "*" } }),
);
await bundleEntries(join(installed, "dist"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks of a page that have a file's name, by that name. */
export function programsOf(page: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)];
  return new Map(blocks.map(([, name, code]) => [name!, code!]));
}

/** Writes a page's programs, with ports that are free in the place of theirs. */
export async function writePrograms(page: string): Promise<ReadonlyMap<string, string>> {
  const programs = programsOf(page);
  const ports = new Map<string, number>();
  const pattern = /(?<=127\.0\.0\.1:|localhost:)[1-9]\d+/g;
  for (const code of programs.values()) {
    for (const [port] of code.matchAll(pattern)) if (!ports.has(port)) ports.set(port, await freePort());
  }
  for (const [name, code] of programs) {
    writeFileSync(
      join(folder, name),
      code.replace(pattern, (port) => `${ports.get(port)}`),
    );
  }
  return programs;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A program that runs, and what it has said. */
export class Program {
  readonly #child: ChildProcess;
  readonly #looks = new Set<() => void>();
  readonly ended: Promise<number | null>;
  output = "";

  private constructor(command: string, args: readonly string[]) {
    const env = { ...process.env, NO_COLOR: "1", SSLKEYLOGFILE: "", DENO_NO_UPDATE_CHECK: "1" };
    this.#child = spawn(command, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        for (const look of [...this.#looks]) look();
      });
    }
    this.ended = new Promise((resolve) => this.#child.on("close", resolve));
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  static async run(file: string, runtime = "node", ...rest: string[]): Promise<Program> {
    if (runtime === "node") return new Program(process.execPath, [file, ...rest]);
    const { command, args } = await findRuntime(runtime);
    return new Program(command, [...args, file, ...rest]);
  }

  /** What the pattern finds in the output, as soon as it does. */
  said(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(this.output)?.[0];
        if (found === undefined) return;
        this.#looks.delete(look);
        resolve(found);
      };
      this.#looks.add(look);
      look();
      void this.ended.then(() => {
        if (this.#looks.delete(look)) reject(new Error(`it ended without that: ${this.output}`));
      });
    });
  }

  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return this.ended;
  }
}
