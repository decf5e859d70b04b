#!/usr/bin/env node
// `npm run fuzz`: coverage-guided fuzzing of the targets in test/fuzz/targets.ts.
//
// V8 counts which blocks of the bundled code ran (precise coverage, by way of node:inspector). An input that reaches a
// block for the first time joins the corpus, and what joins is what later inputs are made of. Taking the counts costs
// far more than an input does, so inputs run in batches, and only a batch that found something is run one by one.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { root, runMain, say, ToolError } from "./process.mjs";

const TARGETS = ["records", "messages", "connection"];

const HELP = `Usage: npm run fuzz -- [options]

Fuzzes ${TARGETS.join(", ")} one after the other. Inputs that reach new code are kept and start the next run; one that
fails, hangs or makes memory grow is kept beside them and ends the run with exit code 1. The last line is
"N targets passed, N failed".

Options:
  --target LIST   only these, separated by commas
  --time SECONDS  for each target; 60 unless given
  --seed N        of the mutations; another one each time unless given
  --folder PATH   where inputs are kept; build/fuzz unless given
  --replay FILE   runs one input of the --target, and nothing else
  --help
`;

const MAX_INPUT = 2048;
/** A batch grows until it takes so long. */
const BATCH_MS = 100;
const MAX_BATCH = 1024;
/** A single input that takes longer is a failure. */
const HANG_MS = 10_000;
const MEMORY_LIMIT_BYTES = 1_500_000_000;
const REPORT_MS = 5_000;

async function bundle(folder) {
  const { build } = await import("esbuild");
  const outfile = join(folder, "targets.mjs");
  await build({
    entryPoints: [join(root, "test/fuzz/targets.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
  });
  return outfile;
}

// In the worker: one target, until time is up.

/** mulberry32 */
function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { chance: (p) => next() < p, below: (n) => Math.floor(next() * n) };
}

const INTERESTING = [0, 1, 2, 4, 8, 9, 10, 12, 16, 20, 24, 32, 48, 64, 127, 128, 253, 254, 255];

/** Another input, made of what has been of use before. */
function mutate(corpus, random) {
  let input = [...corpus[random.below(corpus.length)]];
  for (let rounds = 1 + random.below(6); rounds > 0; rounds--) {
    const at = random.below(input.length + 1);
    const length = 1 + random.below(random.chance(0.5) ? 4 : 40);
    switch (random.below(8)) {
      case 0:
        if (at < input.length) input[at] ^= 1 << random.below(8);
        break;
      case 1:
        if (at < input.length) input[at] = INTERESTING[random.below(INTERESTING.length)];
        break;
      case 2:
        if (at < input.length) input[at] = (input[at] + random.below(9) - 4) & 0xff;
        break;
      case 3:
        input.splice(at, length);
        break;
      case 4:
        input.splice(at, 0, ...Array.from({ length }, () => random.below(256)));
        break;
      case 5:
        input.splice(at, 0, ...input.slice(random.below(input.length + 1)).slice(0, length));
        break;
      case 6:
        input.splice(at, 0, ...Array(length).fill(INTERESTING[random.below(INTERESTING.length)]));
        break;
      default: {
        const other = corpus[random.below(corpus.length)];
        const from = random.below(other.length + 1);
        input = [...input.slice(0, at), ...other.slice(from)];
      }
    }
  }
  return Uint8Array.from(input.slice(0, MAX_INPUT));
}

/** The blocks of a script that have run since the last time. */
class Coverage {
  #session = new Session();
  #url;
  /** Blocks by their functions, as they become known: V8 reports one only where its count is not its parent's. */
  #known = new Map();

  constructor(url) {
    this.#url = url;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  #post(method, parameters) {
    let answer;
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }

  take() {
    const blocks = new Set();
    const { result } = this.#post("Profiler.takePreciseCoverage");
    const script = result.find(({ url }) => url === this.#url);
    for (const { ranges } of script?.functions ?? [])
      if (ranges[0].count > 0) this.#addBlocks(ranges, blocks);
    return blocks;
  }

  #addBlocks(ranges, blocks) {
    const start = ranges[0].startOffset;
    let known = this.#known.get(start);
    if (known === undefined) {
      known = new Map();
      this.#known.set(start, known);
    }
    for (const { startOffset, endOffset } of ranges)
      known.set(startOffset * 2 ** 26 + endOffset, startOffset);
    const missed = ranges.filter(({ count }) => count === 0);
    for (const [block, at] of known) {
      if (!missed.some(({ startOffset, endOffset }) => startOffset <= at && at < endOffset))
        blocks.add(block);
    }
  }
}

async function work({ target, file, seed, seconds, corpusFolder, beat, current }) {
  const url = pathToFileURL(file).href;
  const random = randomOf(seed);
  const { targets, beginnings } = await import(url);
  const coverage = new Coverage(url);
  const heart = new Int32Array(beat);
  const shown = new Uint8Array(current);
  const run = (input) => {
    // What the main thread finds here when this one no longer answers.
    shown.set(input, 2);
    shown[0] = input.length >> 8;
    shown[1] = input.length;
    Atomics.add(heart, 0, 1);
    targets[target](input.slice());
  };

  const seen = new Set();
  const corpus = [];
  /** Keeps those of some inputs that reach new blocks, and looks for them by halves. */
  const keepNew = (inputs, isStored) => {
    coverage.take();
    for (const input of inputs) run(input);
    const found = [...coverage.take()].filter((block) => !seen.has(block));
    if (found.length === 0) return;
    if (inputs.length > 1) {
      const middle = inputs.length >> 1;
      keepNew(inputs.slice(0, middle), isStored);
      keepNew(inputs.slice(middle), isStored);
      return;
    }
    for (const block of found) seen.add(block);
    corpus.push(inputs[0]);
    if (!isStored) writeFileSync(join(corpusFolder, nameOf(inputs[0])), inputs[0]);
  };
  keepNew(beginnings[target](), false);
  keepNew(readInputs(corpusFolder), true);

  const started = Date.now();
  let executions = 0;
  let reported = started;
  const report = () => {
    const perSecond = Math.round(executions / Math.max(0.001, (Date.now() - started) / 1000));
    // By message: this thread never rests, and what it writes to stderr would wait for that.
    parentPort.postMessage(
      `${target}: ${executions} inputs, ${perSecond}/s, ${seen.size} blocks, corpus ${corpus.length}`,
    );
  };
  let batchSize = 16;
  while (Date.now() - started < seconds * 1000) {
    const batch = Array.from({ length: batchSize }, () => mutate(corpus, random));
    const batchStarted = Date.now();
    keepNew(batch, false);
    executions += batch.length;
    if (Date.now() - batchStarted < BATCH_MS / 2 && batchSize < MAX_BATCH) batchSize *= 2;
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    if (heapUsed + arrayBuffers > MEMORY_LIMIT_BYTES) throw new Error("memory grows without bound");
    if (Date.now() - reported > REPORT_MS) {
      reported = Date.now();
      report();
    }
  }
  report();
}

function nameOf(input) {
  return createHash("sha256").update(input).digest("hex").slice(0, 16);
}

function readInputs(folder) {
  return readdirSync(folder)
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))));
}

