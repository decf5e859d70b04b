/** Which records to acknowledge (RFC 9147 §7.1). */
import type { RecordNumber } from "../tls/ack.ts";

/** The most recent ones are kept. */
const MAX_ACKNOWLEDGED = 32;
const MAX_REPETITIONS = 4;

/**
 * Handshake records of the current flight that were processed or buffered. An ACK lists all of them, not only those
 * since the last ACK, which may have been lost.
 */
export class AckList {
  #numbers: RecordNumber[] = [];
  #repetitions: RecordNumber[] = [];

  get isEmpty(): boolean {
    return this.#numbers.length + this.#repetitions.length === 0;
  }

  add(number: RecordNumber): void {
    if (this.#numbers.length >= MAX_ACKNOWLEDGED) this.#numbers.shift();
    this.#numbers.push(number);
  }

  /** A record that repeats another and may be forged: it never takes the place of one that is not. */
  addRepetition(number: RecordNumber): void {
    if (this.#repetitions.length >= MAX_REPETITIONS) this.#repetitions.shift();
    this.#repetitions.push(number);
  }

  /** "in numerically increasing order", at most `most` of them */
  take(most: number): RecordNumber[] {
    const numbers = this.#numbers.slice(-most);
    return [...numbers, ...this.#repetitions.slice(0, most - numbers.length)].sort(
      (a, b) => a.epoch - b.epoch || a.sequenceNumber - b.sequenceNumber,
    );
  }

  clear(): void {
    this.#numbers = [];
    this.#repetitions = [];
  }
}
