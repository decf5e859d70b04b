/** Signals, as an AbortSignal: a command that is told to end says goodbye to its peers first. */
import process from "node:process";
import { onAbort } from "../abort.ts";
import { ExitCode, Stopped } from "./exit.ts";

const codes = {
  SIGINT: ExitCode.interrupted,
  SIGTERM: ExitCode.terminated,
  SIGHUP: ExitCode.hangup,
} as const;

/** Aborted, with {@link Stopped}, by the first signal. A second one ends the process as if nobody listened. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const handlers = Object.entries(codes).map(([name, exitCode]) => {
    const handler = () => {
      for (const [other, listener] of handlers) process.off(other, listener);
      controller.abort(new Stopped(exitCode));
    };
    return [name, handler] as const;
  });
  for (const [name, handler] of handlers) process.on(name, handler);
  return controller.signal;
}

/** Rejects with the signal's reason. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => onAbort(signal, () => reject(signal.reason)));
}
