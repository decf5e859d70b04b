/** What a terminal sends, as keys. */

export type Key =
  /** Characters as they were typed. */
  | { readonly kind: "text"; readonly text: string }
  /** Text that came at once, whatever is in it. */
  | { readonly kind: "paste"; readonly text: string }
  /** `up`, `ctrl+a`, `alt+enter`, `ctrl+shift+left`: modifiers in this order, then the name or the character. */
  | { readonly kind: "chord"; readonly chord: string }
  /** Whether the terminal's window is the one that gets the keys. */
  | { readonly kind: "focus"; readonly hasFocus: boolean };

/** What is pasted beyond that is left out. */
const MAX_PASTE = 262_144;
/** No sequence of a terminal is as long: what is, is noise. */
const MAX_SEQUENCE = 256;

const PASTE_BEGIN = "200";
const PASTE_END = "\x1b[201~";

const LETTERS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
};

const NUMBERS: Readonly<Record<string, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
  11: "f1",
  12: "f2",
  13: "f3",
  14: "f4",
  15: "f5",
};

const CONTROLS: Readonly<Record<string, string>> = {
  "\0": "ctrl+space",
  "\b": "backspace",
  "\t": "tab",
  "\n": "ctrl+j",
  "\r": "enter",
  "\x1c": "ctrl+\\",
  "\x1d": "ctrl+]",
  "\x1e": "ctrl+^",
  "\x1f": "ctrl+_",
  "\x7f": "backspace",
};

/** Characters whose codes the protocols of Kitty and of xterm's modifyOtherKeys send. */
const CODES: Readonly<Record<string, string>> = { 9: "tab", 13: "enter", 27: "escape", 127: "backspace" };

type Taken = { readonly keys: readonly Key[]; readonly length: number } | "incomplete";

/** Makes keys of bytes, however they come in pieces. */
export class KeyReader {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #pasted: string | undefined;

  /** Whether an escape sequence may have begun: or it is the key, if nothing follows soon. */
  get isPending(): boolean {
    return this.#rest !== "" && this.#pasted === undefined;
  }

