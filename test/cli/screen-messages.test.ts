import { describe, expect, test } from "vitest";
import type { MessageItem, TimelineItem } from "../../src/apps/chat/client/entry.ts";
import { type Look, Messages } from "../../src/cli/chat/screen/messages.ts";
import type { Row } from "../../src/cli/chat/screen/style.ts";
import { widthOf } from "../../src/cli/chat/screen/text.ts";

const NOON = new Date(2026, 10, 28, 12, 0).getTime();
const MINUTE = 60_000;

function message(position: number, about: Partial<MessageItem> = {}): MessageItem {
  return {
    kind: "message",
    key: `${position}`,
    position,
    timeMs: NOON + position * MINUTE,
    author: "olga",
    text: `message ${position}`,
    isEdited: false,
    isDeleted: false,
    ...about,
  };
}

function rows(items: readonly TimelineItem[], look: Partial<Look> = {}): string[] {
  const at = (position: number) => items.find((item) => item.position === position);
  const messages = new Messages(
    { items, at },
    { user: "alice", width: 60, readBefore: 1_000, selected: undefined, nowMs: NOON, ...look },
  );
  const all = Array.from({ length: messages.count }, (_, i) => messages.rowsAt(i)).flat();
  return all.map((row: Row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );
}

const today = "── Today ───────────────────────────────────────────────────";

describe("messages", () => {
  test("have time and author, but where the same author goes on", () => {
    const items = [
      message(1),
      message(2),
      message(3, { author: "alice", state: "read" }),
      message(9, { author: "alice", text: "later", state: "delivered" }),
    ];
    expect(rows(items)).toEqual([
      today,
      "12:01         olga  message 1",
      "12:02               message 2",
      "12:03        alice  message 3 ✓✓\u00a0read",
      "12:09        alice  later ✓✓",
    ]);
  });

  test("are wrapped beside the author, and below where it is narrow", () => {
    const items = [message(1, { text: "one two three four five six seven eight nine\nten" })];
    expect(rows(items)).toEqual([
      today,
      "12:01         olga  one two three four five six seven eight",
      "                    nine",
      "                    ten",
    ]);
    expect(rows(items, { width: 30 })).toEqual([
      "── Today ─────────────────────",
      "12:01 olga",
      "  one two three four five six",
      "  seven eight nine",
      "  ten",
    ]);
  });

  test("say what became of them", () => {
    const failed = Object.assign(new Error("the server is full"), { code: "too_many" });
    const attachment = { id: "x", name: "a.png", type: "image/png", bytes: 12_000 };
    const items = [
      message(1, { isEdited: true }),
      message(2, { isDeleted: true, text: "" }),
      message(3, { attachment, text: "look" }),
      message(4, { text: "/me waves" }),
      message(5, { replyTo: 1, text: "yes" }),
      message(6, { replyTo: 77, text: "no" }),
      message(7, {
        author: "alice",
        state: "uploading",
        uploadedBytes: 6_000,
        attachment,
        text: "",
        position: undefined,
      }),
      message(8, { author: "alice", state: "sending", position: undefined }),
      message(9, { author: "alice", state: "failed", error: failed, position: undefined }),
    ];
    expect(rows(items)).toEqual([
      today,
      "12:01         olga  message 1 (edited)",
      "12:02               this message was deleted",
      "12:03               [a.png, 12 kB] /download #3",
      "                    look",
      "12:04            *  olga waves",
      "12:05         olga  ↳ olga message 1",
      "                    yes",
      "12:06         olga  ↳ #77",
      "                    no",
      "12:07        alice  [a.png, 12 kB] █████░░░░░ 50 %",
      "12:08               message 8 …",
      "12:09               message 9 ✗ not sent: the server is full",
    ]);
  });

  test("have days between them, and a line where what is new begins", () => {
    const day = 24 * 60 * MINUTE;
    const items: TimelineItem[] = [
      message(1, { timeMs: NOON - day }),
      { kind: "join", key: "2", position: 2, timeMs: NOON, author: "bob" },
      { kind: "leave", key: "3", position: 3, timeMs: NOON, author: "bob", by: "olga" },
      { kind: "topic", key: "4", position: 4, timeMs: NOON, author: "olga", text: "boats" },
      message(5),
    ];
    expect(rows(items, { readBefore: 4 })).toEqual([
      "── Friday, 27 November 2026 ────────────────────────────────",
      "12:00         olga  message 1",
      today,
      "12:00            *  bob joined",
      "12:00            *  bob was removed by olga",
      "12:00            *  olga set the topic: boats",
      "── new ─────────────────────────────────────────────────────",
      "12:05         olga  message 5",
    ]);
  });

  test("move no cursor, and fit whatever is in them", () => {
    const items = [
      message(1, { author: "ol\x1b[2Jga", text: "red \x1b[31m\u202etxt\r\nnext\x07", replyTo: 2 }),
      message(2, { text: "日本語".repeat(40), author: "名前".repeat(10) }),
    ];
    for (const width of [20, 43, 44, 60, 200]) {
      for (const row of rows(items, { width })) {
        expect(row).not.toMatch(/\p{Cc}|\u202e/u);
        expect(widthOf(row)).toBeLessThanOrEqual(width);
      }
    }
  });
});
