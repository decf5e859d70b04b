import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
// All but those that need other programs beside them.
const suites = readdirSync(join(root, "test/runtime"))
  .filter((name) => name.endsWith(".suite.ts") && !/^(gateway|matrix)\./.test(name))
  .map((name) => `test/runtime/${name}`);

test("without a WebCrypto, @peculiar/webcrypto and noble take its place, in every kind of handshake", async () => {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/webcrypto-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await build({
    absWorkingDir: root,
    entryPoints: ["test/package/without-webcrypto.ts", ...suites],
    outdir: folder,
    outbase: "test",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    // package.json declares the library free of side effects; the suites are nothing but.
    ignoreAnnotations: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    packages: "external",
    external: ["node:*"],
  });
  const built = (source: string) => join(folder, source.replace("test/", "").replace(/\.ts$/, ".mjs"));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [built("test/package/without-webcrypto.ts"), ...suites.map(built)],
    { timeout: 50_000 },
  );
  const events = stdout
    .split("\n")
    .filter((line) => line.startsWith("@test "))
    .map((line) => JSON.parse(line.slice("@test ".length)));
  expect(events.filter(({ type }) => type === "failed")).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: "end", failed: 0 });
  expect(suites.length).toBeGreaterThan(10);
  // Five ways to authenticate, three cipher suites.
  expect(events.filter(({ type, name }) => type === "passed" && /: .*TLS_/.test(name))).toHaveLength(15);
});
