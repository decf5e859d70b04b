/** What the screen is about: the room that is shown, what is being written, and what was said to the user last. */
import { type ChatRoom, ChatView, type Client, type Timeline } from "../../../apps/chat/client/entry.ts";
import { messageOf } from "../../exit.ts";
import { type Harmless, harmless } from "../../harmless.ts";
import { Completion } from "./completion.ts";
import { Editor } from "./editor.ts";
import { Messages } from "./messages.ts";
import type { Panel } from "./parts.ts";
import { Question } from "./question.ts";
import { Scroll } from "./scroll.ts";

/** How one room is looked at, and what is being written there. */
export interface Desk {
  readonly editor: Editor;
  readonly scroll: Scroll;
  /** Up to where it was read when somebody began to look: what is new begins there. */
  readBefore: number;
  /** Whether nothing is new in it. */
  isCaughtUp: boolean;
  /** The key of a message. */
  selected: string | undefined;
}

export interface Notice {
  readonly text: Harmless;
  readonly isBad: boolean;
}

/** So long is something said that needs no answer. */
const NOTICE_MS = 8_000;

export class ScreenState {
  readonly client: Client;
  readonly view: ChatView;
  readonly completion: Completion = new Completion();
  readonly #changed: () => void;
  readonly #history: string[] = [];
  readonly #desks = new Map<number, Desk>();
  /** Where there is no room, something can be written all the same: commands. */
  readonly #noRoom: Desk;
  #notice: Notice | undefined;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #panel: Panel | undefined;
  #question: Question | undefined;

  /** @param changed called whenever it looks different, but for what keys do */
  constructor(client: Client, changed: () => void) {
    this.client = client;
    this.view = new ChatView(client);
    this.#changed = changed;
    this.#noRoom = this.#newDesk(0);
    this.view.on("change", changed);
    client.on("left", ({ room, by }) => this.#left(room, by));
    client.on("connected", () => this.say("connected again"));
  }

  close(): void {
    clearTimeout(this.#noticeTimer);
    this.view.close();
  }

  // Rooms

  /** That of the room that is shown. */
  get desk(): Desk {
    const { shown } = this.view;
    return shown === undefined ? this.#noRoom : this.deskOf(shown);
  }

  deskOf({ room }: Timeline): Desk {
    let desk = this.#desks.get(room.id);
    if (desk === undefined) {
      desk = this.#newDesk(room.read);
      this.#desks.set(room.id, desk);
    }
    return desk;
  }

  #newDesk(readBefore: number): Desk {
    const editor = new Editor(this.#history);
    return { editor, scroll: new Scroll(), readBefore, isCaughtUp: false, selected: undefined };
  }

  /** The messages of the room that is shown, in so many columns. */
  messages(width: number): Messages | undefined {
    const { shown } = this.view;
    if (shown === undefined) return undefined;
    const { readBefore, selected } = this.desk;
    return new Messages(shown, {
      user: this.client.user.name,
      width,
      readBefore,
      selected,
      nowMs: Date.now(),
    });
  }

  show(timeline: Timeline | undefined): void {
    if (timeline === this.view.shown) return;
    this.completion.end();
    if (timeline !== undefined) {
      const desk = this.deskOf(timeline);
      desk.readBefore = timeline.room.read;
      desk.isCaughtUp = false;
      // What is shown is read: but where somebody has scrolled up, that is not all.
      this.view.isAttentive = desk.scroll.isAtEnd;
    }
    this.view.show(timeline);
  }

  /** The next room, or the one before, of those that are wanted. */
  step(by: 1 | -1, isWanted: (timeline: Timeline) => boolean = () => true): void {
    const { timelines, shown } = this.view;
    const { length } = timelines;
    const at = shown === undefined ? 0 : timelines.indexOf(shown);
    for (let i = 1; i <= length; i++) {
      const next = timelines[(at + by * i + length * i) % length]!;
      if (next === shown || !isWanted(next)) continue;
      this.show(next);
      return;
    }
  }

  #left(room: ChatRoom, by: string | undefined): void {
    this.#desks.delete(room.id);
    const name = `${room.kind === "direct" ? "@" : "#"}${room.name}`;
    this.say(by === undefined ? `you are not in ${name} any more` : `${by} has taken you out of ${name}`);
    if (this.view.shown === undefined) this.show(this.view.timelines[0]);
  }

  // What is in front of the rooms, or below them

  get notice(): Notice | undefined {
    return this.#notice;
  }

  say(text: string): void {
    this.#setNotice({ text: harmless(text), isBad: false });
  }

  fail(error: unknown): void {
    this.#setNotice({ text: harmless(messageOf(error)), isBad: true });
  }

  hush(): void {
    this.#setNotice(undefined);
  }

  #setNotice(notice: Notice | undefined): void {
    clearTimeout(this.#noticeTimer);
    this.#notice = notice;
    if (notice?.isBad === false) this.#noticeTimer = setTimeout(() => this.hush(), NOTICE_MS);
    this.#changed();
  }

  get panel(): Panel | undefined {
    return this.#panel;
  }

  open(title: string, lines: readonly string[]): void {
    this.movePanel({ title: harmless(title), lines: lines.map(harmless), top: 0 });
  }

  movePanel(panel: Panel | undefined): void {
    this.#panel = panel;
    this.#changed();
  }

  get question(): Question | undefined {
    return this.#question;
  }

  /** Asks for what nobody is to see. Nothing is the answer of who does not want to. */
  async ask(text: string): Promise<string | undefined> {
    const question = new Question(text);
    this.#question = question;
    this.#changed();
    const answer = await question.answer;
    this.#question = undefined;
    this.#changed();
    return answer;
  }
}
