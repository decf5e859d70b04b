/** Something that is asked for, and that nobody is to see. */
import { Editor } from "./editor.ts";

export class Question {
  readonly text: string;
  readonly editor: Editor = new Editor();
  /** Nothing if there is to be none. */
  readonly answer: Promise<string | undefined>;
  #answer!: (answer: string | undefined) => void;

  constructor(text: string) {
    this.text = text;
    this.answer = new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  press(chord: string): void {
    if (chord === "enter") this.#answer(this.editor.text);
    else if (chord === "escape" || chord === "ctrl+c" || chord === "ctrl+d") this.#answer(undefined);
    else this.editor.press(chord, Number.POSITIVE_INFINITY);
  }
}
