/** A stream of bytes as datagrams. */
const NEWLINE = 10;

/**
 * Each line without its line feed; a last one may lack it.
 * @param maxBytes asked for at each line, as it may change
 * @throws Error for a line that is longer
 */
export async function* lines(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: () => number,
): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  const checked = (line: Uint8Array) => {
    if (line.length <= maxBytes()) return line;
    throw new Error(`a line of the input has more than ${maxBytes()} bytes; --raw sends it in pieces`);
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield checked(join(rest, chunk.subarray(start, end)));
      rest = new Uint8Array(0);
      start = end + 1;
    }
    rest = join(rest, chunk.subarray(start));
    checked(rest);
  }
  if (rest.length > 0) yield rest;
}

/** What arrives together, in pieces of at most so many bytes. */
export async function* chunks(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: () => number,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    for (let start = 0; start < chunk.length; ) {
      const piece = chunk.subarray(start, start + maxBytes());
      start += piece.length;
      yield piece;
    }
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
