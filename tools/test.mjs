#!/usr/bin/env node
// `npm test`: the unit tests in the current Node, the runtime suite on every runtime, and the chat as it is built.
import { createHash, randomInt, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundleEntries } from "./build.mjs";
import { buildPage } from "./build-page.mjs";
import { outsidePrograms } from "./outside.mjs";
import { output, root, run, runMain, say, ToolError } from "./process.mjs";
import { findRuntime, RUNTIMES } from "./runtimes.mjs";
import { setup } from "./setup.mjs";

const HELP = `Usage: npm test [-- options]

Installs and builds what is missing, then runs
  vitest       the unit tests, in the Node that runs this
  ${RUNTIMES.join(" ")}
               the runtime suite (test/runtime/*.suite.ts): bundled, and unbuilt where the runtime
               runs TypeScript; with chromium also an app in a page (test/browser)
  chat         the chat as it is built: its page, and everybody in one room (test/browser, test/end-to-end)
The last line is "N passed, N failed". The exit code is 1 if anything failed or a runtime could not be had.

Options:
  --only LIST  only these of the above, separated by commas
  --help

Chromium is the program that CHROMIUM names, or chromium in PATH; root on Debian gets it installed by apt-get.
`;

const suiteFolder = join(root, "test/runtime");
const VITEST_LIMIT_MS = 1_200_000;
const RUNTIME_LIMIT_MS = 240_000;
const RUNS_TYPESCRIPT = ["node24", "node26", "deno", "bun"];

/** A folder for this run alone, gone when it ends. Inside the repository, so that bundles find node_modules. */
function makeScratch() {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/test-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function* runAll(wanted, scratch) {
  if (wanted.includes("vitest")) yield runVitest(join(scratch, "vitest.json"));
  yield* testRuntimes(wanted, scratch);
  if (wanted.includes("chat")) yield* testChat(scratch);
}

async function* testRuntimes(wanted, scratch) {
  const runtimes = RUNTIMES.filter((name) => wanted.includes(name));
  if (runtimes.length === 0) return;
  const bundles = await bundleSuites(scratch);
  const end = new AbortController();
  try {
    const outside = await startOutside(bundles.outside, end.signal);
    const trust = trustIn(outside, scratch);
    for (const runtime of runtimes) yield* testRuntime(runtime, bundles, outside, trust);
    if (runtimes.includes("chromium")) yield testPage(bundles.app, outside);
  } finally {
    end.abort();
  }
}

/** Starts the servers and gateways that the suites need beside them. Resolves to where they are, as JSON. */
async function startOutside(program, signal) {
  const programs = JSON.stringify(await outsidePrograms());
  return new Promise((resolve, reject) => {
    const running = run(process.execPath, [program, programs], { onLine: resolve, signal });
    running.then((result) => reject(new ToolError(`the servers of the suite ended:\n${output(result)}`)));
  });
}

/** What makes runtimes trust the certificates that the gateways in `outside` have made themselves, and no others. */
function trustIn(outside, scratch) {
  const certificates = Object.values(JSON.parse(outside).servers).map(({ secure }) => secure.certificate);
  const file = join(scratch, "certificates.pem");
  writeFileSync(file, certificates.join(""));
  const keyHashes = certificates.map((certificate) => {
    const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(key).digest("base64");
  });
  return {
    env: { NODE_EXTRA_CA_CERTS: file, DENO_CERT: file },
    chromium: [`--ignore-certificate-errors-spki-list=${keyHashes.join()}`],
  };
}

function summarize(label, { passed, failed }) {
  console.log(`${failed === 0 ? "ok    " : "FAILED"} ${label}: ${passed} passed, ${failed} failed`);
  return { passed, failed };
}

async function runVitest(reportFile) {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const { code, timedOut } = await run(process.execPath, [vitest, "run", "--project", "unit", ...reporters], {
    inherit: true,
    limitMs: VITEST_LIMIT_MS,
  });
  if (timedOut) say(`vitest did not end in ${VITEST_LIMIT_MS / 1000} s and was killed`);
  const result = readVitestReport(reportFile);
  // An error outside any test fails the run without failing a test.
  if (code !== 0 && result.failed === 0) result.failed = 1;
  return summarize("vitest", result);
}

function readVitestReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    say("vitest left no report");
    return { passed: 0, failed: 1 };
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) say(`${skipped} tests were skipped, which counts as failed`);
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + skipped + unloaded.length };
}

