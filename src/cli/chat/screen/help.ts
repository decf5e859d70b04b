/** What there is to press and to say. */
import { slashHelp } from "../slash.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["Enter", "sends; Alt-Enter or Ctrl-J begins a new line"],
  ["Tab", "completes commands, #rooms, @users, and files behind /upload"],
  ["Ctrl-N, Ctrl-P", "to the next or previous room; so do Alt-Down and Alt-Up"],
  ["Alt-A", "to the next room with something unread"],
  [
    "PageUp, PageDown",
    "older and newer messages; Home and End where nothing is written, or Ctrl-Home and Ctrl-End",
  ],
  ["Ctrl-Up, Ctrl-Down", "selects a message, which /reply, /edit, /delete and /download are about"],
  ["Up, Down", "what you have sent before"],
  ["Ctrl-R, Ctrl-X", "what could not be sent: sends it again, or takes it back"],
  ["Ctrl-A, -E, -W, -U, -K, -Y", "editing, as in a shell"],
  ["Ctrl-L", "paints everything anew"],
  ["Ctrl-Z", "to the shell; fg comes back"],
  ["Ctrl-C, Ctrl-D", "ends"],
];

const MARKS: readonly (readonly [string, string])[] = [
  ["…", "on its way"],
  ["✓", "stored by the server"],
  ["✓✓", "received by everybody in the room"],
  ["✓✓ read", "read by everybody in the room"],
  ["✗", "not sent"],
];

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

export function keysHelp(): string[] {
  return table(KEYS);
}

export function helpLines(): string[] {
  return [
    "Keys",
    ...keysHelp(),
    "",
    "Commands",
    ...slashHelp().map((line) => `  ${line}`),
    "",
    "Behind your messages",
    ...table(MARKS),
  ];
}
