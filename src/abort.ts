/** Waiting for the abort of a signal, which many others may wait for as well. */

/** What waits for a signal, behind the one listener that it has here. */
class Waiting {
  readonly callbacks = new Set<() => void>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#aborted, { once: true });
  }

  readonly #aborted = (): void => {
    all.delete(this.#signal);
    // One that is taken out meanwhile is not called any more, as with listeners.
    for (const callback of this.callbacks) callback();
  };

  remove(callback: () => void): void {
    if (!this.callbacks.delete(callback) || this.callbacks.size > 0) return;
    all.delete(this.#signal);
    this.#signal.removeEventListener("abort", this.#aborted);
  }
}

const all = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls back once when a signal is aborted; at once, if it is. However many wait, the signal has one listener: an
 * application may use one signal for all that it does, and runtimes take many listeners for a leak (Node warns above ten).
 * @returns gives the wait up
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal?.aborted) callback();
  if (signal === undefined || signal.aborted) return () => {};
  const waiting = all.get(signal) ?? new Waiting(signal);
  all.set(signal, waiting);
  // The same function may wait twice.
  const own = () => callback();
  waiting.callbacks.add(own);
  return () => waiting.remove(own);
}

/** The promise's outcome, unless the signal comes first: then it rejects with the signal's reason. */
export function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const ignore = onAbort(signal, () => reject(signal!.reason));
    promise.then(resolve, reject).finally(ignore);
  });
}