  push(bytes: Uint8Array): Key[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const keys: Key[] = [];
    while (this.#rest !== "") {
      const taken = this.#pasted === undefined ? take(this.#rest) : this.#paste();
      if (taken === "incomplete") {
        if (this.#pasted === undefined && this.#rest.length > MAX_SEQUENCE) this.#rest = "";
        break;
      }
      this.#rest = this.#rest.slice(taken.length);
      for (const key of taken.keys) {
        if (key.kind === "paste") this.#pasted = "";
        else keys.push(key);
      }
      if (this.#pasted !== undefined && this.#isPasted) {
        keys.push({ kind: "paste", text: this.#pasted.replaceAll(/\r\n?/g, "\n") });
        this.#pasted = undefined;
        this.#isPasted = false;
      }
    }
    return keys;
  }

  /** What is pending, as the keys that it is if nothing follows. */
  flush(): Key[] {
    if (!this.isPending) return [];
    const rest = this.#rest;
    this.#rest = "";
    if (rest === "\x1b") return [chord("escape")];
    if (rest === "\x1b\x1b") return [chord("escape"), chord("escape")];
    // Alt with a character that begins a sequence; of anything longer too much is missing.
    return rest.length === 2 ? [chord(`alt+${rest[1]}`)] : [];
  }

  #isPasted = false;

  #paste(): Taken {
    const end = this.#rest.indexOf(PASTE_END);
    // The end may have come in part.
    const length = end === -1 ? Math.max(0, this.#rest.length - PASTE_END.length + 1) : end;
    this.#pasted = (this.#pasted! + this.#rest.slice(0, length)).slice(0, MAX_PASTE);
    if (end !== -1) {
      this.#isPasted = true;
      return { keys: [], length: end + PASTE_END.length };
    }
    if (length === 0) return "incomplete";
    return { keys: [], length };
  }
}

function chord(name: string): Key {
  return { kind: "chord", chord: name };
}

function take(input: string): Taken {
  if (input[0] === "\x1b") return takeEscape(input);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const [text] = /^[^\x00-\x1f\x7f]+/.exec(input) ?? [];
  if (text !== undefined) return { keys: [{ kind: "text", text }], length: text.length };
  return { keys: [chord(controlName(input[0]!))], length: 1 };
}

function controlName(character: string): string {
  return CONTROLS[character] ?? `ctrl+${String.fromCharCode(character.charCodeAt(0) + 0x60)}`;
}

function takeEscape(input: string): Taken {
  const next = input[1];
  if (next === undefined) return "incomplete";
  if (next === "[") return takeCsi(input);
  if (next === "O") {
    const letter = input[2];
    if (letter === undefined) return "incomplete";
    const name = LETTERS[letter];
    return { keys: name === undefined ? [] : [chord(name)], length: 3 };
  }
  // What a terminal answers to questions that nobody has asked.
  if ("]P_^X".includes(next)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they end it
    const end = /\x07|\x1b\\/.exec(input.slice(2));
    return end === null ? "incomplete" : { keys: [], length: 2 + end.index + end[0].length };
  }
  if (next === "\x1b") {
    // Some terminals put Escape before a sequence for Alt.
    const rest = takeEscape(input.slice(1));
    if (rest === "incomplete") return rest;
    return { keys: rest.keys.map(withAlt), length: rest.length + 1 };
  }
  const name = next < " " || next === "\x7f" ? controlName(next) : next;
  const length = name === next ? 1 + String.fromCodePoint(input.codePointAt(1)!).length : 2;
  return { keys: [withAlt(chord(name === next ? input.slice(1, length) : name))], length };
}

function withAlt(key: Key): Key {
  if (key.kind !== "chord" || key.chord.includes("alt+")) return key;
  return chord(key.chord.startsWith("ctrl+") ? `ctrl+alt+${key.chord.slice(5)}` : `alt+${key.chord}`);
}

function takeCsi(input: string): Taken {
  // The Linux console's function keys.
  if (input[2] === "[") return input.length < 4 ? "incomplete" : { keys: [], length: 4 };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with one
  const [whole, prefix, parameters, final] = /^\x1b\[([<=>?]?)([0-9;:]*)[ -/]*([@-~])/.exec(input) ?? [];
  if (whole === undefined) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with one
    if (/^\x1b\[[<=>?]?[0-9;:]*[ -/]*$/.test(input)) return "incomplete";
    // Not of a terminal: what is wrong with it is looked at anew.
    return { keys: [], length: 2 };
  }
  const { length } = whole;
  if (prefix !== "") return { keys: [], length };
  const [first = "", second = ""] = parameters!.split(";");
  if (final === "~" && first === PASTE_BEGIN) return { keys: [{ kind: "paste", text: "" }], length };
  if (final === "I" || final === "O") return { keys: [{ kind: "focus", hasFocus: final === "I" }], length };
  return { keys: csiKeys(first, second, final!, parameters!), length };
}

function csiKeys(first: string, second: string, final: string, parameters: string): Key[] {
  if (final === "Z") return [chord("shift+tab")];
  if (final === "u") return characterChord(first, second);
  if (final === "~" && first === "27") return characterChord(parameters.split(";")[2] ?? "", second);
  const name = final === "~" ? NUMBERS[first] : LETTERS[final];
  return name === undefined ? [] : [chord(`${modifiers(second)}${name}`)];
}

function characterChord(code: string, modifier: string): Key[] {
  const number = Number.parseInt(code, 10);
  if (!(number > 0 && number <= 0x10ffff)) return [];
  return [chord(`${modifiers(modifier)}${CODES[number] ?? String.fromCodePoint(number)}`)];
}

/** One more than the sum of Shift 1, Alt 2 and Ctrl 4. */
function modifiers(parameter: string): string {
  const bits = Math.max(0, Number.parseInt(parameter || "1", 10) - 1);
  return `${bits & 4 ? "ctrl+" : ""}${bits & 2 ? "alt+" : ""}${bits & 1 ? "shift+" : ""}`;
}
