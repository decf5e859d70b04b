/** The chat on stdout: lines for people, or with --json an object a line for each event. */
import process from "node:process";
import type { ChatRoom } from "../../apps/chat/client/entry.ts";
import { codeOf, ExitCode, messageOf, Stopped } from "../exit.ts";
import { type Harmless, harmlessJson, joined } from "../harmless.ts";
import type { Report } from "../report.ts";

type Fields = Readonly<Record<string, unknown>>;

export class PlainOutput {
  /** Rejects when nobody reads any more, or writing fails. */
  readonly broken: Promise<never>;
  readonly #isJson: boolean;
  readonly #report: Report;

  constructor(isJson: boolean, report: Report) {
    this.#isJson = isJson;
    this.#report = report;
    this.broken = new Promise((_, reject) => {
      process.stdout.on("error", (error) => {
        reject(codeOf(error) === "EPIPE" ? new Stopped(ExitCode.brokenPipe) : error);
      });
    });
    this.broken.catch(() => {});
  }

  /** Something of the chat. */
  say(event: string, fields: Fields, lines: readonly Harmless[]): void {
    if (this.#isJson) this.#json(event, fields);
    else if (lines.length > 0) this.#write(joined(lines, "\n"));
  }

  /** Something about the program or its connection: for people on stderr. */
  tell(event: string, fields: Fields, text: string): void {
    if (this.#isJson) this.#json(event, fields);
    else this.#report.event(event, fields, text);
  }

  error(error: unknown, fields: Fields): void {
    const message = messageOf(error);
    this.tell("error", { code: codeOf(error) ?? "failed", message, ...fields }, message);
  }

  #json(event: string, fields: Fields): void {
    this.#write(harmlessJson({ event, ...fields }));
  }

  #write(text: Harmless): void {
    process.stdout.write(`${text}\n`);
  }

  /** Settles once stdout takes more. */
  async ready(): Promise<void> {
    if (!process.stdout.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      process.stdout.once("drain", resolve);
      // Whoever waits is told of the error elsewhere.
      process.stdout.once("error", () => resolve());
    });
  }
}

/** A room in the fields of an event. */
export function roomFields(room: ChatRoom): Fields {
  return { room: room.kind === "direct" ? `@${room.name}` : room.name, roomId: room.id };
}
