import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

/** The bundle of one module of src/crypto as a browser loads it, and what went into it. */
const bundle = async (name: string) => {
  const result = await build({
    entryPoints: [new URL(`../../src/crypto/${name}`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    metafile: true,
    write: false,
    format: "esm",
    platform: "browser",
    external: ["node:*"],
  });
  const inputs = Object.keys(result.metafile.inputs);
  return { inputs: inputs.join("\n"), size: gzipSync(result.outputFiles[0]!.contents, { level: 9 }).length };
};

test.each([
  ["webcrypto.ts", 32_000],
  ["signer.ts", 20_000],
  ["raw-public-key.ts", 3_000],
  ["ticket-keys.ts", 2_000],
  ["spake2plus.ts", 20_000],
] as const)("%s loads no X.509 and no node: module, and stays below %i bytes", async (name, bytes) => {
  const { inputs, size } = await bundle(name);
  expect(inputs).toContain(`src/crypto/${name}`);
  expect(inputs).not.toMatch(/@peculiar|reflect-metadata|node\.ts/);
  expect(size).toBeLessThan(bytes);
});
