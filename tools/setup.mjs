// Brings a clone to the point where everything runs: dependencies, the WASM core, the other Node versions.
// Every tool calls it first; what is there already costs some milliseconds.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildCore, coreIsFresh } from "./build-core.mjs";
import { npm, output, root, say, ToolError } from "./process.mjs";

const OLDEST_NODE = 20;
/** How often to say that something that takes long is still going on. */
const PROGRESS_MS = 10_000;

/** @param {{ core?: boolean }} options `core: false` leaves the WASM core as it is. */
export async function setup({ core = true } = {}) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) {
    throw new ToolError(
      `Node ${OLDEST_NODE} or newer is needed; this is ${process.version} (${process.execPath})`,
    );
  }
  await install("", "dependencies");
  if (core && !coreIsFresh()) {
    say("setup: building the WASM core from assembly/");
    await buildCore();
  }
}

/** Installs the Node versions of test/runtimes that the tests need beside the current one. */
export async function setupNodes() {
  await install("test/runtimes", "Node versions for the tests");
}

/** Installs the compilers and bundlers of test/compilers that the package is tested with, beside those that make it. */
export async function setupCompilers() {
  await install("test/compilers", "compilers and bundlers for the tests");
}

/** Installs the other implementations that the benchmark echo is run with. */
export async function setupBenchPeers() {
  await install("bench/peers", "other implementations for the benchmarks");
}

async function install(folder, what) {
  const path = join(root, folder);
  if (isInstalled(path)) return;
  say(`setup: installing ${what} (npm ci${folder === "" ? "" : ` in ${folder}`})`);
  // Install scripts only move programs about, and tools/runtimes.mjs finds them where they are. The log level
  // is set because `npm run --silent` passes its own on, and a failure would not say why.
  const beganMs = performance.now();
  const progress = setInterval(() => {
    say(
      `setup: still installing ${what}, ${Math.round((performance.now() - beganMs) / 1000)} seconds by now`,
    );
  }, PROGRESS_MS);
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const result = await npm(["ci", ...flags, "--include=dev", "--include=optional", "--prefix", path], {
    cwd: path,
    env: { NODE_ENV: "" },
  });
  clearInterval(progress);
  if (result.code !== 0) throw new ToolError(`npm ci failed in ${path}\n${output(result)}`);
}

/**
 * Whether node_modules holds what package-lock.json asks for. Compares versions, not times: a checkout changes
 * times only. Packages beyond the lock do not matter, nor do optional ones for other platforms.
 */
function isInstalled(path) {
  const installedFile = join(path, "node_modules/.package-lock.json");
  if (!existsSync(installedFile)) return false;
  const { packages: wanted } = JSON.parse(readFileSync(join(path, "package-lock.json"), "utf8"));
  const { packages: installed } = JSON.parse(readFileSync(installedFile, "utf8"));
  return Object.entries(wanted).every(([name, { version, integrity, optional, devOptional }]) => {
    if (name === "") return true;
    const found = installed[name];
    if (found === undefined) return optional === true || devOptional === true;
    return found.version === version && found.integrity === integrity;
  });
}
