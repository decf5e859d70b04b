/** The built command on a terminal: a real one of the system's, whose screen is looked at. */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import xterm from "@xterm/headless";
import { onTestFinished } from "vitest";
import { program } from "./support.ts";

/** util-linux' `script` opens a terminal for a command, and is there wherever Linux is. */
const SCRIPT = findScript();

function findScript(): string {
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "script"))
    .find((path) => existsSync(path));
  if (found === undefined)
    throw new Error("no script (of util-linux) in PATH: it opens the terminals of these tests");
  return found;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export interface TtyOptions {
  /** What runs the command. */
  readonly command?: readonly string[];
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A shell in a terminal, in which the command runs. */
export class Tty {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #screen: xterm.Terminal;
  readonly #waiting = new Set<() => void>();
  #said = "";
  #isOver = false;

  constructor(args: readonly string[], options: TtyOptions = {}) {
    const { command = [process.execPath], columns = 80, rows = 24, env = {} } = options;
    this.#screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    const line = [...command, program, ...args].map(quote).join(" ");
    // What the terminal is like is told before and after; the shell goes on until it is told to end.
    const shell = `stty rows ${rows} cols ${columns}; echo "tty=$(tty)"; echo "before=$(stty -g)"; sh -c ${quote(`echo "pid=$$"; exec ${line}`)}; echo "code=$?"; echo "after=$(stty -g)"; cat`;
    this.#child = spawn(SCRIPT, ["--quiet", "--flush", "--command", shell, "/dev/null"], {
      env: { ...process.env, NO_COLOR: "", COLORTERM: "", TERM: "xterm-256color", SHELL: "/bin/sh", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdin.on("error", () => {});
    this.#child.stdout.on("data", (data: Uint8Array) => {
      this.#said += Buffer.from(data).toString("latin1");
      this.#screen.write(data, () => this.#look());
    });
    this.#child.on("close", () => {
      this.#isOver = true;
      this.#look();
    });
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** The lines of the screen, without the spaces at their ends. */
  get lines(): string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, y) =>
        active
          .getLine(active.baseY + y)
          ?.translateToString(false, 0, this.#screen.cols)
          .trimEnd() ?? "",
    );
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** All that was ever written to it, escape sequences and all, as Latin-1. */
  get said(): string {
    return this.#said;
  }

  get cursor(): { readonly x: number; readonly y: number } {
    const { cursorX: x, cursorY: y } = this.#screen.buffer.active;
    return { x, y };
  }

  /** Whether something has taken the whole screen. */
  get isTaken(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  /** Settles once the screen is so. */
  async until(condition: string | RegExp | ((text: string) => boolean)): Promise<void> {
    const holds = () => {
      const { text } = this;
      if (typeof condition === "function") return condition(text);
      return typeof condition === "string" ? text.includes(condition) : condition.test(text);
    };
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => finish(new Error(`it does not come to ${condition}:\n${this.text}`)),
        30_000,
      );
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = () => {
        if (holds()) finish();
        else if (this.#isOver) finish(new Error(`it ended before ${condition}:\n${this.text}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** What was said as `name=value` by the shell. */
  async value(name: string): Promise<string> {
    const find = () => new RegExp(`${name}=([\\w:/]+)\\r`).exec(this.#said)?.[1];
    await this.until(() => find() !== undefined);
    return find()!;
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** A signal for the command. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    process.kill(Number(await this.value("pid")), signal);
  }

  /** As a window that gets another size. */
  async resize(columns: number, rows: number): Promise<void> {
    this.#screen.resize(columns, rows);
    execFileSync("stty", ["-F", await this.value("tty"), "rows", `${rows}`, "cols", `${columns}`]);
  }
}
