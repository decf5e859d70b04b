/** The package as a program finds it that has installed it. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll } from "vitest";

const execute = promisify(execFile);

export const root: string = fileURLToPath(new URL("../../", import.meta.url));

// These have no declarations.
const building = (await import(new URL("../../tools/build.mjs", import.meta.url).href)) as {
  buildPackage(dist: string): Promise<unknown>;
  ENTRIES: readonly { name: string; source: string }[];
};
const { npm } = (await import(new URL("../../tools/process.mjs", import.meta.url).href)) as {
  npm(args: string[], options: { cwd: string }): Promise<{ code: number | null; stdout: string }>;
};
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

export const ENTRIES: readonly { name: string; source: string }[] = building.ENTRIES;

export const manifest: {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
} = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Of package.json's exports, the modules, as programs name them. */
export const modules: readonly string[] = Object.keys(manifest.exports)
  .filter((path) => !/\.(wasm|json)$/.test(path))
  .map((path) => `sealgram${path.slice(1)}`);

/** A program's folder. It is gone after the tests. */
export const consumer: string = mkdtempSync(join(tmpdir(), "sealgram-consumer-"));
afterAll(() => rmSync(consumer, { recursive: true, force: true }));

/** Where the package is in it. */
export const installed: string = join(consumer, "node_modules/sealgram");

/** Builds, packs and unpacks it. What it depends on is what is installed here. */
async function install(): Promise<void> {
  const release = join(consumer, "release");
  await building.buildPackage(join(release, "dist"));
  const files = ["package.json", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "src", "docs"];
  for (const file of files) cpSync(join(root, file), join(release, file), { recursive: true });
  const { code, stdout } = await npm(["pack", "--json", "--ignore-scripts"], { cwd: release });
  if (code !== 0) throw new Error(`npm pack: ${stdout}`);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  mkdirSync(installed, { recursive: true });
  const tar = ["-xzf", join(release, filename), "-C", installed, "--strip-components=1"];
  await execute("tar", tar);
  rmSync(release, { recursive: true });
  for (const name of [...Object.keys(manifest.dependencies), "@types/node", "undici-types"]) {
    const link = join(consumer, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  const dependencies = { sealgram: manifest.version };
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module", dependencies }));
}

await install();

/** What a program writes to standard output, in a runtime: as `findRuntime` of tools/runtimes.mjs names it, or this Node. */
export async function outputOf(runtime: string, name: string, source: string): Promise<string> {
  writeFileSync(join(consumer, name), source);
  const { command, args } =
    runtime === "node" ? { command: process.execPath, args: [] } : await findRuntime(runtime);
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", SSLKEYLOGFILE: "" };
  const { stdout } = await execute(command, [...args, name], { cwd: consumer, env });
  return stdout;
}
