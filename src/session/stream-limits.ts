/** How many streams of one kind each side may open (RFC 9000 §4.6). */
import { TransportError } from "./errors.ts";

/** Streams that the peer opens: so many at a time that the application has not finished with. */
export class IncomingLimit {
  /** Streams the peer has opened. */
  opened = 0;
  /** What it was, or is about to be, told. */
  limit: number;
  readonly #concurrent: number;
  #finished = 0;
  #peerBlockedAt = -1;

  constructor(concurrent: number) {
    this.#concurrent = concurrent;
    this.limit = concurrent;
  }

  /** @throws TransportError (stream_limit_error) */
  admit(index: number): void {
    if (index >= this.limit) throw new TransportError("stream_limit_error", "more streams than were allowed");
  }

  /** A stream has come to its end, and the application has seen it. */
  finish(): void {
    this.#finished++;
  }

  /** Whether it is time to allow more. */
  get isLow(): boolean {
    if (this.#finished + this.#concurrent <= this.limit) return false;
    // The peer may have opened streams without a word, which are not known here.
    return this.limit - this.opened <= this.#concurrent / 2 || this.#peerBlockedAt >= this.limit;
  }

  /** The peer is held up by this limit. */
  peerBlocked(limit: number): void {
    this.#peerBlockedAt = Math.max(this.#peerBlockedAt, Math.min(limit, this.limit));
  }

  advance(): void {
    this.limit = this.#finished + this.#concurrent;
  }
}

/** Streams that this side opens. */
export class OutgoingLimit {
  opened = 0;
  /** What the peer allows. */
  limit = 0;
  /** The limit that the peer was told this side is held up by. */
  blockedAt = -1;

  /** @returns whether that is more than before */
  raise(limit: number): boolean {
    if (limit <= this.limit) return false;
    this.limit = limit;
    return true;
  }
}
