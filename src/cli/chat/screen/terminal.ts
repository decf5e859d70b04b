/** The terminal as a whole screen: taken, painted, and given back as it was. */
import { writeSync } from "node:fs";
import process from "node:process";
import { type Key, KeyReader } from "./keys.ts";

/** A whole screen. */
export interface Frame {
  /** Lines with SGR sequences, each of which is taken back in its line. */
  readonly lines: readonly string[];
  /** Where the cursor is seen, from 0; nowhere if there is none. */
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
}

// The alternate screen; no wrapping, as not all terminals agree on what is how wide; pastes in brackets; focus told.
const ENTER = "\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[?1004h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?2026l\x1b[m\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Terminals that do not know it take no notice. */
const SYNC_BEGIN = "\x1b[?2026h";
const SYNC_END = "\x1b[?2026l";
/** So soon follows the rest of an escape sequence, over SSH as well. */
const ESCAPE_MS = 60;
const FALLBACK = { columns: 80, rows: 24 };

export interface TerminalEvents {
  keys(keys: readonly Key[]): void;
  /** Its size may be another, and nothing of what was painted is there. */
  resized(): void;
  /** It is gone. */
  ended(): void;
}

export class Terminal {
  readonly #events: TerminalEvents;
  readonly #reader = new KeyReader();
  #painted: readonly string[] = [];
  /** What has put the cursor where it is. */
  #place = "";
  #waiting: Frame | undefined;
  #isTaken = false;
  #flush: ReturnType<typeof setTimeout> | undefined;

  constructor(events: TerminalEvents) {
    this.#events = events;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    return { columns: columns || FALLBACK.columns, rows: rows || FALLBACK.rows };
  }

  take(): void {
    this.#begin();
    process.stdin.on("data", this.#data);
    process.stdin.on("end", this.#ended);
    process.stdin.on("error", this.#ended);
    process.stdout.on("error", this.#ended);
    process.stdout.on("drain", this.#drained);
    process.stdout.on("resize", this.#resized);
    // However the process ends: what is left of the screen would be all that is seen of why.
    process.on("exit", this.#exit);
    process.on("uncaughtExceptionMonitor", this.#exit);
    process.on("SIGCONT", this.#continued);
  }

  giveBack(): void {
    clearTimeout(this.#flush);
    process.stdin.off("data", this.#data);
    process.stdin.off("end", this.#ended);
    process.stdin.off("error", this.#ended);
    process.stdout.off("error", this.#ended);
    process.stdout.off("drain", this.#drained);
    process.stdout.off("resize", this.#resized);
    process.off("exit", this.#exit);
    process.off("uncaughtExceptionMonitor", this.#exit);
    process.off("SIGCONT", this.#continued);
    this.#end((text) => process.stdout.write(text));
    process.stdin.pause();
  }

  /** As Ctrl-Z does elsewhere: the shell has the terminal until it lets this process go on. */
  suspend(): void {
    this.#end((text) => writeSync(1, text));
    process.kill(process.pid, "SIGTSTP");
  }

  bell(): void {
    if (this.#isTaken) process.stdout.write("\x07");
  }

  /** What was painted may not be there any more. */
  forget(): void {
    this.#painted = [];
  }

  /** Paints what is not there yet. What a slow line cannot take waits, and only the last of it. */
  paint(frame: Frame): void {
    if (!this.#isTaken) return;
    if (process.stdout.writableNeedDrain) {
      this.#waiting = frame;
      return;
    }
    const { lines, cursor } = frame;
    let text = "";
    for (const [y, line] of lines.entries()) {
      if (line !== this.#painted[y]) text += `\x1b[${y + 1};1H\x1b[K${line}`;
    }
    const place = cursor === undefined ? "" : `\x1b[${cursor.y + 1};${cursor.x + 1}H\x1b[?25h`;
    if (text === "" && place === this.#place) return;
    this.#painted = lines;
    this.#place = place;
    process.stdout.write(`${SYNC_BEGIN}\x1b[?25l${text}${place}${SYNC_END}`);
  }

  #begin(): void {
    this.#isTaken = true;
    this.#painted = [];
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(ENTER);
  }

  #end(write: (text: string) => void): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    try {
      process.stdin.setRawMode(false);
      write(LEAVE);
    } catch {
      // Where it is gone, there is nothing to give back.
    }
  }

  readonly #exit = (): void => this.#end((text) => writeSync(1, text));

  readonly #continued = (): void => {
    if (!this.#isTaken) this.#begin();
    this.#resized();
  };

  readonly #resized = (): void => {
    this.#painted = [];
    this.#events.resized();
  };

  readonly #ended = (): void => this.#events.ended();

  readonly #drained = (): void => {
    const frame = this.#waiting;
    this.#waiting = undefined;
    if (frame !== undefined) this.paint(frame);
  };

  readonly #data = (data: Uint8Array | string): void => {
    clearTimeout(this.#flush);
    const keys = this.#reader.push(typeof data === "string" ? new TextEncoder().encode(data) : data);
    if (this.#reader.isPending) {
      this.#flush = setTimeout(() => this.#events.keys(this.#reader.flush()), ESCAPE_MS);
    }
    if (keys.length > 0) this.#events.keys(keys);
  };
}
