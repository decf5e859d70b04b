#!/usr/bin/env node
// `npm run check`: everything that can be said of the code without running it, and of the package.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BUNDLE, buildPackage, ENTRIES } from "./build.mjs";
import { compileCore, generateSources, WASM_SOURCE, wasmSource } from "./build-core.mjs";
import { bundlePage, PAGE_LIMIT_BYTES } from "./build-page.mjs";
import { staleDocs } from "./docs.mjs";
import { gzippedBytes, loadedWith, PAGE_APPS, weighApp } from "./page-apps.mjs";
import { npm, output, root, run, runMain, ToolError } from "./process.mjs";
import { findRuntime } from "./runtimes.mjs";
import { setup } from "./setup.mjs";

const HELP = `Usage: npm run check [-- options]

Checks types, style, the generated and the lock files, then builds the package and checks that. One line for
each step, with details where it failed; the last line is "N passed, N failed". The exit code is 1 if any failed.

Options:
  --only LIST  only these steps, separated by commas
  --help
`;

const STEP_LIMIT_MS = 600_000;

const STEPS = [
  { name: "types", check: () => tool("typescript/bin/tsc", ["-p", "."]) },
  { name: "portable types", check: () => tool("typescript/bin/tsc", ["-p", "tsconfig.portable.json"]) },
  {
    name: "style",
    check: () => tool("@biomejs/biome/bin/biome", ["ci", "--colors=off", "--error-on-warnings", "."]),
  },
  { name: "one way", check: checkOneWay },
  { name: "lock files", check: checkLockFiles },
  { name: "generated files", check: checkGenerated },
  { name: "documentation", check: checkDocs },
  { name: "deno types", check: checkDenoTypes },
  { name: "jsr", check: checkJsr },
  { name: "build", check: () => buildPackage() },
  { name: "portable bundles", check: checkPortable },
  { name: "exports", check: checkExports },
  { name: "size", check: checkSizes },
];

/** Runs a program of node_modules that must succeed. */
async function tool(path, args) {
  const result = await run(process.execPath, [join(root, "node_modules", path), ...args], {
    limitMs: STEP_LIMIT_MS,
    env: { NO_COLOR: "1" },
  });
  if (result.code !== 0) throw new ToolError(output(result));
}

