/** stdout and stderr that cannot be written, alike in every runtime. */
import process from "node:process";
import { codeOf, ExitCode, Stopped } from "./exit.ts";

let problem: Error | undefined;

/**
 * Prepares stdout and stderr. Whoever reads what happens may stop to: the payload goes on. Who needs stdout looks at its
 * errors as well.
 */
export function prepareStandardStreams(): void {
  for (const stream of [process.stderr, process.stdout]) reportsErrors(stream);
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error) => {
    problem ??= error;
  });
}

/**
 * Settles once all is written.
 * @throws Error, or Stopped if nobody reads, if it cannot be
 */
export async function written(): Promise<void> {
  await new Promise((resolve) => process.stdout.write("", resolve));
  // In Bun the error comes after that.
  await new Promise(setImmediate);
  if (problem !== undefined) throw codeOf(problem) === "EPIPE" ? new Stopped(ExitCode.brokenPipe) : problem;
}

/** Errors become events, as in Node: Deno writes at once, throws, and says nothing of what is written later. */
function reportsErrors(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let failure: Error | undefined;
  stream.write = (...args: unknown[]) => {
    if (failure === undefined) {
      try {
        return write(...args);
      } catch (error) {
        failure = error as Error;
        queueMicrotask(() => stream.emit("error", failure));
      }
    }
    const written = args.at(-1);
    if (typeof written === "function") queueMicrotask(() => written(failure));
    return false;
  };
}
