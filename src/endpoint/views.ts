/**
 * Views on the record core's memory, made once for each length: making one costs more than reading a small datagram,
 * and the same lengths come again and again.
 */
import type { Bytes } from "../core/bytes.ts";

/** Longer ones are made anew. */
const MAX_LENGTH = 2048;
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
      this.#views = new Array(MAX_LENGTH + 1).fill(undefined);
    }
    let view = this.#views[length];
    if (view === undefined || view.byteOffset !== memory.byteOffset + start) {
      view = memory.subarray(start, start + length);
      this.#views[length] = view;
    }
    return view;
  }
}
