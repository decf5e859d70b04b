#!/usr/bin/env node
// `npm run bogo -- RUNNER`: the DTLS 1.3 tests of BoringSSL's protocol test suite against the shim in test/bogo.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root, run, runMain, say, ToolError } from "./process.mjs";
import { setup } from "./setup.mjs";

const HELP = `Usage: npm run bogo -- [options] RUNNER

Runs every DTLS 1.3 test of BoringSSL's test runner, but for those that test/bogo/config.json disables, each with its
reason. RUNNER is the program that "go test -c" makes of BoringSSL's ssl/test/runner. The last line is
"N passed, N failed"; the exit code is 1 if any failed.

Options:
  --test GLOB     only the tests whose names match, several separated by semicolons
  --slow          also the seven tests that exchange 65,536 messages each
  --disabled      also the disabled tests
  --debug         one test at a time, with the bytes of all datagrams
  --loose-errors  any error is good where one is expected
  --workers N     how many tests run at once
  --idle-timeout DURATION  what a test may wait for in silence; 30s unless given
  --help
`;

const CONFIG = "test/bogo/config.json";
const TESTS = "test/bogo/tests.txt";
/** These exhaust the 16-bit message_seq or epoch. */
const SLOW = ["KeyUpdate-Max*", "KeyUpdate-*Overflow-DTLS"];

/** Go's filepath.Match, as far as names of tests need it. */
function matcher(globs) {
  const sources = globs.map((glob) =>
    glob
      .replace(/[.+(){}|\\$]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", "."),
  );
  const pattern = new RegExp(`^(?:${sources.join("|")})$`);
  return (name) => pattern.test(name);
}

/** One executable file: the runner starts it hundreds of times. */
async function bundleShim(folder) {
  const { build } = await import("esbuild");
  const outfile = join(folder, "shim.mjs");
  await build({
    entryPoints: [join(root, "test/bogo/shim.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: "#!/usr/bin/env node" },
    logLevel: "error",
  });
  chmodSync(outfile, 0o755);
  return outfile;
}

/** Runs the runner over these tests, prints all that it says but which have passed, and answers its results. */
async function runTests(runner, names, values) {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/bogo-"));
  const results = join(folder, "results.json");
  const args = [
    "-pipe",
    ...["-shim-path", await bundleShim(folder)],
    ...["-shim-config", join(root, CONFIG)],
    ...["-num-workers", values.debug ? "1" : (values.workers ?? String(availableParallelism()))],
    ...["-idle-timeout", values["idle-timeout"] ?? "30s"],
    ...["-json-output", results],
    ...["-test", names.join(";")],
    ...(values.debug ? ["-debug"] : []),
    ...(values.disabled ? ["-include-disabled"] : []),
    ...(values["loose-errors"] ? ["-loose-errors"] : []),
  ];
  try {
    const { error } = await run(runner, args, {
      // Whatever Node says on its own account would count as an error.
      env: { NODE_NO_WARNINGS: "1" },
      onLine(line) {
        if (values.debug || !/^(PASSED|PASS$|FAIL$)/.test(line)) console.log(line);
      },
      onErrorLine: say,
    });
    if (error !== undefined) throw new ToolError(error.message);
    if (!existsSync(results)) throw new ToolError(`${runner} wrote no results`);
    return JSON.parse(readFileSync(results, "utf8")).tests;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      test: { type: "string" },
      slow: { type: "boolean" },
      disabled: { type: "boolean" },
      debug: { type: "boolean" },
      "loose-errors": { type: "boolean" },
      workers: { type: "string" },
      "idle-timeout": { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length !== 1) throw new ToolError("the path of the runner is missing; see --help");
  const runner = resolve(positionals[0]);
  if (!existsSync(runner)) throw new ToolError(`there is no ${runner}`);
  await setup({ core: false });

  const isSlow = matcher(SLOW);
  const isWanted = matcher(values.test?.split(";") ?? ["*"]);
  const wanted = readFileSync(join(root, TESTS), "utf8").trim().split("\n").filter(isWanted);
  const names = values.slow ? wanted : wanted.filter((name) => !isSlow(name));
  if (names.length === 0) throw new ToolError("no test has such a name");
  const started = performance.now();
  const tests = await runTests(runner, names, values);
  const passed = names.filter((name) => tests[name]?.actual === "PASS").length;
  // A disabled test does not run at all; one that the shim does not implement has to be disabled.
  const failing = names.filter((name) => tests[name] !== undefined && tests[name].actual !== "PASS");
  const disabled = names.length - passed - failing.length;
  for (const name of failing) console.log(`FAILED ${name}`);
  const left = wanted.length - names.length;
  say(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  console.log(`${disabled} disabled${left > 0 ? `, ${left} slow ones left out` : ""}`);
  console.log(`${passed} passed, ${failing.length} failed`);
  return failing.length === 0 ? 0 : 1;
});
