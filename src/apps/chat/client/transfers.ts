/** Attachments on their way, each on a stream of its own; of downloads there are a few at a time, the others wait. */
import type { Session } from "../../../endpoint/session.ts";
import { StreamError } from "../../../session/stream-error.ts";
import { frame, MessageReader } from "../channel.ts";
import { ChatError, Limit, type Transfer, type TransferAnswer } from "../protocol.ts";
import type { AttachmentInfo } from "../types.ts";
import { transferAnswer } from "../wire.ts";
import { brokenOff, Content } from "./content.ts";
import { errorOf } from "./refusal.ts";

/** An attachment as it comes. */
export interface Download {
  /** What it is. */
  readonly attachment: AttachmentInfo;
  /** Its bytes, as they are read; whoever stops before the end gives it up. */
  readonly content: AsyncIterableIterator<Uint8Array>;
}

/** A server takes eight streams of attachments at a time: some are left for uploads. */
const MAX_DOWNLOADS = 4;
const MAX_WAITING = 256;

export class Transfers {
  readonly #session: Session;
  #downloads = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(session: Session) {
    this.#session = session;
    const over = () => {
      for (const go of this.#waiting.splice(0)) go();
    };
    session.closed.then(over, over);
  }

  async #open(): Promise<{ reader: MessageReader; writer: WritableStreamDefaultWriter<Uint8Array> }> {
    const { readable, writable } = await this.#session.createBidirectionalStream({
      waitUntilAvailable: true,
    });
    return { reader: new MessageReader(readable, Limit.serverMessage), writer: writable.getWriter() };
  }

  /** @param progress told how many bytes the server has taken */
  async upload(
    head: Extract<Transfer, { kind: "upload" }>,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    progress?: (bytes: number) => void,
  ): Promise<AttachmentInfo> {
    const { reader, writer } = await this.#open();
    const answer = reader.next();
    answer.catch(() => {});
    try {
      await writer.write(frame(head));
      let bytes = 0;
      for await (const chunk of content) {
        await writer.write(chunk);
        bytes += chunk.length;
        progress?.(bytes);
      }
      void writer.close().catch(() => {});
    } catch (error) {
      // A server that does not want the rest says why.
      if (!(error instanceof StreamError)) {
        void writer.abort(error).catch(() => {});
        throw error;
      }
    }
    try {
      return attachmentOf(await answer);
    } catch (error) {
      throw brokenOff(error);
    } finally {
      reader.cancel();
    }
  }

  /**
   * @param idleMs how long nobody may read before it is given up
   * @throws ChatError too_many if too many wait for their turn
   */
  async download(room: number, id: string, idleMs: number): Promise<Download> {
    await this.#turn();
    try {
      const { reader, writer } = await this.#open();
      try {
        await writer.write(frame({ kind: "download", room, id } satisfies Transfer));
        void writer.close().catch(() => {});
        const attachment = attachmentOf(await reader.next());
        const content = new Content(reader, attachment.bytes, idleMs, () => this.#left());
        return { attachment, content };
      } catch (error) {
        reader.cancel();
        throw error;
      }
    } catch (error) {
      this.#left();
      throw brokenOff(error);
    }
  }

  async #turn(): Promise<void> {
    if (this.#downloads < MAX_DOWNLOADS) {
      this.#downloads++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw new ChatError("too_many", "too many downloads wait");
    // Whoever is through hands its place on.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #left(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#downloads--;
    else next();
  }
}

function attachmentOf(answer: unknown): AttachmentInfo {
  const { attachment, error }: TransferAnswer = transferAnswer(answer);
  if (error !== undefined) throw errorOf(error);
  if (attachment === undefined) throw new ChatError("malformed", "the server answers nothing");
  return attachment;
}