function suiteFiles() {
  return readdirSync(suiteFolder).filter((name) => name.endsWith(".suite.ts"));
}

/** Bundles all suites, once for the command line and once for a page. */
async function bundleSuites(scratch) {
  const { build } = await import("esbuild");
  const bundle = (files, outfile, options) =>
    build({
      stdin: {
        contents: files.map((file) => `import "./${file}";`).join("\n"),
        resolveDir: suiteFolder,
        loader: "ts",
      },
      outfile,
      bundle: true,
      // package.json declares the library free of side effects; the suites and their main are nothing but.
      ignoreAnnotations: true,
      format: "esm",
      target: "es2022",
      sourcemap: "inline",
      logLevel: "silent",
      ...options,
    }).catch((error) => {
      throw new ToolError(`the runtime suite cannot be bundled: ${error.message}`);
    });
  const program = join(scratch, "suites.mjs");
  const page = join(scratch, "suites.browser.mjs");
  const outside = join(scratch, "outside.mjs");
  const app = join(scratch, "app.browser.mjs");
  const portable = { platform: "neutral", mainFields: ["module", "main"], external: ["node:*", "ws"] };
  await bundle([...suiteFiles(), "main.ts"], program, portable);
  await bundle([...suiteFiles(), "main.browser.ts"], page, { platform: "browser" });
  await bundle(["outside.main.ts"], outside, portable);
  await bundle(["../browser/app.ts"], app, { platform: "browser" });
  return { program, page, outside, app };
}

async function* testRuntime(runtime, bundles, outside, trust) {
  let found;
  try {
    found = await findRuntime(runtime);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    say(`${runtime} could not be had: ${error.message}`);
    yield summarize(runtime, { passed: 0, failed: 1 });
    return;
  }
  if (runtime === "chromium") {
    yield testInChromium(found.command, bundles.page, outside, trust.chromium);
    return;
  }
  yield testOnCommandLine(`${runtime}, bundle`, found, [bundles.program, runtime], outside, trust.env);
  if (RUNS_TYPESCRIPT.includes(runtime)) {
    const suites = suiteFiles().map((file) => pathToFileURL(join(suiteFolder, file)).href);
    const script = [join(suiteFolder, "main.ts"), runtime, ...suites];
    yield testOnCommandLine(`${runtime}, source`, found, script, outside, trust.env);
  }
}

async function testOnCommandLine(label, { command, args }, script, outside, env) {
  const reader = new EventReader();
  const result = await run(command, [...args, ...script], {
    limitMs: RUNTIME_LIMIT_MS,
    env: { NO_COLOR: "1", SEALGRAM_OUTSIDE: outside, ...env },
    onLine: (line) => reader.read(line),
  });
  if (result.code === 0) return reader.finish(label, undefined);
  const how = result.timedOut ? `killed after ${RUNTIME_LIMIT_MS / 1000} s` : `exit code ${result.code}`;
  return reader.finish(
    label,
    `${how}\n${output({ ...result, timedOut: false, stdout: reader.otherOutput })}`,
  );
}

async function testInChromium(executablePath, page, outside, args) {
  const { runInChromium } = await import("./chromium.mjs");
  const reader = new EventReader();
  const { timedOut, error } = await runInChromium({
    executablePath,
    args,
    script: `globalThis.outside = ${outside};\n${readFileSync(page, "utf8")}`,
    onLine: (line) => reader.read(line),
    isLast: () => reader.ended,
    limitMs: RUNTIME_LIMIT_MS,
  });
  return reader.finish("chromium", timedOut ? `stopped after ${RUNTIME_LIMIT_MS / 1000} s` : error);
}

/** The browser app of test/browser, as its user sees it. */
async function testPage(script, outside) {
  const { testApp } = await import("../test/browser/app.test.mjs");
  return testOne("chromium, an app", async () => {
    const { command } = await findRuntime("chromium");
    await testApp(command, readFileSync(script, "utf8"), JSON.parse(outside));
  });
}

