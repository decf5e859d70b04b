#!/usr/bin/env node
// `npm run build`: assembly/ and src/ -> dist/, the content of the npm package.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundledPackages } from "./build-bundled.mjs";
import { buildCore, WASM } from "./build-core.mjs";
import { buildPage } from "./build-page.mjs";
import { notices } from "./notices.mjs";
import { output, root, run, runMain, say, ToolError } from "./process.mjs";
import { setup } from "./setup.mjs";

const HELP = `Usage: npm run build [-- --help]

Builds dist/: the WASM core from assembly/ (and src/core/wasm.ts, which is committed), a bundle for each entry
point, their declarations, the sealgram command, and the chat's page.
`;

/**
 * Every entry point of the package: `dist/<name>.js` is bundled from `source`. A portable one runs anywhere and
 * so may use no runtime's own API. `limitBytes` is what it may weigh, minified and gzipped, with the WASM core and all
 * that it imports to begin with; what it loads when that is needed (ML-KEM, or SPAKE2+) comes on top.
 * package.json's "exports" name the same files.
 */
export const ENTRIES = [
  { name: "index", source: "src/endpoint/index.ts", portable: true, limitBytes: 63_000 },
  { name: "node", source: "src/endpoint/node-index.ts", portable: false, limitBytes: 80_000 },
  { name: "deno", source: "src/endpoint/deno-index.ts", portable: false, limitBytes: 80_000 },
  { name: "bun", source: "src/endpoint/bun-index.ts", portable: false, limitBytes: 80_000 },
  { name: "workerd", source: "src/endpoint/workerd-index.ts", portable: false, limitBytes: 65_000 },
  { name: "core/index", source: "src/core/index.ts", portable: true, limitBytes: 20_000 },
  { name: "crypto/index", source: "src/crypto/index.ts", portable: true, limitBytes: 30_000 },
  {
    name: "crypto/certificate",
    source: "src/crypto/certificate-index.ts",
    portable: true,
    // The X.509 library asks whether there is one.
    allowedGlobals: ["Buffer"],
    limitBytes: 95_000,
  },
  { name: "crypto/node", source: "src/crypto/node-index.ts", portable: false, limitBytes: 30_000 },
  { name: "dtls/index", source: "src/dtls/index.ts", portable: true, limitBytes: 45_000 },
  { name: "gateway/node", source: "src/gateway/node-index.ts", portable: false, limitBytes: 110_000 },
  { name: "gateway/deno", source: "src/gateway/deno-index.ts", portable: false, limitBytes: 110_000 },
  { name: "gateway/bun", source: "src/gateway/bun-index.ts", portable: false, limitBytes: 110_000 },
  { name: "session/index", source: "src/session/index.ts", portable: true, limitBytes: 30_000 },
  { name: "chat/index", source: "src/apps/chat/client/index.ts", portable: true, limitBytes: 82_000 },
  { name: "chat/node", source: "src/apps/chat/client/node-index.ts", portable: false, limitBytes: 82_000 },
  { name: "chat/deno", source: "src/apps/chat/client/deno-index.ts", portable: false, limitBytes: 82_000 },
  { name: "chat/bun", source: "src/apps/chat/client/bun-index.ts", portable: false, limitBytes: 82_000 },
  {
    name: "chat/server/node",
    source: "src/apps/chat/server/node-index.ts",
    portable: false,
    limitBytes: 125_000,
  },
  {
    name: "chat/server/deno",
    source: "src/apps/chat/server/deno-index.ts",
    portable: false,
    limitBytes: 125_000,
  },
  {
    name: "chat/server/bun",
    source: "src/apps/chat/server/bun-index.ts",
    portable: false,
    limitBytes: 125_000,
  },
  { name: "login/index", source: "src/login/index.ts", portable: true, limitBytes: 40_000 },
  { name: "login/node", source: "src/login/node-file-store.ts", portable: false, limitBytes: 40_000 },
];

/** Of package.json's exports, the sources that are Node's, by path: what dnt makes an npm package of (deno/build_npm.ts). */
export function nodeSources(exports) {
  const sources = Object.entries(exports).flatMap(([path, { node, default: portable }]) =>
    ENTRIES.filter(({ name }) => `./dist/${name}.js` === (node ?? portable)).map(({ source }) => [
      path,
      source,
    ]),
  );
  return Object.fromEntries(sources);
}

