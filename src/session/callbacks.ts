/** Calls of the application's functions: their faults are its own, and the session goes on. */
import { call, type FaultReport } from "../faults.ts";
import type { SessionLog } from "./log.ts";

/** Told whether a datagram has arrived, as far as that is known. */
export type Fate = (hasArrived: boolean) => void;

/** What became of datagrams, told once the work is done in which that was found out: whoever is told may send more. */
export class Fates {
  #known: { readonly fate: Fate; readonly hasArrived: boolean }[] = [];
  #isTelling = false;
  readonly #report: FaultReport;

  constructor(report: FaultReport) {
    this.#report = report;
  }

  add(fate: Fate, hasArrived: boolean): void {
    this.#known.push({ fate, hasArrived });
  }

  /** Tells what is known now; what is found out meanwhile waits for the next time, so that this ends. */
  tell(): void {
    if (this.#known.length === 0 || this.#isTelling) return;
    const known = this.#known;
    this.#known = [];
    this.#isTelling = true;
    for (const { fate, hasArrived } of known) call(fate, hasArrived, this.#report);
    this.#isTelling = false;
  }
}

const logEvents = [
  "packetSent",
  "packetReceived",
  "packetLost",
  "parametersSet",
  "metricsUpdated",
  "mtuUpdated",
  "closed",
] as const satisfies readonly (keyof SessionLog)[];

/** A log that never throws. */
export function guarded(log: SessionLog, report: FaultReport): SessionLog {
  const methods = logEvents.map((name) => {
    const tell = (args: unknown[]) => (log[name] as (...args: unknown[]) => void)(...args);
    return [name, (...args: unknown[]) => call(tell, args, report)];
  });
  return Object.fromEntries(methods) as SessionLog;
}
