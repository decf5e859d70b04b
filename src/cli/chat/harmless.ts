/** What others have written, made harmless for a terminal: it neither moves the cursor nor changes what is around it. */

/** Embeddings, overrides and isolates of UAX #9: they reorder what comes behind them, file names' endings above all. */
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/g;
/** Marks that are seen nowhere: of direction, joiners of nothing, byte order, soft hyphens, and tags without a flag. */
const INVISIBLE =
  /[\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff]|(?<!\p{Emoji_Presentation}[\u{e0020}-\u{e007f}]*)[\u{e0000}-\u{e007f}]/gu;
/** No script stacks as many. */
const STACKED_MARKS = /(\p{M}{8})\p{M}+/gu;
const REPLACEMENT = "\ufffd";

/** For one line. */
export function harmless(text: string): string {
  return harmlessLines(text).replaceAll("\n", " ");
}

/** With its line feeds. */
export function harmlessLines(text: string): string {
  return text
    .replaceAll(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .replaceAll("\t", "  ")
    .replaceAll(/(?!\n)\p{Cc}/gu, REPLACEMENT)
    .replaceAll(REORDERING, REPLACEMENT)
    .replaceAll(INVISIBLE, "")
    .replaceAll(STACKED_MARKS, "$1");
}

/** JSON in which what a terminal would act upon is escaped. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
