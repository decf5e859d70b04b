/** What was said in a room, as rows of the screen. Everything that others have written is harmless here. */
import type {
  HappeningItem,
  MessageItem,
  MessageState,
  Timeline,
  TimelineItem,
} from "../../../apps/chat/client/entry.ts";
import { messageOf } from "../../exit.ts";
import { type Harmless, harmless, harmlessLines, joined, repeated, shown } from "../../harmless.ts";
import { emote, size } from "../words.ts";
import { colorOf, type Row, type Span, type Style } from "./style.ts";
import { truncate, truncateRow, widthOf, wrap } from "./text.ts";

/** How a room is looked at. */
export interface Look {
  readonly user: string;
  /** In columns. */
  readonly width: number;
  /** The position up to which the room was read when somebody began to look. */
  readonly readBefore: number;
  /** The key of the message that is selected. */
  readonly selected: string | undefined;
  readonly nowMs: number;
}

const DIM: Style = { dim: true };
/** What is written later than this begins anew, with a name. */
const CONTINUED_MS = 300_000;
/** `12:04 ` */
const TIME_WIDTH = 6;
const PROGRESS_WIDTH = 10;

/** How wide authors' names may be beside their messages; above them if it is 0. */
function authorWidth(width: number): number {
  if (width >= 60) return 12;
  return width >= 44 ? 8 : 0;
}

interface Context {
  readonly before: TimelineItem | undefined;
  readonly repliedTo: TimelineItem | undefined;
  /** Whether what is new begins with it. */
  readonly isFirstNew: boolean;
  /** Whether its state is to be seen: of messages with the same one, that of the last is enough. */
  readonly hasMark: boolean;
  readonly isSelected: boolean;
  readonly user: string;
  readonly width: number;
  readonly today: string;
}

interface Kept {
  readonly context: Context;
  readonly rows: readonly Row[];
}

/** Items never change: what they look like is kept as long as they are. */
const kept = new WeakMap<TimelineItem, Kept>();

/** A room's items as blocks of rows, which are made when they are asked for. */
export class Messages {
  readonly #timeline: Pick<Timeline, "at">;
  readonly #items: readonly TimelineItem[];
  readonly #look: Look;
  readonly #today: string;
  readonly #firstNew: number;
  readonly #marked: ReadonlySet<number>;

  constructor(timeline: Pick<Timeline, "items" | "at">, look: Look) {
    this.#timeline = timeline;
    this.#items = timeline.items;
    this.#look = look;
    this.#today = dayKey(look.nowMs);
    this.#firstNew = this.#items.findIndex((item) => isNew(item, look));
    this.#marked = markedOf(this.#items);
  }

  get count(): number {
    return this.#items.length;
  }

  /** Whether something is new. */
  get hasNew(): boolean {
    return this.#firstNew !== -1;
  }

  keyAt(index: number): string {
    return this.#items[index]!.key;
  }

  /** -1 if there is none. */
  indexOf(key: string): number {
    return this.#items.findLastIndex((item) => item.key === key);
  }

  rowsAt(index: number): readonly Row[] {
    const item = this.#items[index]!;
    const context: Context = {
      before: this.#items[index - 1],
      repliedTo:
        item.kind === "message" && item.replyTo !== undefined ? this.#timeline.at(item.replyTo) : undefined,
      // All of a room is not new in a way that anybody needs to be told.
      isFirstNew: index > 0 && index === this.#firstNew,
      hasMark: this.#marked.has(index),
      isSelected: item.key === this.#look.selected,
      user: this.#look.user,
      width: this.#look.width,
      today: this.#today,
    };
    const before = kept.get(item);
    if (before !== undefined && isSame(before.context, context)) return before.rows;
    const rows = itemRows(item, context);
    kept.set(item, { context, rows });
    return rows;
  }
}

function isSame(a: Context, b: Context): boolean {
  return (Object.keys(a) as (keyof Context)[]).every((name) => a[name] === b[name]);
}

