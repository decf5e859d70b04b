/** Texts in pieces, of which some are links: to http and https only. */

export interface Piece {
  readonly text: string;
  /** Where it leads, if it is a link. */
  readonly href?: string;
}

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`\p{Cf}]+/giu;
const CLOSERS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** What ends a sentence, or closes a bracket that was opened before the link, is not of the link. */
function trimmed(candidate: string): string {
  const counts = new Map<string, number>();
  for (const character of candidate) counts.set(character, (counts.get(character) ?? 0) + 1);
  const countOf = (character: string) => counts.get(character) ?? 0;
  let end = candidate.length;
  for (;;) {
    const last = candidate[end - 1]!;
    const opener = CLOSERS[last];
    const isUnbalanced = opener !== undefined && countOf(last) > countOf(opener);
    if (!isUnbalanced && !/[.,;:!?…*_~]/u.test(last)) return candidate.slice(0, end);
    counts.set(last, countOf(last) - 1);
    end--;
  }
}

function hrefOf(text: string): string | undefined {
  try {
    const { protocol, hostname, href, username, password } = new URL(text);
    const isPlain = (protocol === "http:" || protocol === "https:") && hostname !== "";
    // A user in front of the host is there to look like a host.
    return isPlain && username === "" && password === "" ? href : undefined;
  } catch {
    return undefined;
  }
}

/** The pieces, which are the text when they are put together. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const link = trimmed(candidate);
    const href = hrefOf(link);
    if (href === undefined) continue;
    if (index > at) pieces.push({ text: text.slice(at, index) });
    pieces.push({ text: link, href });
    at = index + link.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at) });
  return pieces;
}
