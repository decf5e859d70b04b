/**
 * Buffers that datagrams wait in until an asynchronous socket has sent them. Sockets send in order, so that of so many
 * unsent datagrams all are in the places used last.
 */
import type { Bytes } from "../core/bytes.ts";

const SLOTS = 256;
/** What most datagrams are shorter than. */
const SLOT_BYTES = 2048;
/** Places that grow for longer ones: usually one is under way. In the others such a datagram is an array of its own. */
const GROWING_SLOTS = 16;

export class SendRing {
  /** How many datagrams may be unsent at a time. */
  static readonly capacity: number = SLOTS - 1;
  readonly #slots: Bytes[] = [];
  #next = 0;

  /**
   * A copy of a datagram.
   * @param unsent how many of the last ones are not sent yet, at most {@link capacity}
   */
  copy(datagram: Uint8Array, unsent: number): Bytes {
    const { length } = datagram;
    // With nothing under way the first place serves again, and stays in the cache.
    this.#next = unsent === 0 ? 0 : (this.#next + 1) % SLOTS;
    if (length > SLOT_BYTES && this.#next >= GROWING_SLOTS) return new Uint8Array(datagram);
    let slot = this.#slots[this.#next];
    if (slot === undefined || slot.length !== length) {
      const buffer =
        slot !== undefined && slot.buffer.byteLength >= length
          ? slot.buffer
          : new ArrayBuffer(Math.max(length, SLOT_BYTES));
      slot = new Uint8Array(buffer, 0, length);
      this.#slots[this.#next] = slot;
    }
    slot.set(datagram);
    return slot;
  }
}