function isNew(item: TimelineItem, { user, readBefore }: Look): boolean {
  return item.kind === "message" && item.author !== user && (item.position ?? 0) > readBefore;
}

/** The last own messages of each state. */
function markedOf(items: readonly TimelineItem[]): ReadonlySet<number> {
  const marked = new Set<number>();
  const seen = new Set<MessageState>();
  for (let i = items.length - 1; i >= 0 && !seen.has("read"); i--) {
    const item = items[i]!;
    if (item.kind !== "message" || item.state === undefined) continue;
    const isUnderWay = item.state === "sending" || item.state === "uploading" || item.state === "failed";
    if (isUnderWay || !seen.has(item.state)) marked.add(i);
    seen.add(item.state);
  }
  return marked;
}

function itemRows(item: TimelineItem, context: Context): readonly Row[] {
  const { before, width, today, isFirstNew } = context;
  const isNewDay = before === undefined || dayKey(before.timeMs) !== dayKey(item.timeMs);
  const isBegun = !isNewDay && !isFirstNew;
  const own = item.kind === "message" ? messageRows(item, context, isBegun) : happeningRows(item, width);
  return [
    ...(isNewDay ? [rule(dayText(item.timeMs, today), width, DIM)] : []),
    ...(isFirstNew ? [rule("new", width, { color: "bad" })] : []),
    ...(context.isSelected ? own.map(selected) : own),
  ];
}

function selected(row: Row): Row {
  return row.map(({ text, style }) => ({ text, style: { ...style, inverse: true } }));
}

function messageRows(item: MessageItem, context: Context, isBegun: boolean): Row[] {
  const { before, width } = context;
  const act = item.isDeleted ? undefined : emote(item.text);
  const isContinued =
    isBegun &&
    before?.kind === "message" &&
    before.author === item.author &&
    item.replyTo === undefined &&
    act === undefined &&
    emote(before.text) === undefined &&
    item.timeMs - before.timeMs < CONTINUED_MS;
  const column = authorWidth(width);
  const time = clockText(item.timeMs);
  const isSameMinute = isContinued && clockText(before!.timeMs) === time;
  const head: Span[] = [{ text: isSameMinute ? repeated(" ", TIME_WIDTH) : shown`${time} `, style: DIM }];
  const name = harmless(item.author);
  const nameStyle: Style = { bold: true, color: colorOf(item.author) };
  const above: Row[] = [];
  if (column === 0) {
    if (!isContinued && act === undefined)
      above.push([...head, { text: truncate(name, width - TIME_WIDTH), style: nameStyle }]);
  } else if (isContinued) head.push({ text: repeated(" ", column + 2) });
  else {
    const who = act === undefined ? truncate(name, column) : shown`*`;
    head.push(
      { text: repeated(" ", column - widthOf(who)) },
      { text: who, style: nameStyle },
      { text: shown`  ` },
    );
  }
  const indent = column === 0 ? 2 : TIME_WIDTH + column + 2;
  const inner = Math.max(1, width - indent);
  const body: Row[] = [];
  if (item.replyTo !== undefined) body.push(replyRow(item.replyTo, context.repliedTo, inner));
  body.push(...wrap(content(item, name, nameStyle, act, context.hasMark), inner));
  const margin = { text: repeated(" ", indent) };
  const isHeadAbove = column === 0;
  return [
    ...above,
    ...body.map((row, i) => (i === 0 && !isHeadAbove ? [...head, ...row] : [margin, ...row])),
  ];
}

function content(
  item: MessageItem,
  name: Harmless,
  nameStyle: Style,
  act: string | undefined,
  hasMark: boolean,
): Span[] {
  const { attachment, isDeleted, isEdited } = item;
  if (isDeleted) return [{ text: shown`this message was deleted`, style: { dim: true, italic: true } }];
  const spans: Span[] = [];
  if (attachment !== undefined) {
    spans.push({
      text: shown`[${attachment.name}, ${size(attachment.bytes)}]`,
      style: { color: "accent" },
    });
    if (item.position !== undefined) spans.push({ text: shown` /download #${item.position}`, style: DIM });
  }
  const text = harmlessLines((act ?? item.text).trimEnd());
  if (act !== undefined)
    spans.push({ text: name, style: nameStyle }, { text: joined([shown` `, text]), style: { italic: true } });
  else if (text !== "") spans.push({ text: attachment === undefined ? text : joined([shown`\n`, text]) });
  if (isEdited) spans.push({ text: shown` (edited)`, style: DIM });
  spans.push(...stateSpans(item, hasMark));
  return spans;
}

