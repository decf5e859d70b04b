/** What is around the messages, as rows. */
import type { ChatView, ConnectionState, PresenceState, Timeline } from "../../../apps/chat/client/entry.ts";
import { messageOf } from "../../exit.ts";
import { type Harmless, harmless, repeated, shown } from "../../harmless.ts";
import { colorOf, type Row, type Span, type Style } from "./style.ts";
import { spread, truncateRow, widthOf, wrap } from "./text.ts";

const DIM: Style = { dim: true };

/** Below so many columns there are no rooms at the side. */
const MIN_COLUMNS_FOR_ROOMS = 70;

/** How wide the list of rooms is: 0 if it is not there. */
export function roomsWidthOf(columns: number): number {
  if (columns < MIN_COLUMNS_FOR_ROOMS) return 0;
  return columns >= 110 ? 26 : 20;
}

const DOTS: Readonly<Record<PresenceState, Span>> = {
  online: { text: shown`●`, style: { color: "good" } },
  away: { text: shown`◐`, style: DIM },
  offline: { text: shown`○`, style: DIM },
};

/** The rooms and conversations, the shown one among them. */
export function roomRows(view: ChatView, width: number, height: number): Row[] {
  const { timelines } = view;
  const rows: Row[] = [];
  let shownAt = 0;
  for (const kind of ["room", "direct"] as const) {
    const own = timelines.filter(({ room }) => room.kind === kind);
    if (own.length === 0) continue;
    if (rows.length > 0) rows.push([]);
    rows.push([{ text: kind === "room" ? shown` Rooms` : shown` Direct messages`, style: DIM }]);
    for (const timeline of own) {
      if (timeline === view.shown) shownAt = rows.length;
      rows.push(roomRow(view, timeline, width));
    }
  }
  if (rows.length === 0) rows.push([{ text: shown` No rooms yet`, style: DIM }]);
  const first = Math.max(0, Math.min(shownAt - Math.floor(height / 2), rows.length - height));
  return rows.slice(first, first + height);
}

function roomRow(view: ChatView, timeline: Timeline, width: number): Row {
  const { room } = timeline;
  const isShown = timeline === view.shown;
  const own: Span = room.kind === "room" ? { text: shown`#`, style: DIM } : DOTS[view.presenceOf(room.name)];
  const sign = isShown ? { text: own.text } : own;
  const isUnread = isUnreadIn(timeline) && !isShown;
  const name: Span = { text: harmless(room.name), style: { bold: isUnread } };
  const count = isUnread
    ? [{ text: shown`${unreadText(timeline)} `, style: { bold: true, color: "bad" } as Style }]
    : [];
  return spread(
    [{ text: shown` ` }, sign, { text: shown` ` }, name],
    count,
    width,
    isShown ? { inverse: true } : undefined,
  );
}

function isUnreadIn(timeline: Timeline): boolean {
  return timeline.unread > 0 || timeline.hasMoreUnread;
}

function unreadText({ unread, hasMoreUnread }: Timeline): string {
  return `${unread}${hasMoreUnread ? "+" : ""}`;
}

/** What the shown room is. */
export function headerRow(view: ChatView, width: number): Row {
  const bar: Style = { inverse: true };
  const room = view.shown?.room;
  if (room === undefined)
    return spread([{ text: shown` sealgram chat`, style: { bold: true } }], [], width, bar);
  const isDirect = room.kind === "direct";
  const name: Span = { text: shown` ${isDirect ? "@" : "#"}${room.name}`, style: { bold: true } };
  const about = isDirect ? view.presenceOf(room.name) : room.topic;
  const members = `${room.memberCount} ${room.memberCount === 1 ? "member" : "members"}`;
  const access = room.access === "members" ? "members only, " : "";
  const left = about === "" ? [name] : [name, { text: shown`  ${about}` }];
  return spread(left, isDirect ? [] : [{ text: shown`${access}${members} ` }], width, bar);
}

