/** The chat a line at a time: for pipes, scripts and screen readers. */
import process from "node:process";
import { ChatError, type ChatRoom, type Client, type Entry, newId } from "../../apps/chat/client/entry.ts";
import { Limit } from "../../apps/chat/protocol.ts";
import { Stopped } from "../exit.ts";
import { shown } from "../harmless.ts";
import { lines } from "../input.ts";
import { askPassword, openTerminal } from "../prompt.ts";
import type { Report } from "../report.ts";
import { type Action, ActionError } from "./action.ts";
import type { FileToSend } from "./files.ts";
import { typed } from "./input.ts";
import { parseJsonLine, type Tag } from "./json-input.ts";
import { Lately } from "./lately.ts";
import type { KeepLogin } from "./login.ts";
import {
  firstRoom,
  messagesBefore,
  type Outcome,
  type Place,
  perform,
  type SendingOptions,
  type StoredFile,
  type StoredMessage,
} from "./perform.ts";
import { PlainOutput, roomFields } from "./plain-output.ts";
import { parseLine } from "./slash.ts";
import { entryLines, outcomeLines, roomLabel, size } from "./words.ts";

export interface PlainOptions {
  readonly isJson: boolean;
  /** The room to begin in. */
  readonly room: string | undefined;
  /** Messages of the past to begin with. */
  readonly history: number;
  /** Whether lines are messages whatever they begin with. */
  readonly isVerbatim: boolean;
  /** Whether it goes on after the end of the input. */
  readonly isStaying: boolean;
  /** How long it waits, after the end of the input, for everything to be stored. */
  readonly drainMs: number;
  readonly downloads: string | undefined;
}

/** Messages that may wait to be stored before the input waits. */
const MAX_PENDING = 256;
/** What an action takes in JSON, at most. */
const MAX_LINE_BYTES = 6 * Limit.text + 16_384;
const PROGRESS_MS = 1_000;

export class PlainChat implements Place {
  readonly client: Client;
  readonly keepLogin: KeepLogin;
  readonly downloads: string | undefined;
  readonly #options: PlainOptions;
  readonly #output: PlainOutput;
  readonly #lately = new Lately();
  /** Own messages of this client that the terminal shows as they were typed. */
  readonly #typed: Set<string> | undefined;
  readonly #running = new Set<Promise<void>>();
  #room: ChatRoom | undefined;
  /** Entries that have come before the past was told. */
  #held: { room: ChatRoom; entry: Entry }[] | undefined = [];
  #hasQuit = false;
  #progressMs = 0;

  constructor(client: Client, keepLogin: KeepLogin, options: PlainOptions, report: Report) {
    this.client = client;
    this.keepLogin = keepLogin;
    this.downloads = options.downloads;
    this.#options = options;
    this.#output = new PlainOutput(options.isJson, report);
    const isTyped = !options.isJson && process.stdin.isTTY === true && process.stdout.isTTY === true;
    this.#typed = isTyped ? new Set() : undefined;
    this.#listen();
  }

