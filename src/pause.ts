import { onAbort } from "./abort.ts";

/** Settles after this time, or as soon as the signal is aborted. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      ignore();
      resolve();
    }, delayMs);
    const ignore = onAbort(signal, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
