/** ClientHellos that wait until there is time for them, so that the socket is emptied for what sessions are sent. */
import type { RemoteAddress } from "../transport/types.ts";

export interface WaitingHello {
  readonly datagram: Uint8Array;
  readonly from: RemoteAddress;
}

/** A burst of clients that all come back at once; together less than 3 MB. */
const MAX_HELLOS = 2_048;
const MAX_BYTES = 3_000_000;

export class HelloQueue {
  #waiting: WaitingHello[] = [];
  /** Those before it are gone. */
  #head = 0;
  #bytes = 0;

  get size(): number {
    return this.#waiting.length - this.#head;
  }

  /** Takes a copy; false if there is no room for it. */
  push(datagram: Uint8Array, from: RemoteAddress): boolean {
    if (this.size >= MAX_HELLOS || this.#bytes + datagram.length > MAX_BYTES) return false;
    this.#waiting.push({ datagram: datagram.slice(), from });
    this.#bytes += datagram.length;
    return true;
  }

  /** The one that has waited longest. */
  shift(): WaitingHello | undefined {
    const first = this.#waiting[this.#head];
    if (first === undefined) return undefined;
    this.#bytes -= first.datagram.length;
    this.#head++;
    if (this.#head === this.#waiting.length || this.#head === MAX_HELLOS) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    return first;
  }

  clear(): void {
    this.#waiting = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
