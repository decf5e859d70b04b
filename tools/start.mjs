#!/usr/bin/env node
// `npm start`: from a fresh clone to a chat that is open.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildPackage, packageIsFresh } from "./build.mjs";
import { releaseSignals, root, runMain, say } from "./process.mjs";
import { setup } from "./setup.mjs";

const PARENT_INTERVAL_MS = 500;

/** npm passes signals on to the shell between it and this process, and that one dies of them alone. */
function stopWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_INTERVAL_MS);
  timer.unref();
}

await runMain(async () => {
  await setup({ core: false });
  if (!packageIsFresh()) {
    say("build: the package, into dist/ (some seconds)");
    await buildPackage();
  }
  // In this process: there is no other between it and whoever stops it.
  releaseSignals();
  stopWithParent();
  const program = join(root, "dist/cli.js");
  // Of an option that is given twice, the last counts.
  process.argv.splice(1, 1, program, "chat-server", "--folder", join(root, "data/chat"));
  await import(pathToFileURL(program).href);
  return process.exitCode;
});
