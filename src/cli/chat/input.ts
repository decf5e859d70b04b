/** What is typed or piped, in a way that leaves the terminal to whoever asks for a password in between. */
import type { ReadStream } from "node:tty";

type Source = Pick<ReadStream, "on" | "off" | "pause" | "resume"> & AsyncIterable<Uint8Array>;

/** Nothing is read, and nothing listens, but while the next chunk is waited for. */
export async function* typed(source: Source): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = await next(source);
    if (chunk === undefined) return;
    yield chunk;
  }
}

function next(source: Source): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      source.pause();
      source.off("data", data);
      source.off("end", end);
      source.off("close", end);
      source.off("error", failed);
      act();
    };
    const data = (chunk: Uint8Array) => settle(() => resolve(chunk));
    const end = () => settle(() => resolve(undefined));
    const failed = (error: Error) => settle(() => reject(error));
    source.on("data", data);
    source.on("end", end);
    source.on("close", end);
    source.on("error", failed);
    source.resume();
  });
}
