/** Where ink draws: each drawing is a whole screen, as text. */
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { type Instance, render } from "ink";
import { createElement } from "react";
import { App, type Scene } from "./app.ts";

/** As much of a terminal as ink needs; what it draws is painted elsewhere, line by line. */
class Sheet extends EventEmitter {
  readonly isTTY = false;
  columns = 80;
  rows = 24;
  drawn = "";

  write(text: string): boolean {
    this.drawn = text;
    return true;
  }
}

export class Canvas {
  readonly #sheet = new Sheet();
  #ink: Instance | undefined;

  /** Lays out a scene, and answers its lines from top to bottom. */
  draw(scene: Scene): string[] {
    this.#sheet.columns = scene.columns;
    this.#sheet.rows = scene.rows;
    const element = createElement(App, { scene });
    if (this.#ink === undefined) {
      this.#ink = render(element, {
        stdout: this.#sheet as unknown as NodeJS.WriteStream,
        stdin: new PassThrough() as unknown as NodeJS.ReadStream,
        // All of it each time, and at once.
        debug: true,
        patchConsole: false,
        exitOnCtrlC: false,
      });
    } else this.#ink.rerender(element);
    const lines = this.#sheet.drawn.split("\n").slice(0, scene.rows);
    return Array.from({ length: scene.rows }, (_, y) => lines[y] ?? "");
  }

  close(): void {
    this.#ink?.unmount();
  }
}
