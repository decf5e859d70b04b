/** Puts handshake messages together from fragments in any order (RFC 9147 §5.2 and §5.5). */
import type { Bytes } from "../core/bytes.ts";
import { fault } from "../tls/wire.ts";
import type { Fragment } from "./fragment.ts";
import { Ranges } from "./ranges.ts";

/** In bytes. No more than a message and what is ahead is ever held: `messageBytes + aheadBytes`. */
export interface ReassemblyLimits {
  /** The longest message body that is accepted. */
  readonly messageBytes: number;
  /** The longest that is accepted unprotected, when anybody may have sent it. */
  readonly plaintextBytes: number;
  /** Of the messages beyond the next expected one, all together. */
  readonly aheadBytes: number;
  /** How many messages beyond the next expected one are kept. */
  readonly messagesAhead: number;
  /**
   * Whether anyone may have sent fragments in the clear: of two that contradict each other the later one begins the message
   * anew, and what else is missing comes again. Otherwise it is a fault of the peer's.
   */
  readonly doubtsPlaintext?: boolean;
}

/**
 * What became of a fragment: it `advanced` the expected message, is kept for `later`, repeats what is known (`old`),
 * or was `discarded` and may not be acknowledged.
 */
export type FragmentFate = "advanced" | "later" | "old" | "discarded";

interface PartialMessage {
  readonly epoch: number;
  readonly type: number;
  /** Type, length and body. */
  readonly bytes: Bytes;
  readonly length: number;
  readonly received: Ranges;
}

/** A whole message and the epoch whose records brought it. */
export interface ReceivedMessage {
  readonly epoch: number;
  readonly type: number;
  /** Type, length and body, as the transcript has it. */
  readonly bytes: Bytes;
}

/** Pieces of one message with gaps between them: bounds the work that each fragment costs. */
const MAX_RANGES = 512;

export class Reassembler {
  readonly #limits: ReassemblyLimits;
  readonly #partial = new Map<number, PartialMessage>();
  #nextReceiveSeq: number;

  constructor(limits: ReassemblyLimits, nextReceiveSeq = 0) {
    this.#limits = limits;
    this.#nextReceiveSeq = nextReceiveSeq;
  }

  /** message_seq of the message that is expected. */
  get nextReceiveSeq(): number {
    return this.#nextReceiveSeq;
  }

  /** Bytes of the messages that are incomplete, or wait for those before them. */
  get heldBytes(): number {
    let held = 0;
    for (const { length } of this.#partial.values()) held += length;
    return held;
  }

  /** Whether parts of any message wait for the rest, or whole ones for those before them. */
  get isWaiting(): boolean {
    return this.#partial.size > 0;
  }

  /**
   * @throws SealgramError illegal_parameter for a fragment that contradicts an earlier one, or a message that is too long
   */
  add(fragment: Fragment, epoch: number): FragmentFate {
    const ahead = fragment.messageSeq - this.#nextReceiveSeq;
    if (ahead < 0) return "old";
    if (ahead > this.#limits.messagesAhead) return "discarded";
    if (fragment.length > this.#longest(epoch)) {
      throw fault("illegal_parameter", "message_too_long", `a handshake message of ${fragment.length} bytes`);
    }
    // RFC 9147 does not forbid a fragment of nothing, and it says nothing.
    if (fragment.data.length === 0 && fragment.length > 0) return "old";
    const message = this.#messageOf(fragment, epoch);
    if (message === undefined) return "discarded";
    const start = fragment.offset;
    const end = start + fragment.data.length;
    const { received } = message;
    // What closes a gap is taken in any case, or the message would never be whole.
    if (received.count >= MAX_RANGES && !received.adjoins(start, end)) return "discarded";
    if (!matches(message, fragment)) {
      if (this.#mayBeForged(epoch)) return this.#restart(fragment, epoch);
      throw mismatch("a retransmitted byte of a message changed");
    }
    message.bytes.set(fragment.data, 4 + start);
    received.add(start, end);
    return ahead === 0 ? "advanced" : "later";
  }

  #mayBeForged(epoch: number): boolean {
    return epoch === 0 && this.#limits.doubtsPlaintext === true;
  }

  #restart(fragment: Fragment, epoch: number): FragmentFate {
    this.#partial.delete(fragment.messageSeq);
    return this.add(fragment, epoch);
  }

  /** The message that was last taken is taken for a forgery: the next one with its number takes its place. */
  reject(): void {
    this.#nextReceiveSeq--;
  }

  #longest(epoch: number): number {
    const { messageBytes, plaintextBytes } = this.#limits;
    return epoch === 0 ? Math.min(plaintextBytes, messageBytes) : messageBytes;
  }

  /** Whether there is room for a message beyond the expected one. */
  #fitsAhead({ messageSeq, length }: Fragment): boolean {
    if (messageSeq === this.#nextReceiveSeq) return true;
    const expected = this.#partial.get(this.#nextReceiveSeq)?.length ?? 0;
    return this.heldBytes - expected + length <= this.#limits.aheadBytes;
  }

  #messageOf(fragment: Fragment, epoch: number): PartialMessage | undefined {
    const known = this.#partial.get(fragment.messageSeq);
    if (known === undefined) {
      if (!this.#fitsAhead(fragment)) return undefined;
      const bytes = new Uint8Array(4 + fragment.length);
      bytes[0] = fragment.type;
      bytes[1] = fragment.length >> 16;
      bytes[2] = fragment.length >> 8;
      bytes[3] = fragment.length;
      const { type, length } = fragment;
      const message = { epoch, type, bytes, length, received: new Ranges() };
      this.#partial.set(fragment.messageSeq, message);
      return message;
    }
    // One message, one epoch: what an attacker adds in plaintext is never part of a protected message.
    if (known.epoch !== epoch) return undefined;
    if (known.type === fragment.type && known.length === fragment.length) return known;
    if (!this.#mayBeForged(epoch)) throw mismatch("fragments of one message disagree on its header");
    this.#partial.delete(fragment.messageSeq);
    return this.#messageOf(fragment, epoch);
  }

  /** The expected message, once it is whole. */
  next(): ReceivedMessage | undefined {
    const message = this.#partial.get(this.#nextReceiveSeq);
    if (message === undefined || !message.received.covers(message.length)) return undefined;
    this.#partial.delete(this.#nextReceiveSeq);
    this.#nextReceiveSeq++;
    return { epoch: message.epoch, type: message.type, bytes: message.bytes };
  }

  /** Forgets what arrived in epochs below this one; answers whether there was any. */
  forgetBefore(epoch: number): boolean {
    let forgot = false;
    for (const [seq, message] of this.#partial) {
      if (message.epoch < epoch) {
        this.#partial.delete(seq);
        forgot = true;
      }
    }
    return forgot;
  }
}

/** "Receivers MAY check that retransmitted bytes are identical" */
function matches(message: PartialMessage, { offset, data }: Fragment): boolean {
  for (const [start, end] of message.received.within(offset, offset + data.length)) {
    for (let i = start; i < end; i++) if (message.bytes[4 + i] !== data[i - offset]) return false;
  }
  return true;
}

function mismatch(message: string): Error {
  return fault("illegal_parameter", "fragment_mismatch", message);
}
