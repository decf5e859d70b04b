/** Where Deno is, which serves WebTransport. */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { UsageError } from "../exit.ts";

const PROGRAM = process.platform === "win32" ? "deno.exe" : "deno";
/** A placeholder script stands in for the package's program until its install script has run. */
const LEAST_BYTES = 1_000_000;

/**
 * The program of Deno: the one that is named, this one, that of the npm package, or the first in PATH.
 * @param beside a file of the package that may have Deno as a dependency
 * @throws UsageError if the one that is named is none
 */
export function findDeno(named: string | undefined, beside: string): string | undefined {
  if (named !== undefined) {
    if (isExecutable(named)) return named;
    throw new UsageError(`--deno names ${named}, which is no program`);
  }
  if ("Deno" in globalThis) return process.execPath;
  return [...ofPackage(beside), ...ofPath()].find((path) => isExecutable(path));
}

/** The package has its program for each platform in a package of its own, and puts it in place when it is installed. */
function ofPackage(beside: string): string[] {
  const require = createRequire(beside);
  try {
    const manifest = require.resolve("deno/package.json");
    const { optionalDependencies = {} } = JSON.parse(readFileSync(manifest, "utf8")) as {
      optionalDependencies?: Record<string, string>;
    };
    const platforms = Object.keys(optionalDependencies).flatMap((name) => {
      try {
        return [dirname(createRequire(manifest).resolve(`${name}/package.json`))];
      } catch {
        return [];
      }
    });
    return [dirname(manifest), ...platforms]
      .map((folder) => join(folder, PROGRAM))
      .filter((path) => isExecutable(path) && statSync(path).size >= LEAST_BYTES);
  } catch {
    return [];
  }
}

function ofPath(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, PROGRAM));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
