/** What keys do. */
import type { MessageItem } from "../../../apps/chat/client/entry.ts";
import { Limit } from "../../../apps/chat/protocol.ts";
import { harmlessLines } from "../../harmless.ts";
import { type Action, ActionError } from "../action.ts";
import { type Outcome, type Place, perform } from "../perform.ts";
import { parseLine } from "../slash.ts";
import { outcomeLines, roomLabel, size } from "../words.ts";
import { begunAt, matching, type Replacement } from "./completion.ts";
import type { Editor } from "./editor.ts";
import { helpLines } from "./help.ts";
import { composerWidth, heightsOf, type Size } from "./layout.ts";
import { namesOf } from "./names.ts";
import { panelTop } from "./parts.ts";
import type { ScreenState } from "./state.ts";

/** What keys can do besides. */
export interface KeyboardHost {
  readonly size: Size;
  end(): void;
  repaint(): void;
  suspend(): void;
  /** Something was asked for that could not be had before: older messages. */
  wantsOlder(): void;
}

export class Keyboard {
  readonly #state: ScreenState;
  readonly #place: Place;
  readonly #host: KeyboardHost;
  readonly #changed: () => void;

  constructor(state: ScreenState, place: Place, host: KeyboardHost, changed: () => void) {
    this.#state = state;
    this.#place = place;
    this.#host = host;
    this.#changed = changed;
  }

  /** Text, typed or pasted. */
  write(text: string): void {
    const { question, desk, completion, view } = this.#state;
    if (question !== undefined) {
      question.editor.insert(text);
      return;
    }
    desk.editor.insert(harmlessLines(text));
    completion.end();
    if (!desk.editor.text.startsWith("/")) view.shown?.startTyping();
  }

  press(chord: string): void {
    const { question, desk, completion } = this.#state;
    const { editor } = desk;
    if (question !== undefined) question.press(chord);
    else if (chord === "ctrl+d" && editor.text !== "") editor.press("delete", 1);
    else {
      // Where nothing is written, there is no line to go to the ends of.
      const isScrolling = (chord === "home" || chord === "end") && editor.text === "";
      const action = this.#actions[isScrolling ? `ctrl+${chord}` : chord];
      if (action !== undefined) action();
      else if (editor.press(chord, composerWidth(this.#host.size.columns))) completion.end();
    }
  }

  readonly #actions: Readonly<Record<string, () => void>> = {
    enter: () => this.#enter(),
    tab: () => this.#complete(1),
    "shift+tab": () => this.#complete(-1),
    escape: () => this.#escape(),
    "ctrl+c": () => this.#host.end(),
    "ctrl+d": () => this.#host.end(),
    "ctrl+l": () => this.#host.repaint(),
    "ctrl+z": () => this.#host.suspend(),
    "ctrl+n": () => this.#state.step(1),
    "alt+down": () => this.#state.step(1),
    "ctrl+p": () => this.#state.step(-1),
    "alt+up": () => this.#state.step(-1),
    "alt+a": () => this.#state.step(1, ({ unread, hasMoreUnread }) => unread > 0 || hasMoreUnread),
    "ctrl+r": () => this.#retry(),
    "ctrl+x": () => this.#withdraw(),
    pageup: () => this.#page(-1),
    pagedown: () => this.#page(1),
    "ctrl+home": () => this.#toBegin(),
    "ctrl+end": () => this.#state.desk.scroll.toEnd(),
    "ctrl+up": () => this.#select(-1),
    "ctrl+down": () => this.#select(1),
    f1: () => this.#state.open("Help", helpLines()),
  };

  #escape(): void {
    const { completion, panel, notice, desk } = this.#state;
    if (completion.names.length > 0) completion.end();
    else if (panel !== undefined) this.#state.movePanel(undefined);
    else if (notice !== undefined) this.#state.hush();
    else desk.selected = undefined;
  }

  // Looking around

  #page(by: 1 | -1): void {
    const { panel, desk } = this.#state;
    const { columns } = this.#host.size;
    const { topHeight, logHeight, logWidth } = heightsOf(this.#state, this.#host.size);
    if (panel !== undefined) {
      const top = panelTop(panel, by * (topHeight - 2), columns, topHeight);
      this.#state.movePanel({ ...panel, top });
      return;
    }
    this.#host.wantsOlder();
    const messages = this.#state.messages(logWidth);
    if (messages !== undefined) desk.scroll.by(by * Math.max(1, logHeight - 2), messages, logHeight);
  }

  #toBegin(): void {
    this.#host.wantsOlder();
    const { logHeight, logWidth } = heightsOf(this.#state, this.#host.size);
    const messages = this.#state.messages(logWidth);
    if (messages !== undefined) this.#state.desk.scroll.toBegin(messages, logHeight);
  }

  #select(by: 1 | -1): void {
    const { desk, view } = this.#state;
    const items = (view.shown?.items ?? []).filter(({ kind }) => kind === "message");
    const at = desk.selected === undefined ? -1 : items.findIndex(({ key }) => key === desk.selected);
    // Below the last message there is none.
    const next = items[(at === -1 ? items.length : at) + by];
    if (next === undefined && by === -1) return;
    desk.selected = next?.key;
    if (next === undefined) desk.scroll.toEnd();
    else {
      const { logHeight, logWidth } = heightsOf(this.#state, this.#host.size);
      desk.scroll.toBlock(next.key, this.#state.messages(logWidth)!, logHeight);
    }
  }

  // What could not be sent

  get #failed(): MessageItem[] {
    const items = this.#state.view.shown?.items ?? [];
    return items.filter((item) => item.kind === "message" && item.state === "failed") as MessageItem[];
  }

  #retry(): void {
    for (const { key } of this.#failed) this.#state.view.shown!.retry(key);
  }

  /** The last one: its text can be written anew. */
  #withdraw(): void {
    const item = this.#failed.at(-1);
    if (item === undefined) return;
    this.#state.view.shown!.dismiss(item.key);
    const { editor } = this.#state.desk;
    if (editor.text === "") editor.set(item.text);
  }