/** What one module does for all of src/, and no other does in its own way. */
const ONE_WAY = [
  {
    found: /addEventListener\(\s*"abort"/,
    but: ["src/abort.ts"],
    instead: "onAbort of src/abort.ts, which puts one listener on a signal, and takes it off",
  },
  {
    // Types are no import, and the command and the page are no part of what others bundle.
    found: /(?<!loadPart\(\(\) => |typeof |: )\bimport\(/,
    but: [
      "src/lazy.ts",
      "src/crypto/runtime-crypto.ts",
      "src/transport/node-runtime-udp.ts",
      "src/cli/",
      "src/apps/chat/page/",
    ],
    instead: "loadPart of src/lazy.ts, whose failure has a code",
  },
];

function checkOneWay() {
  const files = readdirSync(join(root, "src"), { recursive: true }).filter((name) => /\.tsx?$/.test(name));
  for (const file of files.map((name) => `src/${name}`)) {
    const code = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    const rule = ONE_WAY.find(
      ({ found, but }) => !but.some((place) => file.startsWith(place)) && found.test(code),
    );
    if (rule !== undefined) throw new ToolError(`${file} has ${rule.found}; there is ${rule.instead}`);
  }
}

/** Lock files that name a registry would send everybody else to that registry. */
function checkLockFiles() {
  for (const file of [
    "package-lock.json",
    "test/runtimes/package-lock.json",
    "test/compilers/package-lock.json",
  ]) {
    const { packages } = JSON.parse(readFileSync(join(root, file), "utf8"));
    const resolved = Object.keys(packages).filter((name) => packages[name].resolved !== undefined);
    if (resolved.length > 0) {
      throw new ToolError(
        `${file} has "resolved" addresses, first of ${resolved[0]}; .npmrc keeps them out: npm install --package-lock-only`,
      );
    }
  }
}

/** What is generated is what its generator makes of its source, and is committed along with it. */
async function checkGenerated() {
  const stale = await generateSources();
  const expected = wasmSource(await compileCore());
  const file = join(root, WASM_SOURCE);
  if (!existsSync(file) || readFileSync(file, "utf8") !== expected) stale.push(WASM_SOURCE);
  if (stale.length > 0) throw new ToolError(`not up to date: ${stale.join(", ")}; run npm run build`);
  // Setting up has just made them so, perhaps; so the comparison that counts is with what is committed.
  const sources = ["assembly", "asconfig.json", "tools/generate-*.mjs"];
  if ((await isCommitted(...sources)) && !(await isCommitted(WASM_SOURCE))) {
    throw new ToolError(`${WASM_SOURCE} is committed in an older state than what it is made of; commit it`);
  }
}

/** The reference and the command's page are what docstrings and help say, and nothing public goes without a docstring. */
async function checkDocs() {
  const stale = await staleDocs();
  if (stale.length > 0) throw new ToolError(`not up to date: ${stale.join(", ")}; run npm run docs`);
}

/** Whether paths are as in the last commit. True where there is no repository, as in an unpacked archive. */
async function isCommitted(...paths) {
  const { code, stdout } = await run("git", ["status", "--porcelain", "--", ...paths]);
  return code !== 0 || stdout === "";
}

/** Deno checks the TypeScript source itself, as its users' programs do when they import it. */
async function checkDenoTypes() {
  const { command } = await findRuntime("deno");
  const { exports } = JSON.parse(readFileSync(join(root, "jsr.json"), "utf8"));
  // Workers alone import WebAssembly.
  const sources = ENTRIES.map(({ source }) => source).filter((source) => !source.includes("workerd"));
  const result = await run(
    command,
    ["check", "--no-lock", "--quiet", ...Object.values(exports), ...sources],
    {
      limitMs: STEP_LIMIT_MS,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    },
  );
  if (result.code !== 0) throw new ToolError(output(result));
}

/** What JSR would be given: whole, with types that are fast to read, and the same release as npm's. */
async function checkJsr() {
  const [manifest, jsr] = ["package.json", "jsr.json"].map((file) =>
    JSON.parse(readFileSync(join(root, file), "utf8")),
  );
  if (jsr.version !== manifest.version) throw new ToolError("jsr.json and package.json differ in version");
  const { command } = await findRuntime("deno");
  const result = await run(command, ["publish", "--dry-run", "--allow-dirty"], {
    limitMs: STEP_LIMIT_MS,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  });
  if (result.code !== 0) throw new ToolError(output(result));
}

/** One entry point with all that it imports. */
async function bundle(entry, options) {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    ...BUNDLE,
    entryPoints: [join(root, entry.source)],
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*", "*.wasm", ...builtinModules],
    minify: true,
    write: false,
    metafile: true,
    ...options,
  });
  return { code: outputFiles[0].text, metafile };
}

const RUNTIME_GLOBALS = ["process", "Buffer", "Deno", "Bun", "require", "__dirname", "__filename"];

/** Portable entry points import no runtime's modules and name none of its globals. */
async function checkPortable() {
  const mark = "__runtime_global_";
  const define = Object.fromEntries(
    RUNTIME_GLOBALS.flatMap((name) => [
      [name, mark + name],
      [`globalThis.${name}`, mark + name],
    ]),
  );
  for (const entry of ENTRIES.filter(({ portable }) => portable)) {
    const { code, metafile } = await bundle(entry, { define });
    const imports = Object.values(metafile.outputs).flatMap((file) => file.imports.map(({ path }) => path));
    const globals = [...new Set(code.match(new RegExp(`${mark}\\w+`, "g")))].map((name) =>
      name.slice(mark.length),
    );
    const allowed = entry.allowedGlobals ?? [];
    const found = [...imports, ...globals.filter((name) => !allowed.includes(name))];
    if (found.length > 0) throw new ToolError(`${entry.name} uses ${found.join(", ")}`);
  }
}

/** What is in the package: what runs, the sources that its maps name, and what README links to. No tests, nobody's data. */
const PACKED = new RegExp(
  `^(${[
    /(README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|package\.json/,
    /dist\/(core\.wasm|THIRD-PARTY\.txt|page\/[\w.-]+|[\w/-]+\.(js|d\.ts)(\.map)?)/,
    /src\/[\w/.-]+\.(ts|tsx|css|html)/,
    /docs\/[\w/.-]+\.(md|png)/,
  ]
    .map(({ source }) => source)
    .join("|")})$`,
);

/** What npm would publish: its exports resolve, with types, in every way that a program can import them. */
async function checkExports() {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/pack-"));
  try {
    const packed = await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder]);
    if (packed.code !== 0) throw new ToolError(output(packed));
    const [{ filename, files }] = JSON.parse(packed.stdout);
    const strange = files.filter(({ path }) => !PACKED.test(path)).map(({ path }) => path);
    if (strange.length > 0) throw new ToolError(`the package has ${strange.join(", ")}`);
    const tarball = join(folder, filename);
    await tool("publint/src/cli.js", ["run", tarball, "--strict"]);
    await tool("@arethetypeswrong/cli/dist/index.js", [
      tarball,
      ...["--profile", "esm-only", "--no-definitely-typed", "--format", "ascii", "--no-emoji"],
      // Not a module: a file to fetch or to compile.
      ...["--exclude-entrypoints", "./core.wasm"],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * What an entry point weighs, in bytes: minified, each of its files gzipped, the WASM core in one of them.
 * @returns `first`, what it takes to begin: the module and all that it imports statically; and `later`, what it loads
 * when that is needed, all of it together
 */
async function weigh(source) {
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    ...BUNDLE,
    absWorkingDir: root,
    entryPoints: [source],
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*", "*.wasm", ...builtinModules],
    minify: true,
    write: false,
    metafile: true,
    splitting: true,
    outdir: join(root, "build/size"),
  });
  const first = loadedWith(metafile, [source]);
  return {
    first: gzippedBytes(outputFiles, (path) => first.has(path)),
    later: gzippedBytes(outputFiles, (path) => !first.has(path)),
  };
}

/** What a browser loads of the chat's page before anybody does anything: its style and its script. */
async function weighPage() {
  const { outputFiles, metafile } = await bundlePage({ write: false, outdir: join(root, "build/size") });
  const folder = "src/apps/chat/page";
  const first = loadedWith(
    metafile,
    ["main.tsx", "page.css"].map((name) => `${folder}/${name}`),
  );
  return gzippedBytes(outputFiles, (path) => first.has(path));
}

async function checkSizes() {
  const sizes = [];
  for (const { name, source, limitBytes } of ENTRIES) {
    const { first, later } = await weigh(source);
    const size = `${name} ${first} of ${limitBytes} bytes gzipped, and ${later} that may be loaded later`;
    if (first > limitBytes) throw new ToolError(size);
    sizes.push(size);
  }
  for (const app of PAGE_APPS) {
    const bytes = await weighApp(app);
    const size = `a page's app, ${app.name}: ${bytes} of ${app.limitBytes} bytes gzipped, all that it loads`;
    if (bytes > app.limitBytes) throw new ToolError(size);
    sizes.push(size);
  }
  const page = await weighPage();
  const size = `the chat's page ${page} of ${PAGE_LIMIT_BYTES} bytes gzipped`;
  if (page > PAGE_LIMIT_BYTES) throw new ToolError(size);
  return `\n    ${[...sizes, size].join("\n    ")}`;
}

await runMain(async () => {
  const { values } = parseArgs({ options: { only: { type: "string" }, help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(`${HELP}\nSteps: ${STEPS.map(({ name }) => name).join(", ")}\n`);
    return 0;
  }
  const wanted = values.only?.split(",");
  const unknown = wanted?.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) throw new ToolError(`--only ${unknown}: see --help for the steps`);
  await setup({ core: false });
  let passed = 0;
  let failed = 0;
  for (const { name, check } of STEPS) {
    if (wanted !== undefined && !wanted.includes(name)) continue;
    try {
      const note = await check();
      passed++;
      console.log(`ok     ${name}${typeof note === "string" ? `: ${note}` : ""}`);
    } catch (error) {
      failed++;
      const details = error instanceof ToolError ? error.message : error.stack;
      console.log(`FAILED ${name}\n${details.trim().replace(/^/gm, "    ")}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
