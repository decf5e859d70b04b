/** Where actions are asked for, as the screen has it: messages are seen on their way. */
import type { ChatRoom, Client, MessageItem, Timeline } from "../../../apps/chat/client/entry.ts";
import { ActionError } from "../action.ts";
import type { FileToSend } from "../files.ts";
import type { KeepLogin } from "../login.ts";
import type { Place, SendingOptions } from "../perform.ts";
import { size } from "../words.ts";
import type { ScreenState } from "./state.ts";

export class ScreenPlace implements Place {
  readonly client: Client;
  readonly keepLogin: KeepLogin;
  readonly downloads: string | undefined;
  readonly #state: ScreenState;

  constructor(state: ScreenState, keepLogin: KeepLogin, downloads: string | undefined) {
    this.client = state.client;
    this.keepLogin = keepLogin;
    this.downloads = downloads;
    this.#state = state;
  }

  get room(): ChatRoom | undefined {
    return this.#state.view.shown?.room;
  }

  /** The selected message, whosever it is; or the last. */
  lastOf(room: ChatRoom, whose: "own" | "other"): number | undefined {
    const selected = this.#selectedIn(room);
    if (selected !== undefined) return selected.position;
    const own = this.client.user.name;
    const last = this.#state.view
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
    const timeline = this.#state.view.timelineOf(room);
    const at = position ?? this.#selectedIn(room)?.position;
    const item =
      at === undefined
        ? timeline.items.findLast((each) => each.kind === "message" && each.attachment?.id !== undefined)
        : timeline.at(at);
    const id = item?.kind === "message" ? item.attachment?.id : undefined;
    return id === undefined ? undefined : { id };
  }

  #selectedIn(room: ChatRoom): MessageItem | undefined {
    const timeline = this.#state.view.timelineOf(room);
    const { selected } = this.#state.deskOf(timeline);
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
    const timeline = this.#state.view.timelineOf(room);
    const desk = this.#state.deskOf(timeline);
    desk.readBefore = room.head;
    desk.selected = undefined;
    desk.scroll.toEnd();
    return timeline;
  }

  progress(path: string, bytes: number, ofBytes: number): void {
    this.#state.say(`${path}: ${size(bytes)} of ${size(ofBytes)}`);
  }

  async askPassword(question: string): Promise<string> {
    const password = await this.#ask(question);
    if ((await this.#ask("The same again")) === password) return password;
    throw new ActionError("these are two different passwords");
  }

  async #ask(question: string): Promise<string> {
    const answer = await this.#state.ask(question);
    if (answer === undefined) throw new ActionError("the password stays as it is");
    return answer;
  }
}
