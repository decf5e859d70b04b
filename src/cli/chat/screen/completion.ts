/** What the Tab key makes of a word that has begun. */
import { fold } from "../../../apps/chat/names.ts";
import { slashCommands } from "../slash.ts";
import { tailOf } from "../tail.ts";

/** A word that can be completed, and what it names. */
export interface Begun {
  readonly kind: "command" | "room" | "user" | "file";
  /** Its place in the text. */
  readonly begin: number;
  readonly end: number;
  /** `#` or `@` before the name, if it was typed. */
  readonly sign: string;
  /** What there is of the name. */
  readonly prefix: string;
  /** What comes behind the whole name. */
  readonly suffix: string;
}

const commands = new Map(slashCommands.map((command) => [command.name, command]));

/** The word that ends at the cursor; none if nothing is known of what it could be. */
export function begunAt(text: string, cursor: number): Begun | undefined {
  const before = text.slice(0, cursor);
  const command = /^\/(\S*)$/.exec(before);
  if (command !== null) {
    return { kind: "command", begin: 0, end: cursor, sign: "/", prefix: command[1]!, suffix: " " };
  }
  const argument = /^\/(\S+)\s+(.*)$/s.exec(before);
  const [, name = ""] = argument ?? [];
  const names = commands.get(name.toLowerCase())?.names;
  if (names === "file") {
    const prefix = argument![2]!;
    return { kind: "file", begin: cursor - prefix.length, end: cursor, sign: "", prefix, suffix: "" };
  }
  if (names !== undefined && !/\s/.test(argument![2]!)) {
    const [, sign, prefix] = /^([#@]?)(.*)$/s.exec(argument![2]!)!;
    const begin = cursor - argument![2]!.length;
    return { kind: names, begin, end: cursor, sign: sign === "@" ? "@" : "", prefix: prefix!, suffix: " " };
  }
  const begin = tailOf(before, /\S/u);
  const word = before.slice(begin);
  if (word === "") return undefined;
  if (word[0] === "#") {
    return { kind: "room", begin, end: cursor, sign: "#", prefix: word.slice(1), suffix: " " };
  }
  if (word[0] === "@") {
    return { kind: "user", begin, end: cursor, sign: "@", prefix: word.slice(1), suffix: " " };
  }
  // Whom it is for.
  return { kind: "user", begin, end: cursor, sign: "", prefix: word, suffix: begin === 0 ? ": " : " " };
}

/** Those of some names that a word can become, in their order. */
export function matching({ prefix }: Begun, names: readonly string[]): string[] {
  const folded = fold(prefix);
  return [...new Set(names)]
    .filter((name) => fold(name).startsWith(folded))
    .sort((a, b) => a.localeCompare(b));
}

/** As much as all names begin with, whatever their case; in that of the first. */
export function commonBegin(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let length = first.length;
  for (const name of others) {
    while (!name.toLowerCase().startsWith(first.slice(0, length).toLowerCase())) length--;
  }
  return first.slice(0, length);
}

/** One press of the Tab key after the other. */
export class Completion {
  #names: readonly string[] = [];
  #begun: Begun | undefined;
  #index = -1;

  /** What can be chosen from, after a first press that has not decided it. */
  get names(): readonly string[] {
    return this.#names;
  }

  get index(): number {
    return this.#index;
  }

  /** Something else was typed. */
  end(): void {
    this.#names = [];
    this.#begun = undefined;
    this.#index = -1;
  }

  /** @returns what to put in the place of the word; nothing where there is nothing to choose from */
  begin(begun: Begun, names: readonly string[]): Replacement | undefined {
    this.end();
    const [only] = names;
    if (only === undefined) return undefined;
    if (names.length === 1) {
      const isFolder = begun.kind === "file" && only.endsWith("/");
      return replacement(begun, only + (isFolder ? "" : begun.suffix));
    }
    this.#names = names;
    this.#begun = begun;
    const common = commonBegin(names);
    if (common.length <= begun.prefix.length) return this.next(1);
    return this.#put(common);
  }

  /** The next of the names, or the one before. */
  next(by: 1 | -1): Replacement | undefined {
    if (this.#begun === undefined) return undefined;
    const { length } = this.#names;
    this.#index = this.#index === -1 && by === -1 ? length - 1 : (this.#index + by + length) % length;
    return this.#put(this.#names[this.#index]! + this.#begun.suffix);
  }

  #put(name: string): Replacement {
    const put = replacement(this.#begun!, name);
    this.#begun = { ...this.#begun!, end: put.begin + put.text.length };
    return put;
  }
}

export interface Replacement {
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

function replacement({ begin, end, sign }: Begun, name: string): Replacement {
  return { begin, end, text: sign + name };
}
