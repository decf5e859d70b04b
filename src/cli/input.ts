/** A stream of bytes as datagrams. */
const NEWLINE = 10;

/** How a stream is cut into datagrams of at most so many bytes, which may change. */
export type Split = (
  stream: AsyncIterable<Uint8Array>,
  maxBytes: () => number,
  tooLong: (maxBytes: number) => void,
) => AsyncGenerator<Uint8Array>;

/**
 * Each line without its line feed; a last one may lack it.
 * @param tooLong called for each line that is longer, as soon as it is; unless it throws, the line is left out
 */
export const lines: Split = async function* (stream, maxBytes, tooLong) {
  let rest = new Uint8Array(0);
  let isLeftOut = false;
  const fits = (line: Uint8Array) => {
    const most = maxBytes();
    if (isLeftOut || line.length <= most) return !isLeftOut;
    isLeftOut = true;
    tooLong(most);
    return false;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = join(rest, chunk.subarray(start, end));
      if (fits(line)) yield line;
      isLeftOut = false;
      rest = new Uint8Array(0);
      start = end + 1;
    }
    rest = join(rest, chunk.subarray(start));
    if (!fits(rest)) rest = new Uint8Array(0);
  }
  if (rest.length > 0) yield rest;
};

/** What arrives together, in pieces. */
export const chunks: Split = async function* (stream, maxBytes, tooLong) {
  for await (const chunk of stream) {
    for (let start = 0; start < chunk.length; ) {
      const most = maxBytes();
      if (most < 1) tooLong(most);
      const piece = chunk.subarray(start, start + Math.max(1, most));
      start += piece.length;
      yield piece;
    }
  }
};

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
