/** Flow control (RFC 9000 §4): what the peer may send, in a window that grows for whoever reads fast. */

export interface WindowLimits {
  /** What the peer may send to begin with. */
  readonly initialBytes: number;
  /** What the window may grow to. */
  readonly maxBytes: number;
}

/** The receiving side of a stream's or the session's flow control. */
export class ReceiveWindow {
  /** What the peer was, or is about to be, told: it may send up to this offset, or sum of offsets. */
  limit: number;
  /** Highest offset received, or their sum. */
  received = 0;
  /** What the application has read, or will never read. */
  consumed = 0;
  #windowBytes: number;
  readonly #maxBytes: number;
  #updatedAtMs: number;

  constructor({ initialBytes, maxBytes }: WindowLimits, nowMs: number) {
    this.limit = initialBytes;
    this.#windowBytes = initialBytes;
    this.#maxBytes = maxBytes;
    this.#updatedAtMs = nowMs;
  }

  /** How far the limit is ahead of the application when it was told. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Whether the peer should be told a new limit: half of the window is used up. */
  get isLow(): boolean {
    return this.limit - this.consumed <= this.#windowBytes / 2;
  }

  /**
   * Moves the limit ahead of what was consumed. Half a window in less than two round trips means that the window, and
   * not the path or the reader, is what holds the sender up: it doubles.
   */
  advance(nowMs: number, rttMs: number): void {
    if (nowMs - this.#updatedAtMs < 2 * rttMs) {
      this.#windowBytes = Math.min(2 * this.#windowBytes, this.#maxBytes);
    }
    this.#updatedAtMs = nowMs;
    this.limit = Math.max(this.limit, this.consumed + this.#windowBytes);
  }
}

/** The sending side of the session's flow control. */
export class SendCredit {
  /** What the peer allows, as a sum over all streams. */
  limit = 0;
  sent = 0;
  /** The limit that the peer was told this side is held up by (DATA_BLOCKED, §19.12). */
  blockedAt = -1;

  get available(): number {
    return this.limit - this.sent;
  }

  /** @returns whether that is more than before */
  raise(limit: number): boolean {
    if (limit <= this.limit) return false;
    this.limit = limit;
    return true;
  }
}
