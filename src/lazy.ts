/** What is loaded, or made, when it is first needed. */
import { SealgramError } from "./errors.ts";

/**
 * Loads a module that not every program needs, and that a bundler may have put into a file of its own.
 * @throws SealgramError module_unavailable
 */
export async function loadPart<T>(part: () => Promise<T>): Promise<T> {
  try {
    return await part();
  } catch (cause) {
    // "If settingsObject's global object implements ... ServiceWorkerGlobalScope ... a TypeError" (HTML, HostLoadImportedModule)
    const why =
      "ServiceWorkerGlobalScope" in globalThis
        ? "service workers have no import(): bundle them into one file, without splitting"
        : "its file cannot be had";
    throw new SealgramError("module_unavailable", `a part of sealgram could not be loaded: ${why}`, {
      alert: "internal_error",
      cause,
    });
  }
}

/** Makes something once, when it is first asked for. What fails is made anew the next time. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
