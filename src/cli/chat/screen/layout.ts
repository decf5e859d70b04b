/** Where everything is on a screen of some size. */
import type { ChatView } from "../../../apps/chat/client/entry.ts";
import { harmless } from "../harmless.ts";
import type { Scene } from "./app.ts";
import type { Completion } from "./completion.ts";
import { type Editor, lineAt, linesOf } from "./editor.ts";
import type { Messages } from "./messages.ts";
import {
  choicesRow,
  headerRow,
  type Panel,
  panelRows,
  roomRows,
  roomsWidthOf,
  ruleRow,
  statusRow,
  unreadElsewhere,
} from "./parts.ts";
import type { Scroll } from "./scroll.ts";
import type { Depth, Row } from "./style.ts";
import { graphemes, truncate, truncateRow, widthOf } from "./text.ts";

export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
}

/** All that there is to be seen. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly view: ChatView;
  readonly editor: Editor;
  /** What the editor's text is the secret answer to. */
  readonly question: string | undefined;
  readonly scroll: Scroll;
  readonly messages: (width: number) => Messages | undefined;
  readonly completion: Completion;
  readonly notice: Notice | undefined;
  readonly panel: Panel | undefined;
  readonly depth: Depth;
  readonly nowMs: number;
}

export interface Layout {
  readonly scene: Scene;
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
  readonly columns: number;
  /** Of rooms and messages, or of a panel. */
  readonly topHeight: number;
  readonly logWidth: number;
  readonly logHeight: number;
  /** Whether the first of the messages that are here is in sight. */
  readonly isAtBegin: boolean;
}

const MIN_COLUMNS = 20;
const MIN_ROWS = 6;
const PROMPT = "> ";

/** Room for text in the composer, in columns. */
export function composerWidth(columns: number): number {
  return Math.max(1, columns - PROMPT.length);
}

export function layOut(screen: Screen): Layout {
  const { columns, rows, view, scroll, panel, notice, completion, depth } = screen;
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return tooSmall(screen);
  const composer =
    screen.question === undefined
      ? composerOf(screen.editor, columns, Math.max(1, Math.floor(rows / 3)))
      : answerOf(screen.question, screen.editor, columns);
  const topHeight = rows - composer.rows.length - 2;
  const roomsWidth = roomsWidthOf(columns);
  const logWidth = roomsWidth === 0 ? columns : columns - roomsWidth - 1;
  const logHeight = topHeight - 1;
  const messages = screen.messages(logWidth);
  const sight =
    messages === undefined ? { rows: welcome(view), isAtBegin: false } : scroll.look(messages, logHeight);
  // New messages come in at the bottom.
  const blank: Row[] = Array.from({ length: Math.max(0, logHeight - sight.rows.length) }, () => []);
  const scene: Scene = {
    columns,
    rows,
    depth,
    roomsWidth,
    rooms: roomsWidth === 0 ? undefined : roomRows(view, roomsWidth, topHeight),
    header: headerRow(view, logWidth),
    log: [...blank, ...sight.rows],
    panel: panel === undefined ? undefined : panelRows(panel, columns, topHeight),
    rule: ruleRow(view.shown, scroll.isAtEnd, unreadElsewhere(view), columns),
    composer: composer.rows,
    status:
      completion.names.length > 0
        ? choicesRow(completion.names, completion.index, columns)
        : notice !== undefined
          ? noticeRow(notice, columns)
          : statusRow(view, columns, screen.nowMs),
  };
  const cursor = { x: composer.x, y: topHeight + 1 + composer.y };
  return { scene, cursor, columns, topHeight, logWidth, logHeight, isAtBegin: sight.isAtBegin };
}

function tooSmall({ columns, rows, depth }: Screen): Layout {
  const text = truncateRow([{ text: "too small" }], columns);
  const scene: Scene = {
    columns,
    rows,
    depth,
    roomsWidth: 0,
    rooms: undefined,
    header: [],
    log: [],
    panel: [text],
    rule: [],
    composer: [],
    status: [],
  };
  return {
    scene,
    cursor: undefined,
    columns,
    topHeight: 1,
    logWidth: columns,
    logHeight: 1,
    isAtBegin: false,
  };
}

function noticeRow({ text, isBad }: Notice, columns: number): Row {
  return truncateRow(
    [{ text: ` ${text}`, style: isBad ? { bold: true, color: "bad" } : { bold: true } }],
    columns,
  );
}

function welcome(view: ChatView): Row[] {
  const what = view.timelines.length > 0 ? "Choose a room: Ctrl-N" : "You are in no room yet";
  return [
    [{ text: ` ${what}` }],
    [{ text: " /rooms lists those that there are, /join ROOM enters one", style: { dim: true } }],
  ];
}

/** A question, and a mark for each character of its answer. */
function answerOf(
  question: string,
  { text, cursor }: Editor,
  columns: number,
): { rows: Row[]; x: number; y: number } {
  const asked = truncate(`${question}: `, columns - 2);
  const marks = (answer: string) => "•".repeat(graphemes(answer).length);
  const row = truncateRow([{ text: asked, style: { bold: true } }, { text: marks(text) }], columns);
  const x = widthOf(asked) + graphemes(text.slice(0, cursor)).length;
  return { rows: [row], x: Math.min(x, columns - 1), y: 0 };
}

/** As much of what is being written as there is room for, and where the cursor is in that. */
function composerOf(
  { text, cursor }: Editor,
  columns: number,
  maxRows: number,
): { rows: Row[]; x: number; y: number } {
  const lines = linesOf(text, composerWidth(columns));
  const at = lineAt(lines, cursor);
  const first = Math.max(0, Math.min(at - Math.floor(maxRows / 2), lines.length - maxRows));
  const rows = lines
    .slice(first, first + maxRows)
    .map(({ begin, end }, i) => [
      { text: i + first === 0 ? PROMPT : " ".repeat(PROMPT.length), style: { dim: true } },
      { text: harmless(text.slice(begin, end)) },
    ]);
  return { rows, x: PROMPT.length + widthOf(text.slice(lines[at]!.begin, cursor)), y: at - first };
}
