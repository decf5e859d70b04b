/**
 * What is said against a connection in the clear, before its keys are proved: an alert, or a hello that this side cannot
 * accept. Anyone may have said it (RFC 9147 §4.5.2), so it counts only if the peer does not go on for a while.
 */

/** In which a peer that is asked again answers, on most paths. */
const LEAST_DOUBT_MS = 500;
const ROUND_TRIPS = 3;

export class Doubts {
  #end: (() => void) | undefined;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #isRefusal = false;

  /** Whether the peer may have refused: what it is sent again meanwhile, it would refuse again. */
  get isRefusal(): boolean {
    return this.#isRefusal;
  }

  /** When {@link handleTimeout} is due; infinite if it is not. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** @param end what the first of them says to do, @param isRefusal whether it is an alert, @param rttMs if it is known */
  add(end: () => void, isRefusal: boolean, nowMs: number, rttMs = 0): void {
    if (this.#end !== undefined) return;
    this.#isRefusal = isRefusal;
    this.#end = end;
    this.#deadlineMs = nowMs + Math.max(LEAST_DOUBT_MS, ROUND_TRIPS * rttMs);
  }

  /** The peer goes on. */
  clear(): void {
    this.#end = undefined;
    this.#isRefusal = false;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  handleTimeout(nowMs: number): void {
    if (this.#deadlineMs > nowMs) return;
    const end = this.#end;
    this.clear();
    end?.();
  }
}
