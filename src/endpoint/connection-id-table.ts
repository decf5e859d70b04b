/** Which association a connection ID belongs to. */
import type { Bytes } from "../core/bytes.ts";

/** Of the connection IDs that servers here give out, in bytes (RFC 9147 §9: enough that nobody guesses a neighbour's). */
export const CONNECTION_ID_BYTES = 8;

/** The first 53 bits: a number that a Map can look up without an object being made. All IDs given out differ in it. */
function keyAt(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8) + bytes[at + 3]!;
  const low = (bytes[at + 4]! << 13) + (bytes[at + 5]! << 5) + (bytes[at + 6]! >> 3);
  return high * 0x200000 + low;
}

export class ConnectionIdTable<T> {
  readonly #owners = new Map<number, T>();
  readonly #keys = new Map<T, number[]>();
  readonly #random: (length: number) => Bytes;

  constructor(random: (length: number) => Bytes) {
    this.#random = random;
  }

  get size(): number {
    return this.#owners.size;
  }

  /** A new ID, not yet anybody's. */
  create(): Bytes {
    for (;;) {
      const id = this.#random(CONNECTION_ID_BYTES);
      if (!this.#owners.has(keyAt(id, 0))) return id;
    }
  }

  add(id: Uint8Array, owner: T): void {
    const key = keyAt(id, 0);
    this.#owners.set(key, owner);
    const keys = this.#keys.get(owner);
    if (keys === undefined) this.#keys.set(owner, [key]);
    else keys.push(key);
  }

  /** Forgets one of an owner's IDs. */
  retire(id: Uint8Array, owner: T): void {
    const key = keyAt(id, 0);
    this.#owners.delete(key);
    const keys = this.#keys.get(owner)!;
    keys.splice(keys.indexOf(key), 1);
  }

  /** Whose connection ID is at `at` in these bytes. */
  find(bytes: Uint8Array, at: number): T | undefined {
    return this.#owners.get(keyAt(bytes, at));
  }

  /** Forgets all IDs of an owner. */
  remove(owner: T): void {
    for (const key of this.#keys.get(owner) ?? []) this.#owners.delete(key);
    this.#keys.delete(owner);
  }
}
