/** The chat in full screen. */
import process from "node:process";
import {
  type ChatRoom,
  ChatView,
  type Client,
  type MessageItem,
  type Timeline,
} from "../../../apps/chat/client/entry.ts";
import { Limit } from "../../../apps/chat/protocol.ts";
import { messageOf } from "../../exit.ts";
import { type Action, ActionError } from "../action.ts";
import type { FileToSend } from "../files.ts";
import { harmless, harmlessLines } from "../harmless.ts";
import type { KeepLogin } from "../login.ts";
import { firstRoom, type Outcome, type Place, perform, type SendingOptions } from "../perform.ts";
import { parseLine, slashCommands } from "../slash.ts";
import { outcomeLines, roomLabel, size } from "../words.ts";
import { Canvas } from "./canvas.ts";
import { begunAt, Completion, matching, type Replacement } from "./completion.ts";
import { Editor } from "./editor.ts";
import { pathsLike } from "./files.ts";
import { Frames } from "./frames.ts";
import { helpLines } from "./help.ts";
import type { Key } from "./keys.ts";
import type { Notice, Screen } from "./layout.ts";
import { composerWidth, layOut } from "./layout.ts";
import { Messages } from "./messages.ts";
import { type Panel, panelTop } from "./parts.ts";
import { Question } from "./question.ts";
import { Scroll } from "./scroll.ts";
import { type Depth, depthOf } from "./style.ts";
import { Terminal } from "./terminal.ts";

export interface ScreenOptions {
  /** The room to begin in. */
  readonly room: string | undefined;
  readonly downloads: string | undefined;
}

const COUNTDOWN_MS = 1_000;

/** How one room is looked at, and what is being written there. */
interface Desk {
  readonly editor: Editor;
  readonly scroll: Scroll;
  /** Up to where it was read when somebody began to look. */
  readBefore: number;
  /** The key of a message. */
  selected: string | undefined;
}

