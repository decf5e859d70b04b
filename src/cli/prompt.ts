/** Asks for a password on the terminal, which does not show it. */
import { openSync } from "node:fs";
import process from "node:process";
import { ReadStream } from "node:tty";
import { ExitCode, Stopped, UsageError } from "./exit.ts";
import { shown } from "./harmless.ts";

/** As much of a terminal as is used here. */
export interface Terminal {
  readonly input: Pick<NodeJS.ReadStream, "on" | "off" | "pause" | "resume" | "unshift" | "setRawMode">;
  write(text: string): void;
  close(): void;
}

/** The terminal of this process, even if its input comes from elsewhere. `undefined` if it has none. */
export function openTerminal(): Terminal | undefined {
  const write = (text: string) => void process.stderr.write(text);
  const { stdin } = process;
  if (stdin.isTTY) return { input: stdin, write, close: () => stdin.pause() };
  try {
    const input = new ReadStream(openSync("/dev/tty", "r"));
    return { input, write, close: () => input.destroy() };
  } catch {
    return undefined;
  }
}

/** A password, asked for once, or twice if it is new. */
export async function askPassword(
  question: string,
  isNew: boolean,
  terminal: Terminal | undefined,
): Promise<string> {
  if (terminal === undefined) {
    throw new UsageError("there is no terminal to ask for the password on: use --password-file");
  }
  try {
    const password = await askHidden(terminal, shown`${question}: `);
    if (isNew && (await askHidden(terminal, "The same again: ")) !== password) {
      throw new Error("these are two different passwords");
    }
    return password;
  } finally {
    terminal.close();
  }
}

const Key = { interrupt: "\x03", end: "\x04", backspace: "\b", clear: "\x15", erase: "\x7f" } as const;

/** In raw mode the terminal shows nothing, and its editing and Ctrl-C are ours. */
function askHidden({ input, write }: Terminal, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // First: what is typed as soon as the question is there is not to be shown either.
    input.setRawMode(true);
    write(question);
    const decoder = new TextDecoder();
    let typed: string[] = [];
    const finish = (rest: string, then: () => void) => {
      input.off("data", take);
      input.pause();
      // What was typed ahead belongs to whoever asks next.
      if (rest !== "") input.unshift(new TextEncoder().encode(rest));
      input.setRawMode(false);
      write("\n");
      then();
    };
    const take = (data: Uint8Array | string) => {
      const keys = [...(typeof data === "string" ? data : decoder.decode(data, { stream: true }))];
      for (const [index, key] of keys.entries()) {
        const rest = () => keys.slice(index + 1).join("");
        if (key === "\r" || key === "\n") return finish(rest(), () => resolve(typed.join("")));
        if (key === Key.interrupt || key === Key.end) {
          return finish("", () => reject(new Stopped(ExitCode.interrupted)));
        }
        if (key === Key.erase || key === Key.backspace) typed.pop();
        else if (key === Key.clear) typed = [];
        else typed.push(key);
      }
    };
    input.on("data", take);
    input.resume();
  });
}
