/** The matrix of cases over pairs of peers; prints what was tried and ends with the count. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CASES } from "./matrix.ts";
import { isPresent, PEERS, type Peer } from "./peers.ts";
import { type Outcome, runTrial } from "./trial.ts";

const OPTIONS = {
  peers: { type: "string" },
  peer: { type: "string", multiple: true },
  cases: { type: "string" },
  "all-pairs": { type: "boolean" },
  verbose: { type: "boolean" },
} as const;

/** Answers the exit status: 0 if every case passed or was not supported, and every peer could be built. */
export async function main(args: string[], source: string): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const startedMs = performance.now();
  const directories = { source, build: join(source, "../../build/interop") };
  mkdirSync(directories.build, { recursive: true });

  const commands = new Map<string, string[]>();
  let failed = 0;
  for (const peer of chosen(values.peers, values.peer ?? [], source)) {
    const buildStartedMs = performance.now();
    try {
      commands.set(peer.name, await peer.prepare(directories));
      console.log(`${peer.name}: ${peer.version} (ready after ${secondsSince(buildStartedMs)} s)`);
    } catch (error) {
      failed++;
      console.log(`${peer.name}: FAILED, cannot be built: ${error instanceof Error ? error.message : error}`);
    }
  }

  const cases = CASES.filter(({ name }) => name.includes(values.cases ?? ""));
  const ours = commands.has("sealgram") && !values["all-pairs"];
  const columns = [...commands.keys()]
    .flatMap((client) => [...commands.keys()].map((server) => ({ client, server })))
    .filter(({ client, server }) => !ours || client === "sealgram" || server === "sealgram");

  const table = new Map<string, Outcome[]>();
  let passed = 0;
  let unsupported = 0;
  for (const trial of cases) {
    const outcomes: Outcome[] = [];
    for (const { client, server } of columns) {
      const cwd = join(source, "certificates");
      const outcome = await runTrial(trial, commands.get(client)!, commands.get(server)!, cwd);
      outcomes.push(outcome);
      if (outcome.kind === "passed") passed++;
      else if (outcome.kind === "unsupported") unsupported++;
      else failed++;
      if (outcome.kind === "failed") {
        console.log(`FAILED ${trial.name}: ${client} to ${server}: ${outcome.reasons.join("; ")}`);
      } else if (values.verbose) {
        const detail = outcome.kind === "passed" ? `${outcome.ms.toFixed(0)} ms` : outcome.reason;
        console.log(`${outcome.kind} ${trial.name}: ${client} to ${server}: ${detail}`);
      }
    }
    table.set(trial.name, outcomes);
  }
  if (columns.length > 0) printTable(columns, table);
  console.log(`${unsupported} not supported by a peer; ${secondsSince(startedMs)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

const secondsSince = (startMs: number): string => ((performance.now() - startMs) / 1000).toFixed(1);

/** `names` of the list above, or its defaults; and `programs`, each NAME=COMMAND of a peer built elsewhere. */
function chosen(names: string | undefined, programs: string[], source: string): Peer[] {
  const wanted = names?.split(",");
  for (const name of wanted ?? []) {
    if (!PEERS.some((peer) => peer.name === name)) throw new RangeError(`no peer is called ${name}`);
  }
  const elsewhere = programs.map((program): Peer => {
    const [name, command] = program.split(/=(.*)/s) as [string, string];
    return { name, version: command, byDefault: true, prepare: async () => command.split(" ") };
  });
  const listed = PEERS.filter((peer) => !elsewhere.some(({ name }) => name === peer.name)).filter((peer) =>
    wanted ? wanted.includes(peer.name) : peer.byDefault && isPresent(peer, source),
  );
  return [...listed, ...elsewhere];
}

const MARKS: Record<Outcome["kind"], string> = { passed: "yes", failed: "FAILED", unsupported: "-" };

/** One row a case; a column for each pair, headed by a letter that a legend explains. */
function printTable(columns: { client: string; server: string }[], table: Map<string, Outcome[]>): void {
  const heads = columns.map((_, column) => String.fromCharCode(65 + column));
  console.log();
  columns.forEach(({ client, server }, column) => {
    console.log(`${heads[column]}: ${client} to ${server}`);
  });
  const width = Math.max(...[...table.keys()].map((name) => name.length));
  const line = (name: string, cells: string[]): string =>
    `| ${name.padEnd(width)} | ${cells.map((cell) => cell.padEnd(6)).join(" | ")} |`;
  console.log();
  console.log(line("", heads));
  console.log(`| ${"-".repeat(width)} | ${heads.map(() => "------").join(" | ")} |`);
  for (const [name, outcomes] of table) {
    console.log(
      line(
        name,
        outcomes.map(({ kind }) => MARKS[kind]),
      ),
    );
  }
  console.log();
}
