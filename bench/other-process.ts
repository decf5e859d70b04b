import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

// A second process that runs the same bundle on the same runtime, so that each end has a core of its own. Questions go
// in by its standard input and answers come out by its standard output, a line of JSON each.

/** What the second process can be asked for, by name. */
export type Answers = Readonly<Record<string, () => unknown>>;

const MARK = "@answer ";

/** CPU time of a process so far, in microseconds, all threads together. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export class OtherProcess {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  #isClosed = false;

  /** @param role which of the group's {@link Group.roles} it plays */
  constructor(group: string, role: string) {
    const [command, ...args] = JSON.parse(process.env.BENCH_COMMAND!) as [string, ...string[]];
    this.#child = spawn(command, [...args, "role", group, role], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (line.startsWith(MARK)) this.#waiting.shift()!.resolve(JSON.parse(line.slice(MARK.length)));
    });
    this.#child.on("exit", (code) => {
      if (!this.#isClosed) console.error(`the process of ${role} ended with ${code}`);
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${role} ended with ${code}`));
    });
    // Its end is told by "exit"; a pipe that breaks then tells nothing new.
    this.#child.stdin!.on("error", () => {});
  }

  ask<T>(question: string): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      this.#child.stdin!.write(`${question}\n`);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#child.stdin!.end();
  }
}

/** In the second process: answers until its input ends. */
export async function answer(answers: Answers): Promise<void> {
  for await (const question of createInterface({ input: process.stdin })) {
    console.log(`${MARK}${JSON.stringify((await answers[question]!()) ?? null)}`);
  }
  process.exit();
}
