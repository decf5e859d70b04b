/** A client of `serve`, and the input that waits for it. */
import type { Session } from "../endpoint/session.ts";

/** Beyond so many datagrams, a client loses what it does not take as fast as others do. */
const MAX_WAITING = 256;

export class Recipient {
  readonly session: Session;
  readonly #settled: () => void;
  readonly #waiting: Uint8Array[] = [];
  #isSending = false;

  /** @param settled called when nothing waits any more */
  constructor(session: Session, settled: () => void) {
    this.session = session;
    this.#settled = settled;
  }

  /** Whether all that it was to get is on its way. */
  get isIdle(): boolean {
    return !this.#isSending;
  }

  /** Takes the datagram, and sends it once there is room; or says why not. */
  send(datagram: Uint8Array): "taken" | "slow" | "too_long" {
    if (datagram.length > this.session.maxDatagramSize) return "too_long";
    if (this.#waiting.length >= MAX_WAITING) return "slow";
    this.#waiting.push(datagram);
    if (!this.#isSending) void this.#drain();
    return "taken";
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    const writer = this.session.datagrams.writable.getWriter();
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        await writer.write(next);
      }
    } catch {
      // The session has ended, or else has no way to go on.
      this.session.close();
    } finally {
      writer.releaseLock();
      this.#isSending = false;
      this.#settled();
    }
  }
}
