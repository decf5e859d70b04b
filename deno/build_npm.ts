/**
 * Makes an npm package from the sources with dnt, into build/npm. Only a release runs it, as dnt is on JSR alone and no
 * test can count on reaching that; what it relies on is tested (test/package/sources.test.ts).
 *
 *     deno run -A --no-lock deno/build_npm.ts
 */
import { build, emptyDir } from "jsr:@deno/dnt@0.42.3";
import { nodeSources } from "../tools/build.mjs";

const read = (file: string) => JSON.parse(Deno.readTextFileSync(file));
const { name, version, description, license, engines, dependencies, exports } = read("package.json");

const outDir = "build/npm";
await emptyDir(outDir);

// dnt does not look for versions in package.json.
const importMap = "build/import_map.json";
const imports = Object.entries(dependencies).flatMap(([name, version]) => [
  [name, `npm:${name}@${version}`],
  [`${name}/`, `npm:/${name}@${version}/`],
]);
Deno.writeTextFileSync(importMap, JSON.stringify({ imports: Object.fromEntries(imports) }));

await build({
  // Those of jsr.json are Deno's.
  entryPoints: Object.entries(nodeSources(exports)).map(([name, path]) => ({ name, path: String(path) })),
  outDir,
  importMap,
  shims: {},
  test: false,
  scriptModule: false,
  compilerOptions: { target: "ES2022", lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable"] },
  package: { name, version, description, license, engines, sideEffects: false },
  postBuild() {
    for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) Deno.copyFileSync(file, `${outDir}/${file}`);
  },
});
