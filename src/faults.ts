/** Faults of the application's functions: they are its own, and end neither a session nor a server. */
import { SealgramError } from "./errors.ts";

/** Told of a fault. */
export type FaultReport = (error: unknown) => void;

/** What the runtime does with an error that nothing has caught. */
export function uncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** As the application's `onerror`, which may fail itself; as uncaught if there is none. */
export function reportTo<Source>(
  onerror: ((error: unknown, source: Source) => void) | undefined,
): (error: unknown, source: Source) => void {
  if (onerror === undefined) return uncaught;
  return (error, source) => {
    try {
      onerror(error, source);
    } catch (own) {
      uncaught(own);
    }
  };
}

/** Calls a function of the application's: what it throws, or what its promise rejects with, is reported. */
export function call<T>(handler: (value: T) => unknown, value: T, report: FaultReport): void {
  try {
    const result = handler(value);
    if (isThenable(result)) result.then(undefined, report);
  } catch (error) {
    report(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Whether an error is what those see who were at something when the peer went: no fault of theirs. */
export function isWithdrawal(error: unknown): boolean {
  return error instanceof SealgramError || (error instanceof Error && error.name === "AbortError");
}
