/** @jsxImportSource preact */
/** What somebody has written: as text, whatever it is, with its links. */
import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import { piecesOf } from "./links.ts";
import { cut, sizeText } from "./words.ts";

const SHORT_LENGTH = 2_000;
const SHORT_LINES = 24;

/** What is shown of a long text until somebody wants all of it. */
function shortened(text: string): string {
  return cut(text, SHORT_LENGTH).split("\n").slice(0, SHORT_LINES).join("\n");
}

export function Text({
  text,
  children,
}: {
  readonly text: string;
  readonly children?: VNode | false;
}): VNode {
  const [isWhole, setWhole] = useState(false);
  const short = useMemo(() => shortened(text), [text]);
  const isLong = short.length < text.length;
  const pieces = useMemo(() => piecesOf(isWhole ? text : short), [text, short, isWhole]);
  return (
    <>
      <p class="text" dir="auto">
        {pieces.map(({ text: piece, href }, i) =>
          href === undefined ? (
            piece
          ) : (
            <a key={i} href={href} target="_blank" rel="noopener noreferrer">
              {piece}
            </a>
          ),
        )}
        {isLong && !isWhole && " …"}
        {children}
      </p>
      {isLong && (
        <button type="button" class="link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : `Show all (${sizeText(text.length)})`}
        </button>
      )}
    </>
  );
}