  // Completion

  #complete(by: 1 | -1): void {
    const { desk, completion } = this.#state;
    const { editor } = desk;
    if (completion.names.length > 0) {
      replace(editor, completion.next(by));
      return;
    }
    const { text, cursor } = editor;
    const begun = begunAt(text, cursor);
    if (begun === undefined) return;
    void namesOf(begun, this.#state).then((names) => {
      // Somebody may have gone on writing.
      if (editor.text !== text || editor.cursor !== cursor || editor !== this.#state.desk.editor) return;
      replace(editor, completion.begin(begun, matching(begun, names)));
      this.#changed();
    });
  }

  // What is to be done

  #enter(): void {
    const { editor } = this.#state.desk;
    this.#state.completion.end();
    this.#state.movePanel(undefined);
    this.#state.hush();
    const text = editor.text.trimEnd();
    if (text.trim() === "") return;
    try {
      if (new TextEncoder().encode(text).length > Limit.text) {
        throw new ActionError(`a message has up to ${size(Limit.text)}`);
      }
      const action = parseLine(text);
      editor.take();
      void this.#perform(action, text, editor);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      this.#state.fail(error);
    }
  }

  async #perform(action: Action, text: string, editor: Editor): Promise<void> {
    try {
      this.#tell(await perform(action, this.#place));
    } catch (error) {
      this.#state.fail(error);
      // So that it need not be written again.
      if (editor.text === "") editor.set(text);
    }
    this.#changed();
  }

  #tell(outcome: Outcome): void {
    switch (outcome.event) {
      case "opened":
        this.#state.show(this.#state.view.timelineOf(outcome.room));
        break;
      case "quit":
        this.#host.end();
        break;
      case "help":
        this.#state.open("Help", helpLines());
        break;
      default: {
        const lines = outcomeLines(outcome);
        if (lines.length === 1) this.#state.say(lines[0]!.replace(/^\* /, ""));
        else if (lines.length > 1) this.#state.open(titleOf(outcome), lines);
      }
    }
  }
}

function replace(editor: Editor, replacement: Replacement | undefined): void {
  if (replacement !== undefined) editor.replace(replacement.begin, replacement.end, replacement.text);
}

const TITLES: Readonly<Record<string, string>> = {
  rooms: "Rooms that there are",
  members: "Members",
  receipts: "Who has read how far",
  history: "History",
  invitation: "An invitation",
  logins: "What you log in with",
};

function titleOf(outcome: Outcome): string {
  const title = TITLES[outcome.event] ?? outcome.event;
  return "room" in outcome ? `${title}: ${roomLabel(outcome.room)}` : title;
}
