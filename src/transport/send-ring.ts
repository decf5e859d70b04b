/**
 * Buffers that datagrams wait in until an asynchronous socket has sent them. Sockets send in order, so that of so many
 * unsent datagrams all are in the places used last.
 */
import type { Bytes } from "../core/bytes.ts";

const SLOTS = 256;
/** What most datagrams are shorter than; a longer one gets a place of its own. */
const SLOT_BYTES = 2048;

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
    if (length > SLOT_BYTES) return new Uint8Array(datagram);
    // With nothing under way the first place serves again, and stays in the cache.
    this.#next = unsent === 0 ? 0 : (this.#next + 1) % SLOTS;
    let slot = this.#slots[this.#next];
    if (slot === undefined || slot.length !== length) {
      const buffer = slot === undefined ? new ArrayBuffer(SLOT_BYTES) : slot.buffer;
      slot = new Uint8Array(buffer, 0, length);
      this.#slots[this.#next] = slot;
    }
    slot.set(datagram);
    return slot;
  }
}
