/** The text that is being written: what keys do to it. */
import { tailOf } from "../tail.ts";
import { graphemes, widthOf } from "./text.ts";

/** A line of the text on the screen: from one index to another. */
export interface Line {
  readonly begin: number;
  readonly end: number;
}

const MAX_HISTORY = 200;
const IN_WORDS = /[\p{L}\p{N}\p{M}_]/u;
const BETWEEN_WORDS = /[^\p{L}\p{N}\p{M}_]/u;

export class Editor {
  #text = "";
  /** An index of the text, between graphemes. */
  #cursor = 0;
  #killed = "";
  /** What was sent, newest last; shared by the editors of all rooms. */
  readonly #history: string[];
  /** How far back the text is from; 0 is what was written. */
  #back = 0;
  #draft = "";

  constructor(history: string[] = []) {
    this.#history = history;
  }

  get text(): string {
    return this.#text;
  }

  get cursor(): number {
    return this.#cursor;
  }

  set(text: string, cursor: number = text.length): void {
    this.#text = text;
    this.#cursor = cursor;
  }

  insert(text: string): void {
    this.replace(this.#cursor, this.#cursor, text);
  }

  /** The cursor is behind what was put there. */
  replace(begin: number, end: number, text: string): void {
    this.set(this.#text.slice(0, begin) + text + this.#text.slice(end), begin + text.length);
  }

  /** What is written is gone, and can be had again by {@link up}. */
  take(): string {
    const text = this.#text;
    if (text.trim() !== "" && this.#history.at(-1) !== text) this.#history.push(text);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#back = 0;
    this.#draft = "";
    this.set("");
    return text;
  }

  /**
   * What a key does that is known here.
   * @param width in columns, of what {@link lines} has made of it
   * @returns whether it is
   */
  press(chord: string, width: number): boolean {
    const action = this.#actions[chord];
    action?.(width);
    return action !== undefined;
  }

  readonly #actions: Readonly<Record<string, (width: number) => void>> = {
    left: () => this.#to(this.#before()),
    right: () => this.#to(this.#after()),
    "ctrl+b": () => this.#to(this.#before()),
    "ctrl+f": () => this.#to(this.#after()),
    "ctrl+left": () => this.#to(this.#wordBefore()),
    "ctrl+right": () => this.#to(this.#wordAfter()),
    "alt+left": () => this.#to(this.#wordBefore()),
    "alt+right": () => this.#to(this.#wordAfter()),
    "alt+b": () => this.#to(this.#wordBefore()),
    "alt+f": () => this.#to(this.#wordAfter()),
    "ctrl+a": () => this.#to(this.#lineBegin()),
    "ctrl+e": () => this.#to(this.#lineEnd()),
    home: () => this.#to(this.#lineBegin()),
    end: () => this.#to(this.#lineEnd()),
    backspace: () => this.replace(this.#before(), this.#cursor, ""),
    delete: () => this.replace(this.#cursor, this.#after(), ""),
    "ctrl+w": () => this.#kill(this.#blankBefore(), this.#cursor),
    "alt+backspace": () => this.#kill(this.#wordBefore(), this.#cursor),
    "alt+d": () => this.#kill(this.#cursor, this.#wordAfter()),
    "ctrl+delete": () => this.#kill(this.#cursor, this.#wordAfter()),
    "ctrl+u": () => this.#kill(this.#lineBegin(), this.#cursor),
    "ctrl+k": () => {
      const end = this.#lineEnd();
      // At the end of a line, what joins it to the next.
      this.#kill(this.#cursor, end === this.#cursor ? this.#after() : end);
    },
    "ctrl+y": () => this.insert(this.#killed),
    "alt+enter": () => this.insert("\n"),
    "shift+enter": () => this.insert("\n"),
    "ctrl+enter": () => this.insert("\n"),
    "ctrl+j": () => this.insert("\n"),
    up: (width) => this.#vertical(-1, width),
    down: (width) => this.#vertical(1, width),
  };

  #to(cursor: number): void {
    this.#cursor = cursor;
  }

  #kill(begin: number, end: number): void {
    if (begin === end) return;
    this.#killed = this.#text.slice(begin, end);
    this.replace(begin, end, "");
    this.#cursor = begin;
  }

  #before(): number {
    return this.#cursor - (graphemes(this.#text.slice(0, this.#cursor)).at(-1)?.length ?? 0);
  }

  #after(): number {
    return this.#cursor + (graphemes(this.#text.slice(this.#cursor))[0]?.length ?? 0);
  }

  #wordBefore(): number {
    const before = this.#text.slice(0, this.#cursor);
    return tailOf(before.slice(0, tailOf(before, BETWEEN_WORDS)), IN_WORDS);
  }

  #wordAfter(): number {
    const [word] = /^[^\p{L}\p{N}\p{M}_]*[\p{L}\p{N}\p{M}_]*/u.exec(this.#text.slice(this.#cursor))!;
    return this.#cursor + word.length;
  }

  #blankBefore(): number {
    const before = this.#text.slice(0, this.#cursor);
    return tailOf(before.slice(0, tailOf(before, /\s/u)), /\S/u);
  }

  #lineBegin(): number {
    return this.#text.slice(0, this.#cursor).lastIndexOf("\n") + 1;
  }

  #lineEnd(): number {
    const end = this.#text.indexOf("\n", this.#cursor);
    return end === -1 ? this.#text.length : end;
  }

  /** To the line above or below; beyond the first and the last, through what was sent. */
  #vertical(by: -1 | 1, width: number): void {
    const lines = linesOf(this.#text, width);
    const at = lineAt(lines, this.#cursor);
    const to = lines[at + by];
    if (to === undefined) {
      this.#recall(-by);
      return;
    }
    const column = widthOf(this.#text.slice(lines[at]!.begin, this.#cursor));
    let cursor = to.begin;
    let used = 0;
    for (const character of graphemes(this.#text.slice(to.begin, to.end))) {
      used += widthOf(character);
      if (used > column) break;
      cursor += character.length;
    }
    this.#cursor = cursor;
  }

  #recall(by: number): void {
    const back = this.#back + by;
    if (back < 0 || back > this.#history.length) return;
    if (this.#back === 0) this.#draft = this.#text;
    this.#back = back;
    this.set(back === 0 ? this.#draft : this.#history.at(-back)!);
  }
}

/**
 * The lines that a text has where so many columns are: broken wherever they end, so that the cursor goes from one to the
 * next with no character lost in between.
 */
export function linesOf(text: string, width: number): Line[] {
  const lines: Line[] = [];
  let begin = 0;
  let used = 0;
  let at = 0;
  for (const character of graphemes(text)) {
    if (character === "\n") {
      lines.push({ begin, end: at });
      begin = at + 1;
      used = 0;
    } else {
      const own = widthOf(character);
      if (used + own > width && at > begin) {
        lines.push({ begin, end: at });
        begin = at;
        used = 0;
      }
      used += own;
    }
    at += character.length;
  }
  lines.push({ begin, end: at });
  // Room for the cursor behind the last character.
  if (used >= width && at > begin) lines.push({ begin: at, end: at });
  return lines;
}

/** The index of the line that a cursor is on: of two that it could be on, the second. */
export function lineAt(lines: readonly Line[], cursor: number): number {
  return Math.max(
    0,
    lines.findLastIndex(({ begin }) => begin <= cursor),
  );
}
