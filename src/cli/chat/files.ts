/** Attachments as files. */
import { createReadStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, extname, join, parse } from "node:path";
import process from "node:process";
import type { AttachmentInfo, ChatRoom } from "../../apps/chat/client/entry.ts";
import { codeOf } from "../exit.ts";
import { harmless } from "../harmless.ts";
import { ActionError } from "./action.ts";
import { tailOf } from "./tail.ts";

export type Progress = (bytes: number, ofBytes: number) => void;

const types: Readonly<Record<string, string>> = {
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".gz": "application/gzip",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
  ".mp3": "audio/mpeg",
  ".ogg": "audio/ogg",
  ".mp4": "video/mp4",
  ".webm": "video/webm",
};

/** `~/…` as shells have it. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/** A file as it was when it was looked at. */
export interface FileToSend {
  /** As the user has named it. */
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  /** Its content: no more than was announced, should it grow meanwhile. */
  open(): AsyncIterable<Uint8Array>;
}

/** @throws ActionError */
export async function fileToSend(path: string): Promise<FileToSend> {
  const file = expandHome(path);
  const info = await stat(file).catch((error) => {
    throw new ActionError(`${path} cannot be read (${codeOf(error) ?? "failed"})`);
  });
  if (!info.isFile()) throw new ActionError(`${path} is no file`);
  const bytes = info.size;
  return {
    path,
    name: shortened(basename(file)),
    type: types[extname(file).toLowerCase()] ?? "application/octet-stream",
    bytes,
    open: () => (bytes === 0 ? empty() : createReadStream(file, { end: bytes - 1, highWaterMark: 65_536 })),
  };
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** Where downloads go unless a folder is named. */
export async function downloadsFolder(): Promise<string> {
  const folder = join(homedir(), "Downloads");
  const info = await stat(folder).catch(() => undefined);
  return info?.isDirectory() ? folder : process.cwd();
}

/**
 * Saves an attachment in a folder, by its name or one like it: nothing is overwritten, and nothing is made elsewhere.
 * What did not arrive whole is removed.
 * @returns where it is
 */
export async function downloadFile(
  room: ChatRoom,
  id: string,
  folder: string,
  progress: Progress,
): Promise<{ path: string; attachment: AttachmentInfo }> {
  const { attachment, content } = await room.download({ id });
  await mkdir(folder, { recursive: true });
  const { path, file } = await openNew(folder, fileName(attachment.name));
  try {
    let bytes = 0;
    for await (const chunk of content) {
      await file.writeFile(chunk);
      bytes += chunk.length;
      progress(bytes, attachment.bytes);
    }
    await file.close();
    return { path, attachment };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(path, { force: true });
    throw error;
  }
}

const MAX_TRIES = 1_000;

async function openNew(
  folder: string,
  fullName: string,
): Promise<{ path: string; file: import("node:fs/promises").FileHandle }> {
  const { name, ext } = parse(fullName);
  for (let number = 0; number < MAX_TRIES; number++) {
    const path = join(folder, number === 0 ? fullName : `${name} (${number})${ext}`);
    try {
      // Exclusively: neither a file nor a link that is there is written to.
      return { path, file: await open(path, "wx", 0o600) };
    } catch (error) {
      if (codeOf(error) !== "EEXIST")
        throw new ActionError(`${path} cannot be written (${codeOf(error) ?? "failed"})`);
    }
  }
  throw new ActionError(`${folder} has too many files of that name`);
}

const MAX_NAME_BYTES = 200;
/** Names of devices, which Windows has in every folder. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A sender's name for a file as one that every system takes, that is not hidden, and leads nowhere. */
export function fileName(name: string): string {
  const safe = harmless(name)
    .replaceAll(/[\\/:*?"<>|\ufffd]/g, "_")
    .replace(/^[.\s]+/, "_");
  const short = shortened(safe.slice(0, tailOf(safe, /[.\s]/u)));
  if (short === "") return "attachment";
  return DEVICES.test(short) ? `_${short}` : short;
}

/** With its ending. */
function shortened(name: string): string {
  const { name: stem, ext } = parse(name);
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  if (bytes(name) <= MAX_NAME_BYTES) return name;
  const end = bytes(ext) <= 20 ? ext : "";
  let left = MAX_NAME_BYTES - bytes(end);
  let length = 0;
  for (const character of stem) {
    left -= bytes(character);
    if (left < 0) break;
    length += character.length;
  }
  return stem.slice(0, length) + end;
}