function stateSpans({ state, error, uploadedBytes = 0, attachment }: MessageItem, hasMark: boolean): Span[] {
  if (state === undefined || !hasMark) return [];
  switch (state) {
    case "uploading": {
      const part = attachment === undefined || attachment.bytes === 0 ? 1 : uploadedBytes / attachment.bytes;
      const full = Math.round(part * PROGRESS_WIDTH);
      const bar = joined([repeated("█", full), repeated("░", PROGRESS_WIDTH - full)]);
      return [{ text: shown` ${bar} ${Math.floor(part * 100)} %`, style: DIM }];
    }
    case "sending":
      return [{ text: shown` …`, style: DIM }];
    case "failed": {
      const why = error === undefined ? "" : `: ${messageOf(error)}`;
      return [{ text: shown` ✗ not sent${why}`, style: { color: "bad" } }];
    }
    case "stored":
      return [{ text: shown` ✓`, style: DIM }];
    case "delivered":
      return [{ text: shown` ✓✓`, style: DIM }];
    case "read":
      return [{ text: shown` ✓✓\u00a0read`, style: DIM }];
  }
}

function replyRow(position: number, repliedTo: TimelineItem | undefined, width: number): Row {
  if (repliedTo?.kind !== "message") return truncateRow([{ text: shown`↳ #${position}`, style: DIM }], width);
  const { author, text, attachment, isDeleted } = repliedTo;
  const said = isDeleted ? "(deleted)" : harmless(text) || harmless(attachment?.name ?? "");
  return truncateRow(
    [
      { text: shown`↳ `, style: DIM },
      { text: harmless(author), style: { color: colorOf(author) } },
      { text: shown` ${said}`, style: DIM },
    ],
    width,
  );
}

function happeningRows(item: HappeningItem, width: number): Row[] {
  const { author, by, text: topic = "" } = item;
  const what = {
    join: shown`${author} joined`,
    leave: by === undefined ? shown`${author} left` : shown`${author} was removed by ${by}`,
    topic: topic === "" ? shown`${author} removed the topic` : shown`${author} set the topic: ${topic}`,
  }[item.kind];
  const column = authorWidth(width);
  const indent = column === 0 ? 2 : TIME_WIDTH + column + 2;
  const head: Span = {
    text: column === 0 ? shown`* ` : shown`${clockText(item.timeMs)} ${repeated(" ", column - 1)}*  `,
    style: DIM,
  };
  return wrap([{ text: what, style: DIM }], Math.max(1, width - indent)).map((row, i) => [
    i === 0 ? head : { text: repeated(" ", indent) },
    ...row,
  ]);
}

/** A line across, with a word in it. */
export function rule(text: string, width: number, style: Style): Row {
  const word = text === "" ? "" : ` ${truncate(harmless(text), Math.max(0, width - 6))} `;
  return [{ text: shown`──${word}${repeated("─", Math.max(0, width - 2 - widthOf(word)))}`, style }];
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "long" });
const month = new Intl.DateTimeFormat("en", { month: "long" });

function clockText(timeMs: number): string {
  return clock.format(timeMs);
}

/** The same for all times of one local day. */
function dayKey(timeMs: number): string {
  return new Date(timeMs).toDateString();
}

function dayText(timeMs: number, today: string): string {
  if (dayKey(timeMs) === today) return "Today";
  const date = new Date(timeMs);
  return `${weekday.format(date)}, ${date.getDate()} ${month.format(date)} ${date.getFullYear()}`;
}
