/** Methods about what is written in rooms, and who has read it. */

import { ChatError, type Empty, Limit, type Result } from "../protocol.ts";
import type { MessageEntry } from "../types.ts";
import type { User } from "./accounts.ts";
import { announce, type Handlers, type House, type Outcome } from "./house.ts";
import { beFound } from "./room-methods.ts";

const DEFAULT_PAGE = 50;

type Names =
  | "room.sync"
  | "room.history"
  | "room.receipts"
  | "message.send"
  | "message.edit"
  | "message.delete"
  | "receipt";

/** Texts that are longer than people write count for several messages. */
const BYTES_PER_MESSAGE = 8_192;

function cost({ text }: { readonly text: string }): number {
  return 1 + Math.floor(text.length / BYTES_PER_MESSAGE);
}

function checkAttachment({ attachments }: House, user: User, room: number, id: string): void {
  const found = attachments.find(id);
  if (found?.room !== room || found.author !== user.id)
    throw new ChatError("not_found", "there is no such attachment");
}

/**
 * Before a user says something in a room. Who has been put there by others is there by choice from now on, as far as there
 * is a place left; and the other one of a conversation is in it again, if they have closed it.
 */
function reach(house: House, user: User, room: number): (() => void) | undefined {
  const { rooms, limits } = house;
  if (rooms.wasPutInto(user, room) && rooms.countOf(user, "chosen") < limits.rooms) rooms.choose(user, room);
  const absent = rooms.absentFrom(user, room);
  return absent && beFound(house, absent, room);
}

export const messageMethods: Handlers<Names> = {
  "room.sync": {
    isRead: true,
    run({ rooms, entries }, user, { room, after, limit = Limit.page }, caller): Outcome<Result<"room.sync">> {
      const { head } = rooms.of(user, room).room;
      // Whoever has nothing yet begins with the newest, and pages back from there.
      const result =
        after === undefined
          ? { entries: entries.before(room, head + 1, limit).entries, more: false }
          : entries.after(room, after, limit);
      // What comes from now on is told after this answer.
      return result.more ? { result } : { result, effect: () => caller.follow(room, true) };
    },
  },
  "room.history": {
    isRead: true,
    run({ rooms, entries }, user, { room, before, limit = DEFAULT_PAGE }): Outcome<Result<"room.history">> {
      const { head } = rooms.of(user, room).room;
      return { result: entries.before(room, before ?? head + 1, limit) };
    },
  },
  "room.receipts": {
    isRead: true,
    run({ rooms }, user, { room, after = "" }): Outcome<Result<"room.receipts">> {
      rooms.of(user, room);
      return { result: rooms.receipts(room, after) };
    },
  },
  "message.send": {
    messages: cost,
    run(house, user, { room, id, text, replyTo, attachment }): Outcome<Result<"message.send">> {
      const { rooms, entries } = house;
      rooms.of(user, room);
      const before = entries.byClientId(user, id);
      if (before !== undefined) {
        if (before.room !== room) throw new ChatError("malformed", "that id is of another message");
        return { result: { position: before.position, timeMs: before.timeMs } };
      }
      if (text === "" && attachment === undefined) throw new ChatError("malformed", "nothing to send");
      if (replyTo !== undefined) entries.message(room, replyTo);
      if (attachment !== undefined) checkAttachment(house, user, room, attachment);
      const reached = reach(house, user, room);
      const entry = entries.append(room, user, {
        kind: "message",
        clientId: id,
        text,
        target: replyTo,
        attachment,
      });
      const { position, timeMs } = entry;
      const announced = announce(house, user, room, entry);
      const effect = () => {
        reached?.();
        announced();
      };
      return { result: { position, timeMs }, effect };
    },
  },
  "message.edit": {
    messages: cost,
    run(house, user, { room, position, text }): Outcome<Empty> {
      house.rooms.of(user, room);
      const message = house.entries.message(room, position);
      if (message.author !== user.name) throw new ChatError("not_allowed", "somebody else has written it");
      if (message.text === text) return { result: {} };
      if (text === "") throw new ChatError("malformed", "nothing is left: delete it instead");
      return {
        result: {},
        effect: announce(house, user, room, house.entries.edit(room, user, position, text)),
      };
    },
  },
  "message.delete": {
    messages: () => 1,
    run(house, user, { room, position }): Outcome<Empty> {
      house.rooms.of(user, room);
      const entry = house.entries.at(room, position);
      if (entry?.kind === "message" && entry.isDeleted) return { result: {} };
      if (house.entries.message(room, position).author !== user.name) house.rooms.moderated(user, room);
      const announced = announce(house, user, room, house.entries.delete(room, user, position));
      const { attachment } = entry as MessageEntry;
      if (attachment === undefined) return { result: {}, effect: announced };
      const forgotten = house.attachments.forget(attachment.id);
      const effect = () => {
        announced();
        forgotten().catch((error) => house.report(error));
      };
      return { result: {}, effect };
    },
  },
  receipt: {
    isLazy: true,
    run(house, user, { room, delivered = 0, read = 0 }): Outcome<Empty> {
      const hasMoved = house.rooms.advance(user, room, delivered, read);
      return hasMoved ? { result: {}, effect: () => house.live.receipts(user, room) } : { result: {} };
    },
  },
};
