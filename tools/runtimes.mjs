// Where each runtime's program is. npm brings all but Chromium.
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { output, root, run, say, ToolError } from "./process.mjs";
import { setupNodes } from "./setup.mjs";

/** In the order in which they are tested. */
export const RUNTIMES = ["node20", "node24", "node26", "deno", "bun", "chromium"];

/**
 * Finds a runtime, installing it where that is possible. Resolves to its program, and the arguments that go
 * before a script's name. Throws a `ToolError` that says how to get it.
 */
export async function findRuntime(name) {
  if (name.startsWith("node")) return { command: await findNode(Number(name.slice(4))), args: [] };
  // --no-lock: npm's lock file is the only one. --unstable-net: UDP sockets.
  if (name === "deno") {
    return { command: findDeno(), args: ["run", "-A", "--no-lock", "--unstable-net", "--quiet"] };
  }
  if (name === "bun") return { command: findBun(), args: ["run"] };
  if (name === "chromium") return { command: await findChromium(), args: [] };
  throw new ToolError(`unknown runtime ${name}; there are ${RUNTIMES.join(", ")}`);
}

const executable = process.platform === "win32" ? ".exe" : "";
const platform = `${process.platform}-${process.arch}`;

async function findNode(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  await setupNodes();
  const path = join(root, `test/runtimes/node_modules/node${major}-${platform}/bin/node${executable}`);
  if (existsSync(path)) return path;
  throw new ToolError(
    `no Node ${major} for ${platform} in test/runtimes/package.json; run this under Node ${major} itself instead`,
  );
}

// The deno and bun packages put their program in place in an install script, which npm may have been told not to
// run. The programs themselves come in packages of their own, one for each platform.

function findDeno() {
  return firstProgram("deno", [
    `node_modules/deno/deno${executable}`,
    ...platformPackages("deno", "@deno/").map((folder) => `${folder}/deno${executable}`),
  ]);
}

function findBun() {
  return firstProgram("bun", [
    "node_modules/bun/bin/bun.exe",
    ...platformPackages("bun", "@oven/").map((folder) => `${folder}/bin/bun${executable}`),
  ]);
}

/** The folders of a package's optional dependencies that npm installed, which it does for this platform only. */
function platformPackages(name, prefix) {
  const manifest = join(root, `node_modules/${name}/package.json`);
  if (!existsSync(manifest)) return [];
  const { optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8"));
  return Object.keys(optionalDependencies)
    .filter((dependency) => dependency.startsWith(prefix))
    .map((dependency) => `node_modules/${dependency}`);
}

function firstProgram(name, candidates) {
  // A placeholder script stands in for the program until the install script has run.
  const smallestProgram = 1_000_000;
  const found = candidates
    .map((candidate) => join(root, candidate))
    .find((path) => isExecutable(path) && statSync(path).size > smallestProgram);
  if (found !== undefined) return found;
  throw new ToolError(`no ${name} for ${platform} in node_modules; npm ci brings it where it exists`);
}

async function findChromium() {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new ToolError(`CHROMIUM names ${named}, which is not an executable file`);
  }
  return searchChromium() ?? (await installChromium());
}

function searchChromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name + executable)))
    .find((path) => isExecutable(path));
}

async function installChromium() {
  const advice = "install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path";
  const aptGet = "/usr/bin/apt-get";
  if (process.getuid?.() !== 0 || !existsSync(aptGet)) throw new ToolError(`no Chromium found; ${advice}`);
  say("setup: installing Chromium (apt-get install chromium)");
  const options = { env: { DEBIAN_FRONTEND: "noninteractive" }, limitMs: 900_000 };
  // A failed update may still leave lists that are good enough.
  await run(aptGet, ["update"], options);
  const result = await run(aptGet, ["install", "-y", "--no-install-recommends", "chromium"], options);
  const path = searchChromium();
  if (path !== undefined) return path;
  throw new ToolError(`apt-get could not install Chromium; ${advice}\n${output(result)}`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
