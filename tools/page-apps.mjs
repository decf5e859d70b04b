// What the apps of pages weigh: not an entry point by itself, but all that an app which does no more than it says has to
// load, whenever it loads it. test/package/page-apps.test.ts runs them, to see that they load that and nothing else.
import { relative } from "node:path";
import { gzipSync } from "node:zlib";
import { BUNDLE } from "./build.mjs";
import { root } from "./process.mjs";

/** `globalThis.url` is where it connects to; it gives what comes back to `globalThis.answered`. */
const app = (auth, options) => `
import { connect, ${auth.split("(")[0]} } from "sealgram";
const session = await connect(url, { auth: ${auth}, ${options} });
session.ondatagram = (bytes) => answered(new TextDecoder().decode(bytes));
session.sendDatagram(new TextEncoder().encode("hello"));
`;

const PSK = 'psk({ identity: "alice", key: new Uint8Array(32).fill(7) })';
const PASSWORD = 'password({ identity: "bob", password: "correct horse" })';

/** `later` has the sources that it imports dynamically. Browsers without X25519 need that, too, at 18 kB. */
export const PAGE_APPS = [
  {
    name: "datagrams alone, by a pre-shared key",
    source: app(PSK, "streams: false"),
    later: [],
    limitBytes: 60_000,
  },
  {
    name: "datagrams alone, by a password",
    source: app(PASSWORD, "streams: false"),
    later: ["src/login/prover.ts"],
    limitBytes: 77_000,
  },
  {
    name: "streams too, by a pre-shared key",
    source: app(PSK, ""),
    later: ["src/endpoint/streams-link.ts"],
    limitBytes: 85_000,
  },
  {
    name: "streams too, by a password",
    source: app(PASSWORD, ""),
    later: ["src/login/prover.ts", "src/endpoint/streams-link.ts"],
    limitBytes: 101_000,
  },
];

/** As bundlers for browsers do. */
export async function bundleApp({ source }, options) {
  const { build } = await import("esbuild");
  return build({
    ...BUNDLE,
    absWorkingDir: root,
    stdin: { contents: source, resolveDir: root, sourcefile: "app.js" },
    alias: { sealgram: "./src/endpoint/index.ts" },
    platform: "browser",
    minify: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: "build/page-app",
    ...options,
  });
}

/** The files of a bundle that these sources' own files import statically, themselves among them. */
export function loadedWith({ outputs }, sources) {
  const loaded = new Set();
  const load = (path) => {
    if (loaded.has(path) || outputs[path] === undefined) return;
    loaded.add(path);
    for (const { path: imported, kind } of outputs[path].imports) {
      if (kind === "import-statement") load(imported);
    }
  };
  for (const source of sources) {
    load(Object.keys(outputs).find((path) => outputs[path].entryPoint === source));
  }
  return loaded;
}

/** Bytes, each file gzipped. */
export function gzippedBytes(outputFiles, isCounted) {
  return outputFiles
    .filter(({ path }) => isCounted(relative(root, path)))
    .reduce((bytes, { contents }) => bytes + gzipSync(contents, { level: 9 }).length, 0);
}

/** @returns the bytes of all that it loads, gzipped, the WASM core among them */
export async function weighApp(app) {
  const { outputFiles, metafile } = await bundleApp(app);
  const loaded = loadedWith(metafile, ["app.js", ...app.later]);
  return gzippedBytes(outputFiles, (path) => loaded.has(path));
}
