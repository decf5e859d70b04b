/** Attachments on their streams. */

import { SealgramError } from "../../../errors.ts";
import { StreamError } from "../../../session/stream-error.ts";
import { frame, type MessageReader } from "../channel.ts";
import { ChatError, type Transfer, type TransferAnswer } from "../protocol.ts";
import type { User } from "./accounts.ts";
import type { House } from "./house.ts";
import { refusalFrom } from "./refusal.ts";
import type { Usage } from "./usage.ts";

type Upload = Extract<Transfer, { kind: "upload" }>;
type Download = Extract<Transfer, { kind: "download" }>;

/** What comes, to the disk; answered once it is there. @param over aborted with the session: nothing is waited for any more */
export async function upload(
  house: House,
  user: User,
  usage: Usage,
  { room, id, name, type, bytes }: Upload,
  reader: MessageReader,
  writable: WritableStream<Uint8Array>,
  over: AbortSignal,
): Promise<void> {
  const { stallMs, attachmentBytes } = house.limits;
  const writer = writable.getWriter();
  const attachment = { id, name, type, bytes };
  const mayGoOn = () => void house.rooms.of(user, room);
  const next = async () => {
    const chunk = await within(stallMs, reader.bytes());
    mayGoOn();
    // Nothing is read meanwhile, and so nothing is sent.
    if (chunk !== undefined) await usage.uploadBytes.wait(chunk.length, over);
    return chunk;
  };
  await answering(house, usage, writer, async () => {
    if (bytes > attachmentBytes) throw new ChatError("too_large", "the attachment is too large");
    house.rooms.of(user, room);
    const before = house.attachments.find(id);
    if (before !== undefined && (before.author !== user.id || before.room !== room))
      throw new ChatError("malformed", "that id is of another attachment");
    if (before === undefined) {
      await usage.messages.wait(1, over);
      await house.attachments.store(user, room, attachment, next, mayGoOn);
    }
    await writer.write(frame({ attachment } satisfies TransferAnswer));
  });
}

/** The answer, and the bytes behind it, as fast as the client takes them. */
export async function download(
  house: House,
  user: User,
  usage: Usage,
  { room, id }: Download,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const { stallMs } = house.limits;
  const writer = writable.getWriter();
  await answering(house, usage, writer, async () => {
    house.rooms.of(user, room);
    const found = house.attachments.find(id);
    if (found?.room !== room) throw new ChatError("not_found", "there is no such attachment");
    const { name, type, bytes } = found;
    await writer.write(frame({ attachment: { id, name, type, bytes } } satisfies TransferAnswer));
    try {
      for await (const chunk of house.attachments.read(id)) {
        await within(stallMs, writer.write(chunk));
        house.rooms.of(user, room);
      }
    } catch (error) {
      // Behind the answer there is no place for a refusal.
      throw isBreak(error) ? error : new StreamError(house.refusal(error).message, 0);
    }
  });
}

/** The answer to what cannot be begun. */
export async function refuse(writable: WritableStream<Uint8Array>, error: ChatError): Promise<void> {
  const writer = writable.getWriter();
  try {
    await writer.write(frame({ error: refusalFrom(error) } satisfies TransferAnswer));
    await writer.close();
  } catch {
    // No reader is there.
  }
}

/** @throws what has broken the stream off */
async function answering(
  { limits, refusal }: House,
  usage: Usage,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  action: () => Promise<void>,
): Promise<void> {
  try {
    if (usage.transfers >= limits.transfers)
      throw new ChatError("too_many", "too many uploads and downloads at a time");
    usage.transfers++;
    try {
      await action();
    } finally {
      usage.transfers--;
    }
  } catch (error) {
    if (isBreak(error)) {
      await writer.abort(error).catch(() => {});
      throw error;
    }
    await writer.write(frame({ error: refusalFrom(refusal(error)) } satisfies TransferAnswer));
  }
  await writer.close();
}

/** The client's doing, or the session's end. */
function isBreak(error: unknown): boolean {
  return error instanceof StreamError || error instanceof SealgramError;
}

/** @throws ChatError stalled if that takes too long */
async function within<T>(ms: number, action: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ChatError("stalled", "it took too long")), ms);
  });
  action.catch(() => {});
  try {
    return await Promise.race([action, late]);
  } finally {
    clearTimeout(timer);
  }
}
