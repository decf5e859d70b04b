/**
 * What the command says. Payload and results go to stdout, what happens goes to stderr: as sentences for people, or
 * with --json as one JSON object a line, with the name of the event in `event`.
 */
import process from "node:process";
import { codeOf, isWrongUsage, messageOf } from "./exit.ts";
import { harmlessJson, shown } from "./harmless.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface Report {
  /** @param text the same for people */
  event(name: string, fields: Fields, text: string): void;
  /** What the command was asked for, in a line or several. With --json it is an event too, on stdout. */
  result(name: string, fields: Fields, ...texts: string[]): void;
  warn(code: string, text: string): void;
  /** @param help what to run for help, if the command line is at fault */
  error(error: unknown, help: string): void;
}

export function createReport(isJson: boolean): Report {
  const write = (stream: NodeJS.WriteStream, name: string, fields: Fields, texts: string[], before = "") => {
    const lines = isJson
      ? [harmlessJson({ event: name, ...fields })]
      : texts.map((text) => shown`${before}${text}`);
    stream.write(`${lines.join("\n")}\n`);
  };
  const say = (name: string, fields: Fields, ...texts: string[]) =>
    write(process.stderr, name, fields, texts, "sealgram: ");
  const event: Report["event"] = (name, fields, text) => say(name, fields, text);
  return {
    event,
    result: (name, fields, ...texts) => write(process.stdout, name, fields, texts),
    warn: (code, text) => event("warning", { code, message: text }, `warning: ${text}`),
    error(error, help) {
      const isUsage = isWrongUsage(error);
      // What the command does not expect is a fault of its own, to be found by its stack.
      const isFault = !isUsage && (error instanceof TypeError || error instanceof ReferenceError);
      const text = (isFault && error.stack) || messageOf(error);
      // parseArgs goes on about positional arguments.
      const message = isUsage ? text.split(". ")[0]! : text;
      const code = isUsage ? "usage" : (codeOf(error) ?? "failed");
      const texts = isFault ? message.split("\n") : [message];
      say("error", { code, message }, ...texts, ...(isUsage ? [`see ${help}`] : []));
    },
  };
}
