/** A timeline's items with what is between them: days, and where what is new begins. */
import type { HappeningItem, MessageItem, TimelineItem } from "../client/entry.ts";
import { dayKey } from "./words.ts";

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly timeMs: number }
  | { readonly kind: "new"; readonly key: string }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly item: MessageItem;
      readonly isContinued: boolean;
    }
  | { readonly kind: "happening"; readonly key: string; readonly item: HappeningItem };

/** What is written later than this begins anew, with name and time. */
const CONTINUED_MS = 300_000;

/**
 * The rows of some of the items.
 * @param readBefore the position up to which it was read when somebody began to look
 */
export function rowsOf(
  items: readonly TimelineItem[],
  { from, to }: { readonly from: number; readonly to: number },
  user: string,
  readBefore: number,
): Row[] {
  // All of a room is not new in a way that anybody needs to be told.
  const firstNew = items.findIndex((item) => isNewTo(item, user, readBefore)) || -1;
  const rows: Row[] = [];
  let last: TimelineItem | undefined;
  for (let i = from; i < to; i++) {
    const item = items[i]!;
    if (last === undefined || dayKey(last.timeMs) !== dayKey(item.timeMs)) {
      rows.push({ kind: "day", key: `day ${dayKey(item.timeMs)}`, timeMs: item.timeMs });
      last = undefined;
    }
    if (i === firstNew) {
      rows.push({ kind: "new", key: "new" });
      last = undefined;
    }
    if (item.kind === "message") {
      const isContinued =
        last?.kind === "message" &&
        last.author === item.author &&
        item.replyTo === undefined &&
        item.timeMs - last.timeMs < CONTINUED_MS;
      rows.push({ kind: "message", key: item.key, item, isContinued });
    } else rows.push({ kind: "happening", key: item.key, item });
    last = item;
  }
  return rows;
}

/** Whether somebody else has said it, behind a position. */
export function isNewTo(item: TimelineItem, user: string, readBefore: number): boolean {
  return item.kind === "message" && item.author !== user && (item.position ?? 0) > readBefore;
}
