/** What a client is told of a fault: nothing of what a program's was, but that there is no room. */
import { statfsSync } from "node:fs";
import { ChatError, type ErrorCode, type Refusal } from "../protocol.ts";

/** Less than a commit takes. */
const FULL_BYTES = 65_536;
const MAX_RETRY_MS = 600_000;

/** @param folder where the server keeps everything */
export function refusalOf(error: unknown, folder: string): ChatError {
  if (error instanceof ChatError) return error;
  const isFull = isOfFullDisk(error) || (isOfDisk(error) && isDiskFull(folder));
  return isFull
    ? new ChatError("no_room", "the server's disk is full")
    : new ChatError("internal", "the server failed");
}

/** As it is told: no client waits for longer than ten minutes, and then is told again. */
export function refusalFrom({ code, message, retryAfterMs }: ChatError): Refusal {
  return {
    code: code as ErrorCode,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, MAX_RETRY_MS) }),
  };
}

function isOfFullDisk(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return ["ENOSPC", "EDQUOT"].includes(code as string) || message === "database or disk is full";
}

/** SQLite does not hear from its file system why a write has failed. */
function isOfDisk(error: unknown): boolean {
  return (error as { message?: unknown } | undefined)?.message === "disk I/O error";
}

function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < FULL_BYTES;
  } catch {
    return false;
  }
}
