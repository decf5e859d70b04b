/** The chat in full screen. */
import process from "node:process";
import type { Client } from "../../../apps/chat/client/entry.ts";
import type { KeepLogin } from "../login.ts";
import { firstRoom } from "../perform.ts";
import { Canvas } from "./canvas.ts";
import { Frames } from "./frames.ts";
import { Keyboard } from "./keyboard.ts";
import type { Key } from "./keys.ts";
import { layOut } from "./layout.ts";
import { ScreenPlace } from "./place.ts";
import { ScreenState } from "./state.ts";
import { type Depth, depthOf } from "./style.ts";
import { Terminal } from "./terminal.ts";

export interface ScreenOptions {
  /** The room to begin in. */
  readonly room: string | undefined;
  readonly downloads: string | undefined;
}

const COUNTDOWN_MS = 1_000;

export class ScreenChat {
  readonly client: Client;
  readonly #room: string | undefined;
  readonly #state: ScreenState;
  readonly #keyboard: Keyboard;
  readonly #terminal: Terminal;
  readonly #canvas = new Canvas();
  readonly #frames = new Frames(() => this.#paint());
  readonly #depth: Depth = depthOf(process.env);
  #hasFocus = true;
  #wasAttentive = true;
  /** Whether asking for older messages has failed: not to be asked again until somebody wants them. */
  #hasPagingFailed = false;
  #end!: () => void;
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  /** From here on nothing is missed. */
  constructor(client: Client, keepLogin: KeepLogin, { room, downloads }: ScreenOptions) {
    this.client = client;
    this.#room = room;
    const changed = () => this.#frames.request();
    this.#state = new ScreenState(client, changed);
    const terminal = new Terminal({
      keys: (keys) => this.#keys(keys),
      resized: changed,
      ended: () => this.#end(),
    });
    this.#terminal = terminal;
    const host = {
      get size() {
        return terminal.size;
      },
      end: () => this.#end(),
      repaint: () => terminal.forget(),
      suspend: () => terminal.suspend(),
      wantsOlder: () => {
        this.#hasPagingFailed = false;
      },
    };
    this.#keyboard = new Keyboard(
      this.#state,
      new ScreenPlace(this.#state, keepLogin, downloads),
      host,
      changed,
    );
  }

  /** Until the user, the terminal or the server ends it. Whatever happens, the terminal is then as it was. */
  async run(): Promise<void> {
    const countdown = setInterval(() => {
      if (this.#state.view.connection.kind === "disconnected") this.#frames.request();
    }, COUNTDOWN_MS);
    this.#terminal.take();
    try {
      this.#paint();
      await Promise.race([this.#begin().then(() => this.#ended), this.#ended, this.client.closed]);
    } finally {
      clearInterval(countdown);
      this.#frames.stop();
      this.#terminal.giveBack();
      this.#canvas.close();
      this.#state.close();
    }
  }

  async #begin(): Promise<void> {
    const { view } = this.#state;
    try {
      const room = await firstRoom(this.client, this.#room);
      // Somebody may have gone to another meanwhile.
      if (view.shown !== undefined) return;
      this.#state.show(room === undefined ? view.timelines[0] : view.timelineOf(room));
    } catch (error) {
      this.#state.fail(error);
      if (view.shown === undefined) this.#state.show(view.timelines[0]);
    }
  }

  #keys(keys: readonly Key[]): void {
    for (const key of keys) {
      if (key.kind === "focus") this.#hasFocus = key.hasFocus;
      else if (key.kind === "chord") this.#keyboard.press(key.chord);
      else this.#keyboard.write(key.text);
    }
    this.#frames.request();
  }

  #paint(): void {
    this.#markNew();
    const { scene, cursor, isAtBegin, hasNew } = layOut(
      this.#state,
      this.#terminal.size,
      this.#depth,
      Date.now(),
    );
    this.#terminal.paint({ lines: this.#canvas.draw(scene), cursor });
    this.#state.desk.isCaughtUp = this.#state.view.shown?.isLoaded === true && !hasNew;
    this.#attend();
    if (isAtBegin) this.#loadOlder();
  }

  /** What comes before somebody's eyes is not marked as new. */
  #markNew(): void {
    const { desk, view } = this.#state;
    if (this.#wasAttentive && desk.isCaughtUp) desk.readBefore = view.shown?.room.read ?? 0;
  }

  /** What is out of sight is not read. */
  #attend(): void {
    const { desk, panel, view } = this.#state;
    this.#wasAttentive = this.#hasFocus && desk.scroll.isAtEnd && panel === undefined;
    view.isAttentive = this.#wasAttentive;
  }

  #loadOlder(): void {
    const { shown, connection } = this.#state.view;
    if (shown === undefined || !shown.isLoaded || !shown.hasOlder) return;
    if (this.#hasPagingFailed || connection.kind !== "connected") return;
    shown.loadOlder().catch((error) => {
      this.#hasPagingFailed = true;
      this.#state.fail(error);
    });
  }
}
