/** A chat's server in a process of its own, to be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { onTestFinished } from "vitest";

// Has no declarations.
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

const root = fileURLToPath(new URL("../..", import.meta.url));

let program: Promise<string> | undefined;

/** Node 20 does not run TypeScript. */
async function bundled(): Promise<string> {
  const outfile = join(root, `build/test/killed-server.${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, "test/chat/killed-server.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outfile,
    logLevel: "silent",
  });
  return outfile;
}

export class ServerProcess {
  readonly url: string;
  /** The owner's invitation, as long as there is no owner. */
  readonly link: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { url, link }: { url: string; link: string }) {
    this.#child = child;
    this.url = url;
    this.link = link;
  }

  /** @param runtime node, deno or bun */
  static async start(
    folder: string,
    url: string | URL = "udp://127.0.0.1:0",
    runtime: string = "node",
  ): Promise<ServerProcess> {
    program ??= bundled();
    const { command, args } =
      runtime === "node" ? { command: process.execPath, args: [] } : await findRuntime(runtime);
    const child = spawn(command, [...args, await program, folder, `${url}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
    return new ServerProcess(child, JSON.parse(line) as { url: string; link: string });
  }

  /** As a power cut would: nothing is tidied up. */
  async kill(): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
