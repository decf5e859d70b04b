/** Text with its looks, before it is a terminal's. */
import type { Harmless } from "../../harmless.ts";

export interface Style {
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  readonly strike?: boolean;
  readonly color?: Color;
}

/** What has gone wrong, what is well, what is to be seen, or one of {@link USER_COLORS}. */
export type Color = "bad" | "good" | "accent" | number;

export interface Span {
  readonly text: Harmless;
  readonly style?: Style;
}

/** One line of the screen. */
export type Row = readonly Span[];

/** Colours that a terminal has: none, those of its theme, or the 256 of xterm. */
export type Depth = 0 | 16 | 256;

/** Of xterm's 256: as far from white as from black, so that they can be read on both. */
const USER_256 = [167, 130, 100, 64, 29, 31, 62, 98, 128, 162, 94, 66] as const;
const USER_16 = [31, 32, 33, 34, 35, 36] as const;
export const USER_COLORS: number = USER_256.length;

const NAMED = { bad: [31, 160], good: [32, 28], accent: [36, 31] } as const;

/** Always the same for a name. */
export function colorOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return hash % USER_COLORS;
}

/** As https://no-color.org has it, and by the terminal's name. */
export function depthOf(env: Readonly<Record<string, string | undefined>>): Depth {
  if ((env.NO_COLOR ?? "") !== "") return 0;
  const isRich =
    (env.COLORTERM ?? "") !== "" || /256|kitty|alacritty|ghostty|wezterm|foot/.test(env.TERM ?? "");
  return isRich ? 256 : 16;
}

function colorCode(color: Color, depth: Depth): string | undefined {
  if (depth === 0) return undefined;
  if (typeof color === "string") return depth === 16 ? `${NAMED[color][0]}` : `38;5;${NAMED[color][1]}`;
  return depth === 16 ? `${USER_16[color % USER_16.length]}` : `38;5;${USER_256[color]}`;
}

const MARKS = [
  ["bold", 1, 22],
  ["dim", 2, 22],
  ["italic", 3, 23],
  ["underline", 4, 24],
  ["inverse", 7, 27],
  ["strike", 9, 29],
] as const;

/** The row with SGR sequences, each of which is taken back behind its span. */
export function sgr(row: Row, depth: Depth): string {
  return row
    .map(({ text, style }) => {
      if (style === undefined || text === "") return text;
      const on: string[] = [];
      const off = new Set<string>();
      for (const [name, begin, end] of MARKS) {
        if (style[name] !== true) continue;
        on.push(`${begin}`);
        off.add(`${end}`);
      }
      const code = style.color === undefined ? undefined : colorCode(style.color, depth);
      if (code !== undefined) {
        on.push(code);
        off.add("39");
      }
      return on.length === 0 ? text : `\x1b[${on.join(";")}m${text}\x1b[${[...off].join(";")}m`;
    })
    .join("");
}
