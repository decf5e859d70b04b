/** Names of users and rooms, which differ in more than their case and the form of their characters. */

/** What names are compared by. */
export function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

/** What writes over what is beside it: servers take no line with such a character. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Surrogate}]/gu;
const MAX_LINE_BYTES = 255;

/** A file's name as servers have it: without marks that files of other systems have in theirs, and not too long. */
export function fileName(name: string): string {
  return cut(name.replaceAll(CONTROLS, "").trim()) || "file";
}

/** A file's type as servers have it. */
export function mediaType(type: string): string {
  const isOne = type.length <= MAX_LINE_BYTES && /^[\x21-\x2e\x30-\x7e]+\/[\x20-\x7e]+$/.test(type);
  return isOne ? type : "application/octet-stream";
}

/** Its beginning, with what follows the last dot: programs go by that. */
function cut(name: string): string {
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(MAX_LINE_BYTES);
  if (encoder.encodeInto(name, buffer).read === name.length) return name;
  const ending = /\.[\w-]{1,16}$/.exec(name)?.[0] ?? "";
  const { read } = encoder.encodeInto(name, buffer.subarray(0, MAX_LINE_BYTES - ending.length));
  return name.slice(0, read) + ending;
}

/** As servers have it. */
export function normalized(name: string): string {
  return name.normalize("NFC");
}
