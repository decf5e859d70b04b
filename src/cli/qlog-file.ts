/** A file of qlog events in JSON-SEQ (draft-ietf-quic-qlog-main-schema §5), which may be of several sessions. */
import { appendFileSync, openSync } from "node:fs";
import process from "node:process";
import { qlogHeader, qlogRecord } from "../session/json-seq.ts";
import type { SessionLog } from "../session/log.ts";
import { qlog } from "../session/qlog.ts";
import { codeOf, UsageError } from "./exit.ts";
import type { Report } from "./report.ts";

/** Packets are many: their events are written so many characters, or so many milliseconds, at a time. */
const MOST_WAITING = 65_536;
const MOST_DELAY_MS = 500;

/**
 * Makes the file anew, and then a log for each session, whose events have a `group_id` of their own: 1, 2, and so on. All
 * is written by the end of the process.
 * @throws UsageError if it cannot be written
 */
export function qlogTo(path: string, role: "client" | "server", report: Report): () => SessionLog {
  const file = opened(path);
  let waiting = qlogHeader(role);
  let isBroken = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = waiting;
    waiting = "";
    if (isBroken) return;
    try {
      appendFileSync(file, text);
    } catch (error) {
      isBroken = true;
      report.warn("unwritable_qlog", `${path} cannot be written (${codeOf(error) ?? "failed"})`);
    }
  };
  flush();
  process.on("exit", flush);
  let sessions = 0;
  return () => {
    const group_id = String(++sessions);
    return qlog((event) => {
      if (isBroken) return;
      waiting += qlogRecord({ ...event, group_id });
      if (waiting.length >= MOST_WAITING) flush();
      else timer ??= setTimeout(flush, MOST_DELAY_MS).unref();
    });
  };
}

function opened(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    throw new UsageError(`${path} cannot be written (${codeOf(error) ?? "failed"})`);
  }
}