export class ScreenChat implements Place {
  readonly client: Client;
  readonly keepLogin: KeepLogin;
  readonly downloads: string | undefined;
  readonly #options: ScreenOptions;
  readonly #view: ChatView;
  readonly #terminal: Terminal;
  readonly #canvas = new Canvas();
  readonly #frames = new Frames(() => this.#paint());
  readonly #completion = new Completion();
  readonly #history: string[] = [];
  readonly #desks = new Map<number, Desk>();
  /** Where there is no room, something can be written all the same: commands. */
  readonly #noRoom: Desk = this.#newDesk(0);
  readonly #depth: Depth = depthOf(process.env);
  #notice: Notice | undefined;
  #panel: Panel | undefined;
  #question: Question | undefined;
  #hasFocus = true;
  #wasAttentive = true;
  /** Whether asking for older messages has failed: not to be asked again until somebody wants them. */
  #hasPagingFailed = false;
  #end!: () => void;
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  /** From here on nothing is missed. */
  constructor(client: Client, keepLogin: KeepLogin, options: ScreenOptions) {
    this.client = client;
    this.keepLogin = keepLogin;
    this.downloads = options.downloads;
    this.#options = options;
    this.#view = new ChatView(client);
    this.#terminal = new Terminal({
      keys: (keys) => this.#keys(keys),
      resized: () => this.#frames.request(),
      ended: () => this.#end(),
    });
  }

  /** Until the user, the terminal or the server ends it. Whatever happens, the terminal is then as it was. */
  async run(): Promise<void> {
    const { client } = this;
    const stops = [
      this.#view.on("change", () => this.#frames.request()),
      client.on("left", ({ room }) => this.#left(room)),
      client.on("connected", () => this.#say("connected again")),
    ];
    const countdown = setInterval(() => {
      if (this.#view.connection.kind === "disconnected") this.#frames.request();
    }, COUNTDOWN_MS);
    this.#terminal.take();
    try {
      this.#paint();
      await Promise.race([this.#begin().then(() => this.#ended), this.#ended, client.closed]);
    } finally {
      for (const stop of stops) stop();
      clearInterval(countdown);
      this.#frames.stop();
      this.#terminal.giveBack();
      this.#canvas.close();
      this.#view.close();
    }
  }

  async #begin(): Promise<void> {
    try {
      const room = await firstRoom(this.client, this.#options.room);
      if (this.#view.shown === undefined)
        this.#show(room === undefined ? this.#view.timelines[0] : this.#view.timelineOf(room));
      if (this.#view.shown === undefined)
        this.#say("this is no room yet: /rooms lists them, /join ROOM enters one");
    } catch (error) {
      this.#fail(error);
      if (this.#view.shown === undefined) this.#show(this.#view.timelines[0]);
    }
  }

  // What is seen

  get #screen(): Screen {
    return {
      ...this.#terminal.size,
      view: this.#view,
      editor: (this.#question ?? this.#desk).editor,
      question: this.#question?.text,
      scroll: this.#desk.scroll,
      messages: this.#messages,
      completion: this.#completion,
      notice: this.#notice,
      panel: this.#panel,
      depth: this.#depth,
      nowMs: Date.now(),
    };
  }

  #messages = (width: number): Messages | undefined => {
    const { shown } = this.#view;
    if (shown === undefined) return undefined;
    const { readBefore, selected } = this.#desk;
    const user = this.client.user.name;
    return new Messages(shown, { user, width, readBefore, selected, nowMs: Date.now() });
  };

  #paint(): void {
    const { scene, cursor, isAtBegin } = layOut(this.#screen);
    this.#terminal.paint({ lines: this.#canvas.draw(scene), cursor });
    this.#attend();
    if (isAtBegin) this.#loadOlder();
  }

  /** What is out of sight is not read. */
  #attend(): void {
    const isAttentive = this.#hasFocus && this.#desk.scroll.isAtEnd && this.#panel === undefined;
    if (this.#wasAttentive && !isAttentive) this.#desk.readBefore = this.#view.shown?.room.read ?? 0;
    this.#wasAttentive = isAttentive;
    this.#view.isAttentive = isAttentive;
  }

  #loadOlder(): void {
    const { shown, connection } = this.#view;
    if (shown === undefined || !shown.isLoaded || !shown.hasOlder) return;
    if (this.#hasPagingFailed || connection.kind !== "connected") return;
    shown.loadOlder().catch((error) => {
      this.#hasPagingFailed = true;
      this.#fail(error);
    });
  }

  #newDesk(readBefore: number): Desk {
    return { editor: new Editor(this.#history), scroll: new Scroll(), readBefore, selected: undefined };
  }

  get #desk(): Desk {
    const { shown } = this.#view;
    return shown === undefined ? this.#noRoom : this.#deskOf(shown);
  }

  #deskOf({ room }: Timeline): Desk {
    let desk = this.#desks.get(room.id);
    if (desk === undefined) {
      desk = this.#newDesk(room.read);
      this.#desks.set(room.id, desk);
    }
    return desk;
  }

  #say(text: string, isBad = false): void {
    this.#notice = { text: harmless(text), isBad };
    this.#frames.request();
  }

  #fail(error: unknown): void {
    this.#say(messageOf(error), true);
  }

  #open(title: string, lines: readonly string[]): void {
    this.#panel = { title, lines: lines.map(harmlessLines), top: 0 };
    this.#frames.request();
  }

  // Rooms

  #show(timeline: Timeline | undefined): void {
    if (timeline === this.#view.shown) return;
    this.#completion.end();
    if (timeline !== undefined) {
      const desk = this.#deskOf(timeline);
      desk.readBefore = timeline.room.read;
      // What is shown is read as soon as it is: but where somebody has scrolled up, that is not all.
      this.#wasAttentive = this.#hasFocus && desk.scroll.isAtEnd;
      this.#view.isAttentive = this.#wasAttentive;
    }
    this.#view.show(timeline);
  }

  #step(by: 1 | -1, isWanted: (timeline: Timeline) => boolean = () => true): void {
    const { timelines, shown } = this.#view;
    const { length } = timelines;
    const at = shown === undefined ? 0 : timelines.indexOf(shown);
    for (let i = 1; i <= length; i++) {
      const next = timelines[(at + by * i + length * i) % length]!;
      if (next === shown || !isWanted(next)) continue;
      this.#show(next);
      return;
    }
  }

  #left(room: ChatRoom): void {
    this.#desks.delete(room.id);
    this.#say(`you are not in ${roomLabel(room)} any more`);
    if (this.#view.shown === undefined) this.#show(this.#view.timelines[0]);
  }

  // What is pressed

  #keys(keys: readonly Key[]): void {
    for (const key of keys) {
      switch (key.kind) {
        case "focus":
          this.#hasFocus = key.hasFocus;
          break;
        case "paste":
        case "text":
          this.#write(key.text);
          break;
        case "chord":
          this.#press(key.chord);
      }
    }
    this.#frames.request();
  }

  #write(text: string): void {
    if (this.#question !== undefined) {
      this.#question.editor.insert(text);
      return;
    }
    const { editor } = this.#desk;
    editor.insert(harmlessLines(text));
    this.#completion.end();
    if (!editor.text.startsWith("/")) this.#view.shown?.startTyping();
  }

  #press(chord: string): void {
    if (this.#question !== undefined) {
      this.#question.press(chord);
      return;
    }
    const { editor } = this.#desk;
    if (chord === "ctrl+d" && editor.text !== "") {
      editor.press("delete", 1);
      return;
    }
    // Where nothing is written, there is no line to go to the ends of.
    const isScrolling = (chord === "home" || chord === "end") && editor.text === "";
    const action = this.#chords[isScrolling ? `ctrl+${chord}` : chord];
    if (action !== undefined) action();
    else if (editor.press(chord, composerWidth(this.#terminal.size.columns))) this.#completion.end();
  }

  readonly #chords: Readonly<Record<string, () => void>> = {
    enter: () => this.#enter(),
    tab: () => this.#complete(1),
    "shift+tab": () => this.#complete(-1),
    escape: () => this.#escape(),
    "ctrl+c": () => this.#end(),
    "ctrl+d": () => this.#end(),
    "ctrl+l": () => this.#terminal.forget(),
    "ctrl+z": () => this.#terminal.suspend(),
    "ctrl+n": () => this.#step(1),
    "alt+down": () => this.#step(1),
    "ctrl+p": () => this.#step(-1),
    "alt+up": () => this.#step(-1),
    "alt+a": () => this.#step(1, ({ unread, hasMoreUnread }) => unread > 0 || hasMoreUnread),
    "ctrl+r": () => this.#retry(),
    "ctrl+x": () => this.#withdraw(),
    pageup: () => this.#page(-1),
    pagedown: () => this.#page(1),
    "ctrl+home": () => this.#toBegin(),
    "ctrl+end": () => this.#desk.scroll.toEnd(),
    "ctrl+up": () => this.#select(-1),
    "ctrl+down": () => this.#select(1),
    f1: () => this.#open("Help", helpLines()),
  };

  #escape(): void {
    if (this.#completion.names.length > 0) this.#completion.end();
    else if (this.#panel !== undefined) this.#panel = undefined;
    else if (this.#notice !== undefined) this.#notice = undefined;
    else this.#desk.selected = undefined;
  }

  #page(by: 1 | -1): void {
    this.#hasPagingFailed = false;
    const { columns, logHeight, logWidth, topHeight } = layOut(this.#screen);
    if (this.#panel !== undefined) {
      const top = panelTop(this.#panel, by * (topHeight - 2), columns, topHeight);
      this.#panel = { ...this.#panel, top };
      return;
    }
    const messages = this.#messages(logWidth);
    if (messages !== undefined) this.#desk.scroll.by(by * Math.max(1, logHeight - 2), messages, logHeight);
  }

  #toBegin(): void {
    this.#hasPagingFailed = false;
    const { logHeight, logWidth } = layOut(this.#screen);
    const messages = this.#messages(logWidth);
    if (messages !== undefined) this.#desk.scroll.toBegin(messages, logHeight);
  }

  #select(by: 1 | -1): void {
    const desk = this.#desk;
    const items = (this.#view.shown?.items ?? []).filter(({ kind }) => kind === "message");
    const at =
      desk.selected === undefined ? items.length : items.findIndex(({ key }) => key === desk.selected);
    const next = items[at + by];
    // Below the last there is none.
    if (next === undefined && by === -1) return;
    desk.selected = next?.key;
    if (next === undefined) {
      desk.scroll.toEnd();
      return;
    }
    const { logHeight, logWidth } = layOut(this.#screen);
    desk.scroll.toBlock(next.key, this.#messages(logWidth)!, logHeight);
  }

  get #failed(): MessageItem[] {
    const items = this.#view.shown?.items ?? [];
    return items.filter((item) => item.kind === "message" && item.state === "failed") as MessageItem[];
  }

  #retry(): void {
    for (const { key } of this.#failed) this.#view.shown!.retry(key);
  }

  /** The last one that has failed: its text can be written anew. */
  #withdraw(): void {
    const item = this.#failed.at(-1);
    if (item === undefined) return;
    this.#view.shown!.dismiss(item.key);
    const { editor } = this.#desk;
    if (editor.text === "") editor.set(item.text);
  }

  // Completion

  #complete(by: 1 | -1): void {
    const { editor } = this.#desk;
    if (this.#completion.names.length > 0) {
      this.#replace(editor, this.#completion.next(by));
      return;
    }
    const { text, cursor } = editor;
    const begun = begunAt(text, cursor);
    if (begun === undefined) return;
    void this.#names(begun.kind, begun.prefix).then((names) => {
      // Somebody may have gone on writing.
      if (editor.text !== text || editor.cursor !== cursor) return;
      this.#replace(editor, this.#completion.begin(begun, matching(begun, names)));
      this.#frames.request();
    });
  }

  #replace(editor: Editor, replacement: Replacement | undefined): void {
    if (replacement !== undefined) editor.replace(replacement.begin, replacement.end, replacement.text);
  }

  async #names(kind: "command" | "room" | "user" | "file", prefix: string): Promise<string[]> {
    const { timelines, shown } = this.#view;
    switch (kind) {
      case "command":
        return commandNames;
      case "file":
        return pathsLike(prefix);
      case "room": {
        const own = timelines.filter(({ room }) => room.kind === "room").map(({ room }) => room.name);
        const listed = await this.client.listRooms().catch(() => []);
        return [...own, ...listed.filter((room) => room.kind === "room").map(({ name }) => name)];
      }
      case "user": {
        const direct = timelines.filter(({ room }) => room.kind === "direct").map(({ room }) => room.name);
        const authors = (shown?.items ?? []).map(({ author }) => author);
        const members = (await shown?.room.members().catch(() => [])) ?? [];
        const own = this.client.user.name;
        return [...members.map(({ user }) => user), ...direct, ...authors].filter((name) => name !== own);
      }
    }
  }

  // What is to be done

  #enter(): void {
    const { editor } = this.#desk;
    this.#completion.end();
    this.#panel = undefined;
    this.#notice = undefined;
    const text = editor.text.trimEnd();
    if (text.trim() === "") return;
    if (new TextEncoder().encode(text).length > Limit.text) {
      this.#say(`a message has up to ${size(Limit.text)}`, true);
      return;
    }
    try {
      const action = parseLine(text);
      editor.take();
      void this.#perform(action, text);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      this.#fail(error);
    }
  }

  async #perform(action: Action, text: string): Promise<void> {
    const { editor } = this.#desk;
    try {
      this.#tell(await perform(action, this));
    } catch (error) {
      this.#fail(error);
      // So that it need not be written again.
      if (editor.text === "") editor.set(text);
    }
  }

  #tell(outcome: Outcome): void {
    switch (outcome.event) {
      case "opened":
        this.#show(this.#view.timelineOf(outcome.room));
        break;
      case "quit":
        this.#end();
        break;
      case "help":
        this.#open("Help", helpLines());
        break;
      default: {
        const lines = outcomeLines(outcome);
        if (lines.length === 1) this.#say(lines[0]!.replace(/^\* /, ""));
        else if (lines.length > 1) this.#open(titleOf(outcome), lines);
      }
    }
    this.#frames.request();
  }

  // Place

  get room(): ChatRoom | undefined {
    return this.#view.shown?.room;
  }

  lastOf(room: ChatRoom, whose: "own" | "other"): number | undefined {
    const selected = this.#selectedIn(room);
    if (selected !== undefined) return selected.position;
    const own = this.client.user.name;
    const last = this.#view
      .timelineOf(room)
      .items.findLast(
        (item) =>
          item.kind === "message" &&
          item.position !== undefined &&
          !item.isDeleted &&
          (item.author === own) === (whose === "own"),
      );
    return last?.position;
  }

  attachmentAt(room: ChatRoom, position: number | undefined): { readonly id: string } | undefined {
    const timeline = this.#view.timelineOf(room);
    const at = position ?? this.#selectedIn(room)?.position;
    const item =
      at === undefined
        ? timeline.items.findLast((each) => each.kind === "message" && each.attachment?.id !== undefined)
        : timeline.at(at);
    const id = item?.kind === "message" ? item.attachment?.id : undefined;
    return id === undefined ? undefined : { id };
  }

  #selectedIn(room: ChatRoom): MessageItem | undefined {
    const timeline = this.#view.timelineOf(room);
    const { selected } = this.#deskOf(timeline);
    if (selected === undefined) return undefined;
    return timeline.items.find(({ key }) => key === selected) as MessageItem | undefined;
  }

  async send(room: ChatRoom, text: string, { replyTo }: SendingOptions): Promise<undefined> {
    this.#sending(room).send(text, { replyTo });
  }

  async sendFile(room: ChatRoom, file: FileToSend): Promise<undefined> {
    this.#sending(room).sendFile(() => file.open(), file);
  }

  /** Whoever writes has read what is there, and wants to see what becomes of it. */
  #sending(room: ChatRoom): Timeline {
    const timeline = this.#view.timelineOf(room);
    const desk = this.#deskOf(timeline);
    desk.readBefore = room.head;
    desk.selected = undefined;
    desk.scroll.toEnd();
    return timeline;
  }

  async askPassword(question: string): Promise<string> {
    const password = await this.#ask(question);
    if ((await this.#ask("The same again")) !== password)
      throw new ActionError("these are two different passwords");
    return password;
  }

  async #ask(text: string): Promise<string> {
    const question = new Question(text);
    this.#question = question;
    this.#frames.request();
    const answer = await question.answer;
    this.#question = undefined;
    this.#frames.request();
    if (answer === undefined) throw new ActionError("the password stays as it is");
    return answer;
  }

  progress(path: string, bytes: number, ofBytes: number): void {
    this.#say(`${path}: ${size(bytes)} of ${size(ofBytes)}`);
  }
}

const commandNames = slashCommands.map(({ name }) => name);

function titleOf(outcome: Outcome): string {
  if (outcome.event === "rooms") return "Rooms that there are";
  if (outcome.event === "invitation") return "An invitation";
  const name = outcome.event[0]!.toUpperCase() + outcome.event.slice(1);
  return "room" in outcome ? `${name} of ${roomLabel(outcome.room)}` : name;
}
