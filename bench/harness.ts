// Times operations against each other: every case is verified, warmed up, and then measured in rounds that take all
// cases in turn, so that a machine which gets slower or faster for a while does so for all of them.

import type { Answers } from "./other-process.ts";

/** One way to do an operation. */
export interface Case {
  readonly name: string;
  /** Throws unless the operation does what it claims. Called once, before anything is timed. */
  verify(): void | Promise<void>;
  /** Readies the next `run(count)`, outside the clock. */
  prepare?(count: number): void | Promise<void>;
  /** Does the operation `count` times. The loop is the case's own, so that no call is added to what is timed. */
  run(count: number): void | Promise<void>;
  /** The most that `run` is asked for at once. */
  readonly maxCount?: number;
}

/** Microseconds an operation. */
export interface Timing {
  readonly medianUs: number;
  readonly minUs: number;
}

export interface MeasureOptions {
  /** Times that each case gets its turn. */
  readonly rounds: number;
  /** Milliseconds on the clock of one case in one round. */
  readonly roundMs: number;
  /** Milliseconds of warm-up at least, long enough for an engine's last tier. */
  readonly warmUpMs: number;
}

/** What a group of benchmarks answers: numbers under names, as deep as it likes. Units are in the names. */
export interface Figures {
  readonly [name: string]: number | Figures;
}

/** What a group is told. */
export interface Context {
  readonly runtime: string;
  /** Asked for in a hurry: fewer sizes, shorter rounds. */
  readonly quick: boolean;
  measure(cases: readonly Case[]): Promise<ReadonlyMap<string, Timing>>;
}

/** The default export of a `*.bench.ts`, whose file name is the group's. */
export interface Group {
  /** Whether its figures are per runtime. If not, it runs on the first runtime only. */
  readonly everyRuntime: boolean;
  run(context: Context): Promise<Figures>;
  /** What else it measures that is not per runtime: if the first runtime is Node, beside the figures of `run`. */
  runOnce?(context: Context): Promise<Figures>;
  /** What its other processes do, by name; see other-process.ts. */
  readonly roles?: Readonly<Record<string, (runtime: string) => Promise<Answers>>>;
}

/** Measures cases against each other. The answer has their names, in their order. */
export async function measure(
  cases: readonly Case[],
  options: MeasureOptions,
): Promise<ReadonlyMap<string, Timing>> {
  for (const one of cases) {
    try {
      await one.verify();
    } catch (cause) {
      throw new Error(`${one.name} does not do what it claims`, { cause });
    }
  }
  const meters: Meter[] = [];
  for (const one of cases) {
    const meter = new Meter(one);
    await meter.warmUp(options.warmUpMs);
    meters.push(meter);
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const meter of meters) meter.rounds.push(await meter.time(options.roundMs));
  }
  return new Map(meters.map((meter) => [meter.case.name, summarize(meter.rounds)]));
}

class Meter {
  readonly case: Case;
  readonly rounds: number[] = [];
  #count = 1;

  constructor(one: Case) {
    this.case = one;
  }

  /** Runs for `leastMs`, and then on until two turns agree within 3 %, up to five times as long. */
  async warmUp(leastMs: number): Promise<void> {
    const turnMs = leastMs / 4;
    let last = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 20; turn++) {
      const us = await this.time(turnMs);
      if (turn >= 3 && Math.abs(us / last - 1) < 0.03) return;
      last = us;
    }
  }

  /** Microseconds an operation, over `ms` on the clock. */
  async time(ms: number): Promise<number> {
    const { case: one } = this;
    let operations = 0;
    let elapsedMs = 0;
    while (elapsedMs < ms) {
      const count = this.#count;
      await one.prepare?.(count);
      const start = performance.now();
      const pending = one.run(count);
      // Awaiting costs a turn of the microtask queue, which synchronous cases do not owe.
      if (pending !== undefined) await pending;
      const took = performance.now() - start;
      elapsedMs += took;
      operations += count;
      // A turn of a millisecond or more is long against the clock's resolution, short against interruptions.
      if (took < 1) this.#count = Math.min(count * 2, one.maxCount ?? Number.POSITIVE_INFINITY);
    }
    return (elapsedMs * 1000) / operations;
  }
}

function summarize(rounds: readonly number[]): Timing {
  return { medianUs: median(rounds), minUs: Math.min(...rounds) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A figure with four significant digits, which is more than a run can promise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