/** The chat as its users have it: the built command and the built page. */
async function* testChat(scratch) {
  const dist = join(scratch, "dist");
  const cli = join(dist, "cli.js");
  const program = join(scratch, "end-to-end.mjs");
  await bundleEntries(dist);
  await buildPage(join(dist, "page"));
  yield* testChatPage(cli);
  yield testOne("chat, everybody in one room", async () => {
    const { build } = await import("esbuild");
    const entry = join(root, "test/end-to-end/chat.ts");
    const asProgram = { bundle: true, format: "esm", platform: "node", packages: "external" };
    await build({ ...asProgram, entryPoints: [entry], outfile: program, logLevel: "silent" });
    const { testChatEverywhere } = await import(pathToFileURL(program));
    const commandOf = async (runtime) => {
      const { command, args } = await findRuntime(runtime);
      return [command, ...args, cli];
    };
    const [deno, bun, { command: browser }] = await Promise.all([
      commandOf("deno"),
      commandOf("bun"),
      findRuntime("chromium"),
    ]);
    const commands = { node: [process.execPath, cli], deno, bun };
    const seed = Number(process.env.SEALGRAM_SEED ?? randomInt(1 << 30));
    say(`everybody in one room: SEALGRAM_SEED=${seed}`);
    await testChatEverywhere({ commands, browser, pageFolder: join(dist, "page") }, seed);
  });
}

/** The chat's page, as people see it. */
async function* testChatPage(cli) {
  const { chatPageTests, openBrowser } = await import("../test/browser/chat/index.mjs");
  const { command } = await findRuntime("chromium");
  const browser = await openBrowser(command);
  try {
    for (const [name, test] of Object.entries(chatPageTests)) {
      yield testOne(`chat, the page: ${name}`, () => test({ browser, cli }));
    }
  } finally {
    await browser.close();
  }
}

/** A test that passes unless it throws. */
async function testOne(label, test) {
  const result = { passed: 0, failed: 0 };
  try {
    await test();
    result.passed++;
  } catch (error) {
    result.failed++;
    say(`not ok: ${label}\n${error.stack.replace(/^/gm, "    ")}`);
  }
  return summarize(label, result);
}

/** Counts the events of test/runtime/harness.ts, one to a line, and prints the failures as they come. */
class EventReader {
  passed = 0;
  failed = 0;
  ended = false;
  otherOutput = "";
  #current;

  read(line) {
    const mark = "@test ";
    if (!line.startsWith(mark)) {
      this.otherOutput += `${line}\n`;
      return;
    }
    const event = JSON.parse(line.slice(mark.length));
    this.#current = event.type === "start" ? event.name : undefined;
    if (event.type === "passed") this.passed++;
    if (event.type === "failed") {
      this.failed++;
      say(`not ok: ${event.name}\n${event.error.replace(/^/gm, "    ")}`);
    }
    if (event.type === "end") this.ended = true;
  }

  /** @param problem How the runtime ended, unless it ended well. */
  finish(label, problem) {
    const where = this.#current === undefined ? "" : ` during "${this.#current}"`;
    // A runtime that ends badly after failed tests only repeats them.
    const broken =
      !this.ended || this.passed + this.failed === 0 || (problem !== undefined && this.failed === 0);
    if (broken) {
      say(`${label}: the suite did not run to its end${where}: ${(problem ?? "it ended early").trim()}`);
      this.failed++;
    }
    return summarize(label, this);
  }
}

await runMain(async () => {
  const { values } = parseArgs({ options: { only: { type: "string" }, help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const all = ["vitest", ...RUNTIMES, "chat"];
  const wanted = values.only?.split(",") ?? all;
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new ToolError(`--only ${unknown}: there are ${all.join(", ")}`);

  const total = { passed: 0, failed: 0 };
  const scratch = makeScratch();
  try {
    await setup();
    for await (const { passed, failed } of runAll(wanted, scratch)) {
      total.passed += passed;
      total.failed += failed;
    }
  } catch (error) {
    say(error instanceof ToolError ? `FAILED: ${error.message}` : error.stack);
    total.failed++;
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});