/** The command: nothing to import, so it has no declarations. */
export const PROGRAM = { name: "cli", source: "src/cli/main.ts" };

/**
 * Packages that are part of the command, with all that they import, and so no dependencies of the library. Others stay
 * what they are.
 */
export const BUNDLED = ["ink", "qr", "react", "string-width"];

/** What esbuild needs to know of the library, in every bundle made of it. */
export const BUNDLE = { bundle: true, format: "esm", target: "es2022", logLevel: "silent" };

const DIST = join(root, "dist");
/** As old as what is in dist/. */
const STAMP = join(root, "build/dist.stamp");

/** Whether dist/ is whole, and nothing that it is made of has changed since. */
export function packageIsFresh() {
  if (!existsSync(STAMP) || !existsSync(join(DIST, `${PROGRAM.name}.js`))) return false;
  const builtMs = statSync(STAMP).mtimeMs;
  const sources = ["assembly", "src", "tools"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
  );
  const manifests = ["package.json", "package-lock.json", "tsconfig.json"].map((name) => join(root, name));
  return [...sources, ...manifests].every((path) => statSync(path).mtimeMs < builtMs);
}

/** @param dist what is in that folder is lost */
export async function buildPackage(dist = DIST) {
  if (dist === DIST) rmSync(STAMP, { force: true });
  const wasm = await buildCore();
  rmSync(dist, { recursive: true, force: true });
  const bundles = [await bundleEntries(dist), await buildPage(join(dist, "page"))];
  writeFileSync(join(dist, "THIRD-PARTY.txt"), notices(bundles));
  await writeDeclarations(dist);
  copyFileSync(join(root, WASM), join(dist, "core.wasm"));
  chmodSync(join(dist, `${PROGRAM.name}.js`), 0o755);
  if (dist === DIST) writeFileSync(STAMP, "");
  return { wasmBytes: wasm.length };
}

/** All that runs, in a folder anywhere in the repository. @returns esbuild's account of it */
export async function bundleEntries(outdir) {
  const { build } = await import("esbuild");
  const { metafile } = await build({
    ...BUNDLE,
    absWorkingDir: root,
    metafile: true,
    entryPoints: [...ENTRIES, PROGRAM].map(({ name, source }) => ({ in: join(root, source), out: name })),
    outdir,
    // What two entries share is one module, so that a class is the same class in both.
    splitting: true,
    chunkNames: "shared/[name]-[hash]",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*"],
    define: { "process.env.NODE_ENV": '"production"' },
    sourcemap: true,
    plugins: [bundledPackages(BUNDLED)],
  }).catch((error) => {
    throw new ToolError(`esbuild cannot bundle the entry points: ${error.message}`);
  });
  return metafile;
}

async function writeDeclarations(outDir) {
  const config = join(root, "build/tsconfig.declarations.json");
  mkdirSync(join(root, "build"), { recursive: true });
  const files = ENTRIES.map(({ source }) => `../${source}`);
  writeFileSync(config, JSON.stringify({ extends: "../tsconfig.build.json", include: [], files }, null, 2));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const result = await run(process.execPath, [tsc, "-p", config, "--outDir", outDir]);
  if (result.code !== 0) throw new ToolError(`tsc cannot write the declarations:\n${output(result)}`);
  nameSources(outDir);
}

/** Where the package has the sources of its declarations: in src/ beside dist/, wherever that was built. */
function nameSources(dist) {
  for (const name of readdirSync(dist, { recursive: true }).filter((each) => each.endsWith(".d.ts.map"))) {
    const file = join(dist, name);
    const source = join(dist, "../src", name.replace(/\.d\.ts\.map$/, ".ts"));
    const map = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...map, sources: [relative(dirname(file), source)] }));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({ options: { help: { type: "boolean" } } });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    await setup({ core: false });
    const { wasmBytes } = await buildPackage();
    say(`built dist/: ${ENTRIES.map(({ name }) => `${name}.js`).join(", ")}, core.wasm (${wasmBytes} bytes)`);
    return 0;
  });
}
