#!/usr/bin/env node
// `npm start`: from a fresh clone to Sealgram at work.
import { join } from "node:path";
import { buildPackage } from "./build.mjs";
import { root, run, runMain, say } from "./process.mjs";
import { setup } from "./setup.mjs";

await runMain(async () => {
  await setup({ core: false });
  await buildPackage();
  say("Sealing and opening DTLS 1.3 records, ours against other libraries, on each runtime that npm brings.");
  const bench = join(root, "tools/bench.mjs");
  const { code } = await run(process.execPath, [bench, "--only", "record", "--quick"], { inherit: true });
  return code ?? 1;
});
