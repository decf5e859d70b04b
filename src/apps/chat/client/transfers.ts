/** Attachments on their way, each on a stream of its own: a few at a time, the others wait. */
import { onAbort } from "../../../abort.ts";
import { bytesOf } from "../../../core/bytes.ts";
import type { Session } from "../../../endpoint/session.ts";
import { StreamError } from "../../../session/stream-error.ts";
import { frame, MessageReader } from "../channel.ts";
import { ChatError, Limit, type Transfer, type TransferAnswer } from "../protocol.ts";
import type { AttachmentInfo } from "../types.ts";
import { MAX_DOWNLOADS, MAX_UPLOADS } from "../windows.ts";
import { transfer, transferAnswer } from "../wire.ts";
import { brokenOff, Content } from "./content.ts";
import { errorOf } from "./refusal.ts";
import { Turns } from "./turns.ts";

/** An attachment as it comes. */
export interface Download {
  /** What it is. */
  readonly attachment: AttachmentInfo;
  /** Its bytes, as they are read; whoever stops before the end gives it up. */
  readonly content: AsyncIterableIterator<Uint8Array>;
}

type Upload = Extract<Transfer, { kind: "upload" }>;
type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export class Transfers {
  readonly #session: Session;
  /** Settles when the session has ended. */
  readonly #over: Promise<void>;
  readonly #downloads = new Turns(MAX_DOWNLOADS);
  readonly #uploads = new Turns(MAX_UPLOADS);

  constructor(session: Session) {
    this.#session = session;
    this.#over = session.closed.then(
      () => {},
      () => {},
    );
    void this.#over.then(() => {
      this.#downloads.end();
      this.#uploads.end();
    });
  }

  async #open(): Promise<{ reader: MessageReader; writer: WritableStreamDefaultWriter<Uint8Array> }> {
    const { readable, writable } = await this.#session.createBidirectionalStream({
      waitUntilAvailable: true,
    });
    return { reader: new MessageReader(readable, Limit.serverMessage), writer: writable.getWriter() };
  }

  /**
   * @param progress told how many bytes the server has taken
   * @param signal gives it up
   * @throws ChatError too_many if too many wait for their turn, and what `content` throws
   */
  async upload(
    head: Upload,
    content: Uint8Array | Chunks,
    progress: (bytes: number) => void = () => {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<AttachmentInfo> {
    check(head);
    await this.#uploads.take();
    try {
      signal.throwIfAborted();
      const chunks = isIterated(content) ? content : slices(bytesOf(content, "a file"));
      return await this.#upload(head, chunks, progress, signal);
    } finally {
      this.#uploads.leave();
    }
  }

  async #upload(
    head: Upload,
    content: Chunks,
    progress: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<AttachmentInfo> {
    const { reader, writer } = await this.#open().catch((error) => Promise.reject(brokenOff(error)));
    const answer = reader.next().catch((error) => Promise.reject(brokenOff(error)));
    const filled = fill(writer, head, content, progress);
    let ignore = () => {};
    // What waits for the content, or for the server, ends by that, too.
    const ended = new Promise<never>((_, reject) => {
      ignore = onAbort(signal, () => reject(signal.reason));
      this.#over.then(() => reject(brokenOff(undefined)));
    });
    for (const each of [answer, filled, ended]) each.catch(() => {});
    try {
      await Promise.race([filled, ended]);
      return attachmentOf(await Promise.race([answer, ended]));
    } catch (error) {
      void writer.abort(error).catch(() => {});
      throw error;
    } finally {
      ignore();
      reader.cancel();
    }
  }

  /**
   * @param idleMs how long nobody may read before it is given up
   * @throws ChatError too_many if too many wait for their turn
   */
  async download(room: number, id: string, idleMs: number): Promise<Download> {
    const head: Transfer = { kind: "download", room, id };
    check(head);
    await this.#downloads.take();
    try {
      const { reader, writer } = await this.#open();
      try {
        await writer.write(frame(head));
        void writer.close().catch(() => {});
        const attachment = attachmentOf(await reader.next());
        const content = new Content(reader, attachment.bytes, idleMs, () => this.#downloads.leave());
        return { attachment, content };
      } catch (error) {
        reader.cancel();
        throw error;
      }
    } catch (error) {
      this.#downloads.leave();
      throw brokenOff(error);
    }
  }
}

/** @throws ChatError malformed for what a server would refuse */
function check(head: Transfer): void {
  try {
    transfer(head);
  } catch (error) {
    throw brokenOff(error);
  }
}

const CHUNK_BYTES = 65_536;

/** Arrays of bytes are iterable, too, and are bytes. */
function isIterated(content: Uint8Array | Chunks): content is Chunks {
  if (ArrayBuffer.isView(content)) return false;
  const given = Object(content) as object;
  return Symbol.asyncIterator in given || Symbol.iterator in given;
}

function* slices(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/** Writes all of it, or what the server wants of it: if that is not all, the answer says why. */
async function fill(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  head: Upload,
  content: Chunks,
  progress: (bytes: number) => void,
): Promise<void> {
  const isTaken = async (bytes: Uint8Array) => {
    try {
      await writer.write(bytes);
      return true;
    } catch (error) {
      if (error instanceof StreamError) return false;
      throw brokenOff(error);
    }
  };
  if (!(await isTaken(frame(head)))) return;
  let bytes = 0;
  for await (const chunk of content) {
    const piece = bytesOf(chunk, "a piece of a file");
    if (!(await isTaken(piece))) return;
    bytes += piece.length;
    progress(bytes);
  }
  void writer.close().catch(() => {});
}

function attachmentOf(answer: unknown): AttachmentInfo {
  let told: TransferAnswer;
  try {
    told = transferAnswer(answer);
  } catch (error) {
    throw brokenOff(error);
  }
  const { attachment, error } = told;
  if (error !== undefined) throw errorOf(error);
  if (attachment === undefined) throw new ChatError("malformed", "the server answers nothing");
  return attachment;
}
