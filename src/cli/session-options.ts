/** Options of the commands that have sessions. */
import { appendFileSync, closeSync, fstatSync, openSync } from "node:fs";
import process from "node:process";
import type { CommonOptions } from "../endpoint/options.ts";
import type { Session } from "../endpoint/session.ts";
import type { RemoteAddress } from "../transport/types.ts";
import { codeOf, UsageError } from "./exit.ts";
import { qlogTo } from "./qlog-file.ts";
import type { Report } from "./report.ts";
import { warnIfReadable } from "./secrets.ts";

export const statsOptions = {
  stats: { type: "boolean" },
  "stats-interval": { type: "string" },
} as const;

export const STATS_HELP = `  --stats                counters at the end
  --stats-interval SECONDS  and as often
`;

export const sessionOptions = {
  timeout: { type: "string" },
  "idle-timeout": { type: "string" },
  keylog: { type: "string" },
  qlog: { type: "string" },
  stats: { type: "boolean" },
  "stats-interval": { type: "string" },
} as const;

export const SESSION_HELP: string = `  --timeout SECONDS      for each handshake: 10
  --idle-timeout SECONDS ends a session that has been silent for so long: 300, 0 for never
  --keylog FILE          appends the secrets of all sessions, for Wireshark; so does SSLKEYLOGFILE
  --qlog FILE            writes what happens on sessions with streams as qlog (JSON-SEQ), without any contents;
                         group_id numbers the sessions
${STATS_HELP}`;

export interface SessionValues extends StatsValues {
  readonly timeout?: string | undefined;
  readonly "idle-timeout"?: string | undefined;
  readonly keylog?: string | undefined;
  readonly qlog?: string | undefined;
  /** A peer without streams is refused. */
  readonly stream?: boolean | undefined;
}

export interface StatsValues {
  readonly stats?: boolean | undefined;
  readonly "stats-interval"?: string | undefined;
}

/** Timers take 31 bits of milliseconds. */
const MAX_SECONDS = 2_147_483;

/** A number of seconds as milliseconds; `undefined` for an option that is not given. */
export function milliseconds(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(value)) throw new UsageError(`${option} takes a number of seconds`);
  const seconds = Number(value);
  if (seconds > MAX_SECONDS) throw new UsageError(`${option} is ${MAX_SECONDS} seconds at most`);
  return seconds * 1000;
}

/** What `connect` and `listen` have in common, but for who one is. */
export function endpointOptions(
  values: SessionValues,
  role: "client" | "server",
  report: Report,
): Pick<CommonOptions, "idleTimeoutMs" | "keyLog" | "streams"> {
  const idleTimeoutMs = milliseconds("--idle-timeout", values["idle-timeout"]);
  // Its mistakes are to be found out before anything is opened.
  milliseconds("--stats-interval", values["stats-interval"]);
  const { qlog, stream: required } = values;
  const streams = {
    ...(required ? { required } : {}),
    ...(qlog === undefined ? {} : { log: qlogTo(qlog, role, report) }),
  };
  const logs = keyLogs(values.keylog, report);
  return {
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(logs.length === 0 ? {} : { keyLog: (line) => logs.forEach((log) => void log(line)) }),
    ...(Object.keys(streams).length === 0 ? {} : { streams }),
  };
}

function keyLogs(path: string | undefined, report: Report): ((line: string) => void)[] {
  const { SSLKEYLOGFILE: ofEnvironment } = process.env;
  // The library would warn of this one in words that are no event.
  delete process.env.SSLKEYLOGFILE;
  const logs: ((line: string) => void)[] = [];
  try {
    if (path !== undefined) logs.push(keyLogTo(path, report));
  } catch (error) {
    throw new UsageError(`${path} cannot be written (${codeOf(error) ?? "failed"})`);
  }
  try {
    if (ofEnvironment) logs.push(keyLogTo(ofEnvironment, report));
  } catch (error) {
    warnOfKeyLog(ofEnvironment!, error, report);
  }
  return logs;
}

/** @throws Error if it cannot be written: now, and not in the middle of a handshake, is the time to find out */
function keyLogTo(path: string, report: Report): (line: string) => void {
  const file = openSync(path, "a", 0o600);
  warnIfReadable(fstatSync(file), path, report);
  closeSync(file);
  let isWarned = false;
  return (line) => {
    try {
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    } catch (error) {
      // A disk may be full only later. That is no reason to end sessions.
      if (!isWarned) warnOfKeyLog(path, error, report);
      isWarned = true;
    }
  };
}

function warnOfKeyLog(path: string, error: unknown, report: Report): void {
  report.warn("unwritable_key_log", `${path} cannot be written (${codeOf(error) ?? "failed"})`);
}

/** What the library calls a mistake of its caller's is one on the command line. */
export async function usageChecked<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** Reports counters as often as asked for. The function that it returns stops that, and reports them at the end. */
export function reportStats(
  values: StatsValues,
  report: Report,
  read: () => Promise<object> | object,
): () => Promise<void> {
  const intervalMs = milliseconds("--stats-interval", values["stats-interval"]);
  const tell = async () => {
    const stats = await read();
    report.event("stats", { ...stats }, describe(stats));
  };
  const timer = intervalMs ? setInterval(() => void tell(), intervalMs) : undefined;
  return async () => {
    clearInterval(timer);
    if (values.stats || intervalMs !== undefined) await tell();
  };
}

function describe(stats: object): string {
  return Object.entries(stats)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${JSON.stringify(value, rounded)}`)
    .join(" ");
}

/** For people: hundredths of a millisecond say enough. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 100) / 100 : value;
}

/** Says who has come, and how it was agreed upon. */
export function reportSession(report: Report, name: string, session: Session): void {
  const { peer, handshake } = session;
  const { cipherSuite, handshakeMs, resumed } = handshake;
  const fields = {
    peer: peer === undefined ? null : { kind: peer.kind, identity: peer.identity },
    address: addressOf(session.remoteAddress),
    cipherSuite,
    resumed,
    handshakeMs: Math.round(handshakeMs),
  };
  report.event(name, fields, `${name}: ${nameOf(session)}, ${cipherSuite}`);
}

/** Who the peer is, as far as it is known, and where. */
export function nameOf({ peer, remoteAddress }: Session): string {
  const address = addressOf(remoteAddress);
  return peer === undefined || peer.identity === "" ? address : `${peer.identity} at ${address}`;
}

export function addressOf({ host, port }: RemoteAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
