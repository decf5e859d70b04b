// Interop tests over real UDP sockets: `node test/interop/run.mjs [options]`; see README.md.
// Node 20 does not run TypeScript, so the runner is bundled first.
import { fileURLToPath } from "node:url";
import { setup } from "../../tools/setup.mjs";

await setup();
const { build } = await import("esbuild");
const here = fileURLToPath(new URL(".", import.meta.url));
const outfile = fileURLToPath(new URL("../../build/interop/main.mjs", import.meta.url));
await build({
  entryPoints: [`${here}main.ts`],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  logLevel: "warning",
});
const { main } = await import(outfile);
process.exitCode = await main(process.argv.slice(2), here);