/** Between messages and composer: who writes, and what is out of sight. */
export function ruleRow(
  timeline: Timeline | undefined,
  isAtEnd: boolean,
  unreadElsewhere: number,
  width: number,
): Row {
  const spans: Span[] = [{ text: shown`──`, style: DIM }];
  const typing = typingText(timeline?.typing ?? []);
  if (typing !== "") spans.push({ text: shown` ${typing} `, style: { italic: true } });
  const right: Span[] = [];
  if (!isAtEnd) {
    const below =
      timeline !== undefined && timeline.unread > 0 ? `${unreadText(timeline)} new below` : "older messages";
    right.push(
      { text: shown` ${below}: End `, style: { bold: true, color: "accent" } },
      { text: shown`──`, style: DIM },
    );
  }
  if (unreadElsewhere > 0) {
    right.push(
      { text: shown` ${unreadElsewhere} unread elsewhere `, style: { bold: true } },
      { text: shown`──`, style: DIM },
    );
  }
  const row = spread(spans, right, width);
  // What spread has left blank is the line.
  return row.map((span) =>
    /^ +$/.test(span.text) ? { text: repeated("─", span.text.length), style: DIM } : span,
  );
}

export function unreadElsewhere(view: ChatView): number {
  return view.timelines
    .filter((timeline) => timeline !== view.shown)
    .reduce((sum, { unread }) => sum + unread, 0);
}

function typingText(users: readonly string[]): string {
  const [first, second] = users;
  if (first === undefined) return "";
  if (second === undefined) return `${first} is typing …`;
  return users.length === 2 ? `${first} and ${second} are typing …` : "several people are typing …";
}

/** How the connection is. */
export function statusRow(view: ChatView, width: number, nowMs: number): Row {
  const { client, connection } = view;
  const help: Row = [{ text: shown`F1 help `, style: DIM }];
  const lost = lostText(connection, nowMs);
  if (lost !== undefined) {
    const style: Style = { bold: true, color: "bad" };
    return spread([{ text: shown` ○ ${lost}`, style }], help, width);
  }
  const { user, server, link } = client;
  const fingerprint = link.serverKey === undefined ? "" : ` ${link.serverKey}`;
  return spread(
    [
      { text: shown` ● `, style: { color: "good" } },
      { text: harmless(user.name), style: { color: colorOf(user.name) } },
      { text: shown` on ${server}, sealed${fingerprint}`, style: DIM },
    ],
    help,
    width,
  );
}

function lostText(connection: ConnectionState, nowMs: number): string | undefined {
  switch (connection.kind) {
    case "connected":
      return undefined;
    case "disconnected": {
      const seconds = Math.ceil((connection.retryAtMs - nowMs) / 1_000);
      return seconds > 0
        ? `connection lost: trying again in ${seconds} s`
        : "connection lost: trying again …";
    }
    case "closed":
      return connection.error === undefined ? "closed" : messageOf(connection.error);
  }
}

/** What the Tab key chooses from, the chosen one marked. */
export function choicesRow(names: readonly string[], index: number, width: number): Row {
  const spans: Span[] = [{ text: shown` ` }];
  for (const [i, name] of names.entries()) {
    if (i < index - 2 && index >= 0) continue;
    spans.push({ text: harmless(name), style: i === index ? { inverse: true } : DIM }, { text: shown`  ` });
  }
  return truncateRow(spans, width);
}

/** Lines that were asked for, in front of all else. */
export interface Panel {
  readonly title: Harmless;
  readonly lines: readonly Harmless[];
  /** The first line in sight. */
  readonly top: number;
}

/** Lines that are too long go on below the last of their columns; links as they are, for those who copy them. */
function panelLines({ lines }: Panel, width: number): Row[] {
  return lines.flatMap((line) => {
    if (/^sealgram:\S+$/.test(line)) return wrap([{ text: line }], width);
    const [columns] = /^ *(?:\S+(?: \S+)* {2,})?/.exec(line)!;
    const head = widthOf(columns) > width / 2 ? "" : columns;
    const indent = widthOf(head);
    return wrap([{ text: harmless(line.slice(head.length)) }], Math.max(1, width - 2 - indent)).map(
      (row, i) => [{ text: shown` ${i === 0 ? head : repeated(" ", indent)}` }, ...row],
    );
  });
}

/** The first line to be in sight after so many more. */
export function panelTop(panel: Panel, by: number, width: number, height: number): number {
  const last = Math.max(0, panelLines(panel, width).length - (height - 1));
  return Math.min(Math.max(0, panel.top + by), last);
}

export function panelRows(panel: Panel, width: number, height: number): Row[] {
  const lines = panelLines(panel, width);
  const isLonger = lines.length > height - 1;
  const keys = isLonger && width >= MIN_COLUMNS_FOR_ROOMS ? shown`PageUp, PageDown, Esc ` : shown`Esc `;
  const title = spread([{ text: shown` ${panel.title}`, style: { bold: true } }], [{ text: keys }], width, {
    inverse: true,
  });
  return [title, ...lines.slice(panel.top, panel.top + height - 1)];
}