  /**
   * Until the input has ended and everything is stored, or it is ended by `/quit` or by the server.
   * @throws ChatError disconnected if not everything is stored in time
   */
  async run(): Promise<void> {
    await Promise.race([this.#converse(), this.client.closed, this.#output.broken]);
  }

  async #converse(): Promise<void> {
    this.#connected();
    void this.#takeNoFaster();
    this.#room = await this.#firstRoom();
    if (this.#room !== undefined) {
      this.#sayOutcome({ event: "opened", room: this.#room }, undefined);
      await this.#tellPast(this.#room);
    }
    this.#release();
    const tooLong = (maxBytes: number) =>
      this.#output.error(new ActionError(`a line has more than ${maxBytes} bytes`), {});
    const decoder = new TextDecoder();
    const input = process.stdin.isTTY ? typed(process.stdin) : process.stdin;
    for await (const bytes of lines(input, () => MAX_LINE_BYTES, tooLong)) {
      await this.#take(decoder.decode(bytes).replace(/\r$/, ""));
      if (this.#hasQuit) break;
    }
    if (!this.#hasQuit && this.#options.isStaying) await this.client.closed;
    await this.#drain();
  }

  // What happens

  #listen(): void {
    const { client } = this;
    const output = this.#output;
    client.on("connected", () => this.#connected());
    client.on("disconnected", ({ error, retryAfterMs }) => {
      const seconds = Math.max(1, Math.round(retryAfterMs / 1_000));
      const fields = {
        code: (error as { code?: string }).code ?? "failed",
        message: error.message,
        retryAfterMs,
      };
      output.tell("disconnected", fields, `the connection is lost; trying again in ${seconds} s`);
    });
    client.on("closed", ({ error }) => {
      const { code = "failed", message } = (error ?? {}) as { code?: string; message?: string };
      if (this.#options.isJson) output.tell("closed", error === undefined ? {} : { code, message }, "");
    });
    client.on("entry", ({ room, entry }) => {
      if (this.#held === undefined) this.#entry(room, entry);
      else this.#held.push({ room, entry });
    });
    client.on("room", ({ room }) => {
      output.say("room", { ...roomFields(room), topic: room.topic, role: room.role }, []);
    });
    client.on("left", ({ room, by }) => {
      const why =
        by === undefined ? "you are not in this room any more" : `${by} has taken you out of this room`;
      output.say("left", { ...roomFields(room), ...(by === undefined ? {} : { by }) }, [
        shown`[${roomLabel(room)}] * ${why}`,
      ]);
      if (room === this.#room) this.#room = undefined;
    });
    if (!this.#options.isJson) return;
    client.on("receipts", ({ room, receipts }) =>
      output.say("receipts", { ...roomFields(room), receipts }, []),
    );
    client.on("typing", ({ room, user }) => output.say("typing", { ...roomFields(room), user }, []));
    client.on("presence", ({ user, state }) => output.say("presence", { user, state }, []));
  }

  #connected(): void {
    const { user, server, rooms } = this.client;
    const fields = { user: user.name, role: user.role, server, rooms: [...rooms.values()].map(roomFields) };
    this.#output.tell("connected", fields, `connected to ${server} as ${user.name}`);
  }

  #entry(room: ChatRoom, entry: Entry): void {
    this.#lately.take(this.client.user.name, room, entry);
    if (entry.kind === "message" && this.#typed?.delete(entry.id)) return;
    this.#output.say(entry.kind, entryFields(room, entry), entryLines(room, entry));
    // A person has it before their eyes or ears; a program says what it has read.
    if (!this.#options.isJson) room.markRead(entry.position);
  }

  /** What is not taken from stdout waits on the server. */
  async #takeNoFaster(): Promise<void> {
    for await (const _ of this.client.messages()) await this.#output.ready();
  }

  // Where it begins

  async #firstRoom(): Promise<ChatRoom | undefined> {
    const room = await firstRoom(this.client, this.#options.room);
    if (room === undefined) {
      this.#output.tell("no_room", {}, "this is no room yet: /rooms lists them, /join ROOM enters one");
    }
    return room;
  }

  async #tellPast(room: ChatRoom): Promise<void> {
    const { history } = this.#options;
    if (history === 0) return;
    // What came since is going to be told anyway.
    const { messages } = await messagesBefore(room, this.#firstHeld(room), history);
    for (const message of messages) {
      this.#lately.take(this.client.user.name, room, message);
      this.#output.say(
        "message",
        { ...entryFields(room, message), history: true },
        entryLines(room, message),
      );
    }
  }

  #firstHeld(room: ChatRoom): number {
    return this.#held?.find((held) => held.room === room)?.entry.position ?? room.position + 1;
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { room, entry } of held) this.#entry(room, entry);
  }

  // What is to be done

  /** Takes a line, and settles when the next can come. */
  async #take(line: string): Promise<void> {
    if (line.trim() === "") return;
    let action: Action;
    let tag: Tag;
    try {
      if (this.#options.isJson && line.startsWith("{")) ({ action, tag } = parseJsonLine(line));
      else action = this.#options.isVerbatim ? { kind: "send", text: line } : parseLine(line);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      this.#output.error(error, {});
      return;
    }
    const run = this.#perform(action, tag);
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
    // Messages are sent one behind the other, while others are stored; all else has its order.
    if (action.kind !== "send" && action.kind !== "reply") await run;
    while (this.client.pending.length >= MAX_PENDING) await Promise.race(this.#running);
  }

  async #perform(given: Action, tag: Tag): Promise<void> {
    const action: Action =
      given.kind === "send" && given.id === undefined ? { ...given, id: newId() } : given;
    const about = {
      action: action.kind,
      ...(action.kind === "send" ? { id: action.id } : {}),
      ...(tag === undefined ? {} : { tag }),
    };
    try {
      this.#sayOutcome(await perform(action, this), tag);
    } catch (error) {
      this.#output.error(error, about);
    }
  }

  #sayOutcome(outcome: Outcome, tag: Tag): void {
    if (outcome.event === "opened") this.#room = outcome.room;
    if (outcome.event === "quit") this.#hasQuit = true;
    const { event, ...fields } = outcome;
    const room = "room" in fields ? roomFields(fields.room) : {};
    const more = "messages" in fields ? { messages: fields.messages.map(messageFields) } : {};
    const tagged = tag === undefined ? {} : { tag };
    this.#output.say(event, { ...fields, ...room, ...more, ...tagged }, outcomeLines(outcome));
  }

  // After the input

  async #drain(): Promise<void> {
    const { drainMs } = this.#options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), drainMs);
    });
    const all = this.#caughtUp();
    all.catch(() => {});
    const isLate = (await Promise.race([all, late])) === "late";
    clearTimeout(timer);
    const left = this.client.pending.length;
    if (isLate && left > 0) {
      throw new ChatError(
        "disconnected",
        `${left} ${left === 1 ? "message is" : "messages are"} not stored after ${drainMs / 1_000} s`,
      );
    }
  }

  /** Once all is stored, and all that is stored has come. */
  async #caughtUp(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (const room of [...this.client.rooms.values()]) {
      const { entries } = await room.history({ limit: 1 });
      const newest = entries.at(-1)?.position ?? 0;
      while (room.isMember && room.position < newest) {
        await new Promise<void>((resolve) => {
          const stop = this.client.on("entry", () => {
            stop();
            resolve();
          });
        });
      }
    }
    await this.#output.ready();
  }

  // Place

  get room(): ChatRoom | undefined {
    return this.#room;
  }

  lastOf(room: ChatRoom, whose: "own" | "other"): number | undefined {
    return this.#lately.lastOf(room, whose);
  }

  attachmentAt(room: ChatRoom, position: number | undefined): { readonly id: string } | undefined {
    return this.#lately.attachmentAt(room, position);
  }

  async askPassword(question: string): Promise<string> {
    const terminal = openTerminal();
    if (terminal === undefined) {
      throw new ActionError('there is no terminal to type it on: with --json, {"password_file":"FILE"} does');
    }
    try {
      return await askPassword(question, true, terminal);
    } catch (error) {
      if (error instanceof Stopped) throw new ActionError("the password stays as it is");
      throw error;
    }
  }

  async send(
    room: ChatRoom,
    text: string,
    { id = newId(), replyTo }: SendingOptions,
  ): Promise<StoredMessage> {
    this.#typed?.add(id);
    if (this.#options.isJson) this.#output.say("sent", { ...roomFields(room), id }, []);
    return { id, ...(await room.send(text, { id, ...(replyTo === undefined ? {} : { replyTo }) })) };
  }

  async sendFile(room: ChatRoom, file: FileToSend, text: string): Promise<StoredFile> {
    const { path, name, type, bytes } = file;
    const progress = (sent: number) => this.progress(path, sent, bytes);
    const attachment = await room.upload(file.open(), { name, type, bytes, progress });
    const { position } = await room.send(text, { attachment });
    return { position, attachment: { id: attachment.id, name: attachment.name } };
  }

  progress(path: string, bytes: number, ofBytes: number): void {
    const now = performance.now();
    if (now < this.#progressMs + PROGRESS_MS) return;
    this.#progressMs = now;
    this.#output.tell("progress", { path, bytes, ofBytes }, `${size(bytes)} of ${size(ofBytes)}`);
  }
}

function entryFields(room: ChatRoom, { kind: _, ...entry }: Entry): Readonly<Record<string, unknown>> {
  return { ...roomFields(room), ...entry };
}

function messageFields({ kind: _, ...message }: Entry): Readonly<Record<string, unknown>> {
  return message;
}
