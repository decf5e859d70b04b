#!/usr/bin/env node
// `npm run bench`: the same bundle of bench/*.bench.ts on each runtime in turn, figures side by side.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BUNDLE } from "./build.mjs";
import { output, root, run, runMain, say, ToolError } from "./process.mjs";
import { findRuntime, RUNTIMES } from "./runtimes.mjs";
import { setup, setupBenchPeers } from "./setup.mjs";

const DEFAULT_RUNTIMES = ["node20", "node26", "deno", "bun"];
const RUNTIME_LIMIT_MS = 1_800_000;
const benchFolder = join(root, "bench");

const help = (groups) => `Usage: npm run bench [-- options]

Measures on each runtime in turn and prints medians. Run it on a quiet machine.

Options:
  --only LIST      only these groups, separated by commas: ${groups.join(", ")}
  --runtimes LIST  on these runtimes, by default ${DEFAULT_RUNTIMES.join(",")}
  --quick          fewer sizes and shorter rounds
  --json           print one JSON object and nothing else (npm run -s bench -- --json)
  --help
`;

/** The groups that there are: bench/<group>.bench.ts. */
function groupNames() {
  const suffix = ".bench.ts";
  return readdirSync(benchFolder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

function chosen(list, all, option) {
  const names = list.split(",");
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new ToolError(`${option} ${unknown}: there are ${all.join(", ")}`);
  return names;
}

/** One script with the harness and the groups. npm packages stay outside, as they are measured as published. */
async function bundle(groups, folder) {
  const { build } = await import("esbuild");
  const imports = groups.map((name, i) => `import group${i} from "./${name}.bench.ts";`);
  const table = groups.map((name, i) => `${JSON.stringify(name)}: group${i}`);
  const outfile = join(folder, "bench.mjs");
  await build({
    ...BUNDLE,
    stdin: {
      contents: `${imports.join("\n")}\nimport { main } from "./main.ts";\nawait main({ ${table.join(", ")} });\n`,
      resolveDir: benchFolder,
      loader: "ts",
    },
    outfile,
    platform: "neutral",
    packages: "external",
  }).catch((error) => {
    throw new ToolError(`the benchmarks cannot be bundled: ${error.message}`);
  });
  return outfile;
}

/** The lines that a runtime printed, each the figures of one group. */
async function measureOn(runtime, script, { first, quick, json }) {
  const { command, args } = await findRuntime(runtime);
  const mark = "@bench ";
  const lines = [];
  const line = [...args, script, runtime, first ? "first" : "other", quick ? "quick" : "full"];
  const result = await run(command, line, {
    limitMs: RUNTIME_LIMIT_MS,
    // How a benchmark starts a second process of its own kind.
    env: { NO_COLOR: "1", BENCH_COMMAND: JSON.stringify([command, ...line]) },
    onLine: (line) => line.startsWith(mark) && lines.push(JSON.parse(line.slice(mark.length))),
    onErrorLine: (line) => json || say(line),
  });
  if (result.code !== 0) {
    // Without --json its own words are on the terminal already.
    throw new ToolError(`${runtime} failed${json ? `:\n${output({ ...result, stdout: "" })}` : ""}`);
  }
  return lines;
}

// Tables: figures are numbers under names, as deep as a group likes. The innermost names are columns, the ones
// around them rows, and everything further out goes into the heading.

function isRow(figures) {
  return Object.values(figures).every((value) => typeof value === "number");
}

function* tables(heading, figures) {
  const entries = Object.entries(figures);
  if (isRow(figures)) yield { heading, rows: [["", figures]] };
  else if (entries.every(([, value]) => typeof value === "object" && isRow(value)))
    yield { heading, rows: entries };
  else {
    const numbers = entries.filter(([, value]) => typeof value === "number");
    if (numbers.length > 0) yield { heading, rows: [["", Object.fromEntries(numbers)]] };
    for (const [name, value] of entries) {
      if (typeof value === "object") yield* tables([...heading, name], value);
    }
  }
}

/** Times have their ratio to the first row's beside them: how many times as long. */
function printTable({ heading, rows }) {
  const columns = [...new Set(rows.flatMap(([, figures]) => Object.keys(figures)))];
  const isTime = (column) => /_(ns|us|ms|s)$/.test(column);
  const cell = (figures, column) => {
    const value = figures[column];
    if (value === undefined) return "-";
    const first = rows[0][1][column];
    if (rows.length === 1 || !isTime(column) || first === undefined) return `${value}`;
    return `${value}  ${(value / first).toFixed(2).padStart(7)}x`;
  };
  const lines = [
    ["", ...columns],
    ...rows.map(([name, figures]) => [name, ...columns.map((c) => cell(figures, c))]),
  ];
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  console.log(`\n${heading.join(", ")}`);
  for (const line of lines) {
    const cells = line.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])));
    console.log(`  ${cells.join("  ").trimEnd()}`);
  }
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      runtimes: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean" },
    },
  });
  const groups = groupNames();
  if (values.help) {
    process.stdout.write(help(groups));
    return 0;
  }
  const wanted = values.only === undefined ? groups : chosen(values.only, groups, "--only");
  const commandLine = RUNTIMES.filter((name) => name !== "chromium");
  const runtimes =
    values.runtimes === undefined ? DEFAULT_RUNTIMES : chosen(values.runtimes, commandLine, "--runtimes");
  await setup();
  // Without them it measures ours alone.
  if (wanted.includes("echo")) {
    await setupBenchPeers().catch((error) => {
      if (!(error instanceof ToolError)) throw error;
      say(`the benchmarks do without bench/peers: ${error.message}`);
    });
  }
  mkdirSync(join(root, "build"), { recursive: true });
  // Inside the repository, so that the bundle finds node_modules.
  const folder = mkdtempSync(join(root, "build/bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const script = await bundle(wanted, folder);

  const all = {};
  let failed = 0;
  for (const [i, runtime] of runtimes.entries()) {
    try {
      for (const { group, everyRuntime, figures } of await measureOn(runtime, script, {
        first: i === 0,
        ...values,
      })) {
        all[group] ??= {};
        Object.assign(all[group], everyRuntime ? { [runtime]: figures } : figures);
        if (values.json) continue;
        for (const table of tables(everyRuntime ? [group, runtime] : [group], figures)) printTable(table);
      }
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      say(`error: ${error.message}`);
      failed++;
    }
  }
  if (values.json) console.log(JSON.stringify(all));
  return failed === 0 ? 0 : 1;
});
