/** Several ways to one thing, of which some may be blocked: none is waited for alone (in the spirit of RFC 8305 §5). */
import { onAbort } from "./abort.ts";

export interface Racing<Way, T> {
  /** Ends all attempts: the race fails with its reason. */
  readonly signal: AbortSignal;
  /** A way that has not shown a sign of life for so long is not waited for alone: the next begins. */
  readonly nextMs: number;
  /**
   * Tries a way until the signal is aborted.
   * @param alive to be called at a sign of life. Nobody has proved to be whom it came from, so it buys time, and no more.
   */
  begin(way: Way, signal: AbortSignal, alive: () => void): Promise<T>;
  /** Whether a way's failure says something of all of them: it is the race's. After any other the next way begins at once. */
  isFinal(error: unknown): boolean;
  /** What the race fails with when all ways have failed, of their failures in the order of the ways. */
  blame(failures: readonly unknown[]): unknown;
  /** Gives up what was won too late. */
  discard(late: T): void;
}

/** So many times `nextMs` a way has that has shown a sign of life. */
const ALIVE_FACTOR = 8;

/** The first that succeeds, of ways with the most preferred first. The attempts of the others are aborted. */
export function race<Way, T>(ways: readonly Way[], racing: Racing<Way, T>): Promise<T> {
  const { signal, nextMs } = racing;
  const end = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const failures: unknown[] = [];
    let begun = 0;
    let failed = 0;
    const lose = (reason: unknown) => {
      reject(reason);
      end.abort(reason);
    };

    const next = () => {
      if (begun === ways.length || end.signal.aborted) return;
      const place = begun++;
      let isFollowed = false;
      const follow = () => {
        clearTimeout(timer);
        if (isFollowed) return;
        isFollowed = true;
        next();
      };
      let timer = setTimeout(follow, nextMs);
      onAbort(end.signal, () => clearTimeout(timer));
      let isAlive = false;
      const alive = () => {
        if (isAlive || isFollowed || end.signal.aborted) return;
        isAlive = true;
        clearTimeout(timer);
        timer = setTimeout(follow, ALIVE_FACTOR * nextMs);
      };
      racing.begin(ways[place]!, end.signal, alive).then(
        (result) => {
          if (end.signal.aborted) {
            racing.discard(result);
            return;
          }
          resolve(result);
          end.abort();
        },
        (error) => {
          if (end.signal.aborted) return;
          failures[place] = error;
          failed++;
          if (racing.isFinal(error)) lose(error);
          else if (failed === ways.length) lose(racing.blame(failures));
          else follow();
        },
      );
    };

    const ignore = onAbort(signal, () => lose(signal.reason));
    onAbort(end.signal, ignore);
    next();
  });
}
