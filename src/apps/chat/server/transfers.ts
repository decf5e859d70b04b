/** Attachments on their streams. */

import { frame, type MessageReader } from "../channel.ts";
import { ChatError, type Transfer, type TransferAnswer } from "../protocol.ts";
import type { User } from "./accounts.ts";
import type { Bucket } from "./bucket.ts";
import type { House } from "./house.ts";

type Upload = Extract<Transfer, { kind: "upload" }>;
type Download = Extract<Transfer, { kind: "download" }>;

/** What comes, to the disk; answered once it is there. */
export async function upload(
  house: House,
  user: User,
  { room, id, name, type, bytes }: Upload,
  reader: MessageReader,
  writable: WritableStream<Uint8Array>,
  rate: Bucket,
): Promise<void> {
  const writer = writable.getWriter();
  const attachment = { id, name, type, bytes };
  const next = async () => {
    const chunk = await reader.bytes();
    const waitMs = chunk === undefined ? 0 : rate.take(chunk.length, performance.now());
    // Nothing is read meanwhile, and so nothing is sent.
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    return chunk;
  };
  await answering(writer, async () => {
    if (bytes > house.limits.attachmentBytes) throw new ChatError("too_large", "the attachment is too large");
    house.rooms.of(user, room);
    const before = house.attachments.find(id);
    if (before !== undefined && (before.author !== user.id || before.room !== room))
      throw new ChatError("malformed", "that id is of another attachment");
    if (before === undefined) await house.attachments.store(user, room, attachment, next);
    await writer.write(frame({ attachment } satisfies TransferAnswer));
  });
}

/** The answer, and the bytes behind it, as fast as the client takes them. */
export async function download(
  house: House,
  user: User,
  { room, id }: Download,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const writer = writable.getWriter();
  await answering(writer, async () => {
    house.rooms.of(user, room);
    const found = house.attachments.find(id);
    if (found?.room !== room) throw new ChatError("not_found", "there is no such attachment");
    const { name, type, bytes } = found;
    await writer.write(frame({ attachment: { id, name, type, bytes } } satisfies TransferAnswer));
    for await (const chunk of house.attachments.read(id)) await writer.write(chunk);
  });
}

async function answering(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof ChatError)) {
      await writer.abort(error).catch(() => {});
      return;
    }
    const { code, message } = error;
    await writer.write(frame({ error: { code, message } } satisfies TransferAnswer));
  }
  await writer.close();
}
