/**
 * What others have written, made harmless for a terminal: it neither moves the cursor nor changes what is around it. All
 * that is written to a terminal is {@link Harmless}, which nothing but these functions makes of a string.
 */

declare const isHarmless: unique symbol;

/** Text that a terminal can be given. */
export type Harmless = string & { readonly [isHarmless]: true };

/** Embeddings, overrides and isolates of UAX #9: they reorder what comes behind them, file names' endings above all. */
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/g;
/**
 * Marks that are seen nowhere, and tags without a flag. Joiners and selectors of variants stay: they are part of how scripts
 * and emoji are written. A flag is taken with its tags, so that no tag looks back for one.
 */
const INVISIBLE =
  /(\p{Emoji_Presentation}[\u{e0020}-\u{e007f}]+)|[\ufff9-\ufffb]|(?!\u200c|\u200d|[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}])\p{Default_Ignorable_Code_Point}/gu;
/** No script stacks as many. */
const STACKED_MARKS = /(\p{M}{8})\p{M}+/gu;
const REPLACEMENT = "\ufffd";

/** For one line. */
export function harmless(text: string): Harmless {
  return harmlessLines(text).replaceAll("\n", " ") as Harmless;
}

/** With its line feeds. */
export function harmlessLines(text: string): Harmless {
  return text
    .replaceAll(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .replaceAll("\t", "  ")
    .replaceAll(/(?!\n)\p{Cc}/gu, REPLACEMENT)
    .replaceAll(REORDERING, REPLACEMENT)
    .replaceAll(INVISIBLE, (_, flag: string | undefined) => flag ?? "")
    .replaceAll(STACKED_MARKS, "$1") as Harmless;
}

/** A line of this program's own words, with what others have written in between. */
export function shown(words: TemplateStringsArray, ...values: readonly (string | number)[]): Harmless {
  return String.raw({ raw: words }, ...values.map((value) => harmless(`${value}`))) as Harmless;
}

/** Pieces of harmless text in a row. */
export function joined(pieces: readonly Harmless[], between: "" | "\n" | ", " = ""): Harmless {
  return pieces.join(between) as Harmless;
}

/** The same once more and once more: of blanks and lines. */
export function repeated(character: " " | "─" | "█" | "░" | "•", count: number): Harmless {
  return character.repeat(count) as Harmless;
}

/** JSON in which what a terminal would act upon is escaped. */
export function harmlessJson(value: unknown): Harmless {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  ) as Harmless;
}
