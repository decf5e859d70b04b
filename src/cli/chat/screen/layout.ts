/** Where everything is on a screen of some size. */
import type { ChatView } from "../../../apps/chat/client/entry.ts";
import { harmless, repeated, shown } from "../../harmless.ts";
import type { Scene } from "./app.ts";
import { type Editor, lineAt, linesOf } from "./editor.ts";
import {
  choicesRow,
  headerRow,
  panelRows,
  roomRows,
  roomsWidthOf,
  ruleRow,
  statusRow,
  unreadElsewhere,
} from "./parts.ts";
import type { Notice, ScreenState } from "./state.ts";
import type { Depth, Row } from "./style.ts";
import { graphemes, truncate, truncateRow, widthOf } from "./text.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Layout {
  readonly scene: Scene;
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
  /** Whether the first of the messages that are here is in sight. */
  readonly isAtBegin: boolean;
  /** Whether there is a mark where what is new begins. */
  readonly hasNew: boolean;
}

/** How much room there is. */
export interface Heights {
  /** Of rooms and messages, or of a panel. */
  readonly topHeight: number;
  readonly logHeight: number;
  readonly logWidth: number;
}

const MIN_COLUMNS = 20;
const MIN_ROWS = 6;
const PROMPT = shown`> `;

/** Room for text in the composer, in columns. */
export function composerWidth(columns: number): number {
  return Math.max(1, columns - PROMPT.length);
}

export function heightsOf(state: ScreenState, { columns, rows }: Size): Heights {
  const topHeight = rows - composerOf(state, { columns, rows }).rows.length - 2;
  const roomsWidth = roomsWidthOf(columns);
  const logWidth = roomsWidth === 0 ? columns : columns - roomsWidth - 2;
  return { topHeight, logHeight: topHeight - 1, logWidth };
}

export function layOut(state: ScreenState, size: Size, depth: Depth, nowMs: number): Layout {
  const { columns, rows } = size;
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return tooSmall(size, depth);
  const { view, desk, panel } = state;
  const composer = composerOf(state, size);
  const { topHeight, logHeight, logWidth } = heightsOf(state, size);
  const roomsWidth = roomsWidthOf(columns);
  const messages = state.messages(logWidth);
  const sight =
    messages === undefined
      ? { rows: welcome(view), isAtBegin: false }
      : desk.scroll.look(messages, logHeight);
  // New messages come in at the bottom.
  const blank: Row[] = Array.from({ length: Math.max(0, logHeight - sight.rows.length) }, () => []);
  // With rooms at the side it is seen there.
  const elsewhere = roomsWidth === 0 || panel !== undefined ? unreadElsewhere(view) : 0;
  const scene: Scene = {
    columns,
    rows,
    depth,
    roomsWidth,
    rooms: roomsWidth === 0 ? undefined : roomRows(view, roomsWidth, topHeight),
    header: headerRow(view, roomsWidth === 0 ? columns : columns - roomsWidth - 1),
    log: [...blank, ...sight.rows],
    panel: panel === undefined ? undefined : panelRows(panel, columns, topHeight),
    rule: ruleRow(view.shown, desk.scroll.isAtEnd, elsewhere, columns),
    composer: composer.rows,
    status: bottomRow(state, columns, nowMs),
  };
  const cursor = { x: composer.x, y: topHeight + 1 + composer.y };
  return { scene, cursor, isAtBegin: sight.isAtBegin, hasNew: messages?.hasNew === true };
}

/** What is to be chosen or known now, or how the connection is. */
function bottomRow({ completion, notice, view }: ScreenState, columns: number, nowMs: number): Row {
  if (completion.names.length > 0) return choicesRow(completion.names, completion.index, columns);
  return notice === undefined ? statusRow(view, columns, nowMs) : noticeRow(notice, columns);
}

function tooSmall({ columns, rows }: Size, depth: Depth): Layout {
  const scene: Scene = {
    columns,
    rows,
    depth,
    roomsWidth: 0,
    rooms: undefined,
    header: [],
    log: [],
    panel: [truncateRow([{ text: shown`too small` }], columns)],
    rule: [],
    composer: [],
    status: [],
  };
  return { scene, cursor: undefined, isAtBegin: false, hasNew: false };
}

function noticeRow({ text, isBad }: Notice, columns: number): Row {
  return truncateRow(
    [{ text: shown` ${text}`, style: isBad ? { bold: true, color: "bad" } : { bold: true } }],
    columns,
  );
}

function welcome(view: ChatView): Row[] {
  const what = view.timelines.length > 0 ? "Choose a room: Ctrl-N" : "You are in no room yet";
  return [
    [{ text: shown` ${what}` }],
    [{ text: shown` /rooms lists those that there are, /join ROOM enters one`, style: { dim: true } }],
  ];
}

interface Composer {
  readonly rows: Row[];
  /** Where the cursor is in them. */
  readonly x: number;
  readonly y: number;
}

function composerOf({ question, desk }: ScreenState, { columns, rows }: Size): Composer {
  if (question !== undefined) return answerOf(question.text, question.editor, columns);
  return draftOf(desk.editor, columns, Math.max(1, Math.floor(rows / 3)));
}

/** A question, and a mark for each character of its answer. */
function answerOf(question: string, { text, cursor }: Editor, columns: number): Composer {
  const asked = truncate(shown`${question}: `, columns - 2);
  const marks = repeated("•", graphemes(text).length);
  const row = truncateRow([{ text: asked, style: { bold: true } }, { text: marks }], columns);
  const x = widthOf(asked) + graphemes(text.slice(0, cursor)).length;
  return { rows: [row], x: Math.min(x, columns - 1), y: 0 };
}

/** As much of what is being written as there is room for. */
function draftOf({ text, cursor }: Editor, columns: number, maxRows: number): Composer {
  const lines = linesOf(text, composerWidth(columns));
  const at = lineAt(lines, cursor);
  const first = Math.max(0, Math.min(at - Math.floor(maxRows / 2), lines.length - maxRows));
  const rows = lines
    .slice(first, first + maxRows)
    .map(({ begin, end }, i) => [
      { text: i + first === 0 ? PROMPT : repeated(" ", PROMPT.length), style: { dim: true } },
      { text: harmless(text.slice(begin, end)) },
    ]);
  return { rows, x: PROMPT.length + widthOf(text.slice(lines[at]!.begin, cursor)), y: at - first };
}
