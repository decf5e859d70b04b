/**
 * Views on the record core's memory, made once for each length: making one costs more than reading a small datagram,
 * and the same lengths come again and again.
 */
import type { Bytes } from "../core/bytes.ts";

/** Longer ones are made anew. */
const MAX_LENGTH = 2048;
/** Contents begin behind a header with a connection ID at servers and without at clients: a program may be both. */
const placeOf = (start: number): number => (start >> 3) & 1;
/** Linear memory comes in pages of this size. */
const LEAST_MEMORY = 65_536;

export class Views {
  #memory: Bytes | undefined;
  #views: (Bytes | undefined)[] = [];

  /** `memory[start]` to `memory[start + length - 1]`. */
  of(memory: Bytes, start: number, length: number): Bytes {
    // What an asynchronous AEAD has opened is in an array of its own.
    if (length > MAX_LENGTH || memory.length < LEAST_MEMORY) return memory.subarray(start, start + length);
    if (memory !== this.#memory) {
      this.#memory = memory;
      this.#views = new Array(2 * (MAX_LENGTH + 1)).fill(undefined);
    }
    const at = 2 * length + placeOf(start);
    let view = this.#views[at];
    if (view === undefined || view.byteOffset !== memory.byteOffset + start) {
      view = memory.subarray(start, start + length);
      this.#views[at] = view;
    }
    return view;
  }
}