// In the main thread: a worker for each target, and an eye on it.

/** Answers what went wrong, if anything did. */
function fuzz(target, file, folder, seconds, seed) {
  const corpusFolder = join(folder, target, "corpus");
  const failureFolder = join(folder, target, "failures");
  for (const each of [corpusFolder, failureFolder]) mkdirSync(each, { recursive: true });
  const beat = new SharedArrayBuffer(4);
  const current = new SharedArrayBuffer(MAX_INPUT + 2);
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { target, file, seed, seconds, corpusFolder, beat, current },
  });
  return new Promise((resolve) => {
    let last = -1;
    let isOver = false;
    const finish = (problem) => {
      if (isOver) return;
      isOver = true;
      clearInterval(watch);
      void worker.terminate();
      if (problem === undefined) return resolve(true);
      const bytes = new Uint8Array(current);
      const input = bytes.slice(2, 2 + bytes[0] * 256 + bytes[1]);
      const path = join(failureFolder, nameOf(input));
      writeFileSync(path, input);
      say(`${target} failed with ${path} (seed ${seed}): ${problem}`);
      resolve(false);
    };
    const watch = setInterval(() => {
      const now = Atomics.load(new Int32Array(beat), 0);
      if (now === last) finish(`no end within ${HANG_MS / 1000} s`);
      last = now;
    }, HANG_MS);
    worker.on("error", (error) => finish(error.stack));
    worker.on("message", (line) => (line === undefined ? finish(undefined) : say(line)));
    worker.on("exit", (code) => finish(code === 0 ? undefined : `exit code ${code}`));
  });
}

if (isMainThread) {
  await runMain(async () => {
    const { values } = parseArgs({
      options: {
        target: { type: "string" },
        time: { type: "string" },
        seed: { type: "string" },
        folder: { type: "string" },
        replay: { type: "string" },
        help: { type: "boolean" },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const wanted = values.target?.split(",") ?? TARGETS;
    const unknown = wanted.find((name) => !TARGETS.includes(name));
    if (unknown !== undefined) throw new ToolError(`--target ${unknown}: there are ${TARGETS.join(", ")}`);
    const seconds = Number(values.time ?? 60);
    if (!(seconds > 0)) throw new ToolError(`--time ${values.time}: not a number of seconds`);
    const seed = Number(values.seed ?? Date.now() % 2 ** 32);
    const folder = values.folder ?? join(root, "build/fuzz");
    mkdirSync(folder, { recursive: true });
    const file = await bundle(folder);
    if (values.replay !== undefined) {
      const { targets } = await import(pathToFileURL(file).href);
      targets[wanted[0]](new Uint8Array(readFileSync(values.replay)));
      say(`${wanted[0]}: passed`);
      return 0;
    }
    let failed = 0;
    for (const target of wanted) if (!(await fuzz(target, file, folder, seconds, seed))) failed++;
    console.log(`${wanted.length - failed} targets passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  });
} else {
  await work(workerData);
  parentPort.postMessage(undefined);
}
