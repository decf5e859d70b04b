/** Files that somebody has sent: as pictures where that is safe, and as files to be saved. */
import { onAbort } from "../../../abort.ts";
import type { AttachmentInfo, ChatRoom } from "../client/entry.ts";

/** What browsers decode as pixels and nothing else. SVG and HTML are documents, and are never shown. */
const SIGNATURES: Readonly<Record<string, (bytes: Uint8Array) => boolean>> = {
  "image/png": (bytes) => begins(bytes, 0, 0x89, 0x50, 0x4e, 0x47),
  "image/jpeg": (bytes) => begins(bytes, 0, 0xff, 0xd8, 0xff),
  "image/gif": (bytes) => begins(bytes, 0, 0x47, 0x49, 0x46, 0x38),
  "image/webp": (bytes) =>
    begins(bytes, 0, 0x52, 0x49, 0x46, 0x46) && begins(bytes, 8, 0x57, 0x45, 0x42, 0x50),
  "image/avif": (bytes) => begins(bytes, 4, 0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69),
};

function begins(bytes: Uint8Array, at: number, ...expected: number[]): boolean {
  return expected.every((byte, i) => bytes[at + i] === byte);
}

/** Larger pictures are shown when somebody wants to see them. */
const MAX_PREVIEW_BYTES = 4_000_000;
const MAX_KEPT_BYTES = 64_000_000;

export function isPicture({ type, bytes }: Pick<AttachmentInfo, "type" | "bytes">): boolean {
  return Object.hasOwn(SIGNATURES, type) && bytes <= MAX_PREVIEW_BYTES;
}

/**
 * @param progress told how many bytes have come
 * @param signal gives it up
 * @throws ChatError, and the signal's reason
 */
export async function fetchFile(
  room: ChatRoom,
  id: string,
  progress: (bytes: number) => void = () => {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const { content } = await room.download({ id });
  const ignore = onAbort(signal, () => void content.return?.());
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for await (const chunk of content) {
      chunks.push(new Uint8Array(chunk));
      bytes += chunk.length;
      progress(bytes);
    }
  } finally {
    ignore();
  }
  signal.throwIfAborted();
  return chunks;
}

/** As a file of no type, whatever it says to be: nothing opens it but who saves it. */
export function saveFile(chunks: readonly Uint8Array<ArrayBuffer>[], name: string): void {
  const url = URL.createObjectURL(new Blob([...chunks], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to save it by then, and keeps the blob for as long as that takes.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const kept = new Map<string, Blob>();
let keptBytes = 0;

/** @throws Error if it is not what it says to be */
export async function pictureOf(room: ChatRoom, { id, type }: AttachmentInfo): Promise<Blob> {
  const before = kept.get(id);
  if (before !== undefined) return before;
  const chunks = await fetchFile(room, id);
  const blob = new Blob(chunks, { type });
  const head = new Uint8Array(await blob.slice(0, 16).arrayBuffer());
  if (!SIGNATURES[type]?.(head)) throw new Error("not a picture of that type");
  kept.set(id, blob);
  keptBytes += blob.size;
  for (const [oldest, { size }] of kept) {
    if (keptBytes <= MAX_KEPT_BYTES) break;
    kept.delete(oldest);
    keptBytes -= size;
  }
  return blob;
}

const CHUNK_BYTES = 65_536;

/** A file's content, read as it is sent. */
export async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    yield new Uint8Array(await file.slice(at, at + CHUNK_BYTES).arrayBuffer());
  }
}
