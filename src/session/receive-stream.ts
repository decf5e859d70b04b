/**
 * The receiving part of a stream (RFC 9000 §3.2): puts STREAM frames in order, within the window that the peer was
 * given, and holds the peer to the final size.
 */
import type { Bytes } from "../core/bytes.ts";
import { TransportError } from "./errors.ts";
import { ReceiveWindow, type WindowLimits } from "./flow.ts";
import { OffsetRanges } from "./offset-ranges.ts";
import { StreamBuffer } from "./stream-buffer.ts";

/** Pieces that one stream may arrive in at a time; no loss makes so many, but one-byte frames would. */
const MAX_PIECES = 4096;

export type ReceiveState = "open" | "read" | "reset" | "stopped";

export class ReceiveStream {
  readonly id: number;
  readonly window: ReceiveWindow;
  state: ReceiveState = "open";
  /** With which the peer has reset the stream, or this side has asked it to stop. */
  errorCode = 0;
  finalSize: number | undefined;
  /** Whether the peer has something left to send, or to send again, that nobody will read: STOP_SENDING tells it (§3.5). */
  isStopDue = false;
  readonly #buffer = new StreamBuffer();
  readonly #received = new OffsetRanges();

  constructor(id: number, limits: WindowLimits, nowMs: number) {
    this.id = id;
    this.window = new ReceiveWindow(limits, nowMs);
  }

  /** Bytes that can be read now. */
  get readableBytes(): number {
    if (this.state !== "open" || this.#received.start > 0) return 0;
    return this.#received.firstEnd - this.window.consumed;
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.window.consumed === this.finalSize;
  }

  /** Whether all of it has come. */
  get #isComplete(): boolean {
    const { finalSize } = this;
    return finalSize === 0 || (this.#received.start === 0 && this.#received.firstEnd === finalSize);
  }

  /** Whether all of it has come and is to be read: then the session's end takes nothing away. */
  get hasArrived(): boolean {
    return this.state === "open" && this.finalSize !== undefined && this.#isComplete;
  }

  /** Whether the peer has nothing more to say on it, and the application nothing more to read. */
  get isDone(): boolean {
    return (
      this.state === "read" ||
      this.state === "reset" ||
      (this.state === "stopped" && this.finalSize !== undefined)
    );
  }

  /**
   * Checks where a frame ends (§4.5 and §4.1), before anything is kept.
   * @returns by how much the session's flow control is used up
   * @throws TransportError final_size_error, flow_control_error
   */
  admit(end: number, isFinal: boolean): number {
    const { window, finalSize } = this;
    if (finalSize !== undefined && (end > finalSize || (isFinal && end !== finalSize))) {
      throw new TransportError("final_size_error", "a stream's final size changes");
    }
    if (isFinal && end < window.received) {
      throw new TransportError("final_size_error", "a stream's final size is below what was received");
    }
    if (end > window.limit) throw new TransportError("flow_control_error", "more data than a stream allows");
    if (isFinal) this.finalSize = end;
    const growth = Math.max(0, end - window.received);
    window.received += growth;
    return growth;
  }

  /**
   * Keeps what {@link admit} has admitted.
   * @throws TransportError (protocol_violation) if it contradicts what came before
   */
  store(offset: number, source: Bytes, start: number, length: number): void {
    if (this.state !== "open") return;
    const received = this.#received;
    const { consumed } = this.window;
    const end = offset + length;
    const skipped = Math.max(0, consumed - offset);
    if (skipped >= length) return;
    const from = offset + skipped;
    // "The data at a given offset MUST NOT change if it is sent multiple times" (§2.2).
    if (from < received.firstEnd || received.count > 1) {
      received.within(from, end, (low, high) => {
        if (!this.#buffer.equals(low, source, start + low - offset, high - low)) {
          throw new TransportError("protocol_violation", "data at an offset of a stream changes");
        }
      });
    }
    this.#buffer.write(from, source, start + skipped, length - skipped);
    received.add(from, end);
    if (received.count > MAX_PIECES) {
      throw new TransportError("protocol_violation", "a stream in too many pieces");
    }
  }

  /**
   * Reads up to `maxBytes` of what there is, at least one byte.
   * @param target to read into instead of a new array
   */
  read(maxBytes: number, target?: Uint8Array): Bytes {
    const { window } = this;
    const length = Math.min(maxBytes, this.readableBytes);
    const bytes = target === undefined ? new Uint8Array(length) : target.subarray(0, length);
    this.#buffer.read(window.consumed, length, bytes, 0);
    window.consumed += length;
    this.#buffer.release(window.consumed);
    return bytes as Bytes;
  }

  /** The application knows of the end. */
  finish(): void {
    if (this.state === "open") this.#end("read");
  }

  /**
   * The peer has reset the stream, after {@link admit} of its final size.
   * @param knewEnd whether a FIN had told the final size before
   * @returns bytes that count as consumed now
   */
  reset(errorCode: number, knewEnd: boolean): number {
    this.isStopDue = false;
    if (this.state === "read" || this.state === "reset") return 0;
    if (this.state === "stopped") {
      this.state = "reset";
      return this.#discard();
    }
    // Once everything was received, the reset changes nothing (§3.2).
    if (knewEnd && this.#isComplete) return 0;
    this.errorCode = errorCode;
    this.#end("reset");
    return this.#discard();
  }

  /**
   * The application reads no more; what comes still counts, but is not kept.
   * @returns bytes that count as consumed now
   */
  stop(errorCode: number): number {
    if (this.state !== "open") return 0;
    this.errorCode = errorCode;
    this.isStopDue = !this.#isComplete;
    this.#end("stopped");
    return this.#discard();
  }

  /** @returns bytes received that nobody will read, which count as consumed from now on */
  discardArrived(): number {
    return this.state === "stopped" ? this.#discard() : 0;
  }

  #discard(): number {
    const { window } = this;
    const bytes = window.received - window.consumed;
    window.consumed = window.received;
    return bytes;
  }

  #end(state: ReceiveState): void {
    this.state = state;
    this.#buffer.clear();
    this.#received.clear();
  }
}
