/** Those who follow a room, and what they are about to be told. */
import { clearTimeout, setTimeout } from "node:timers";
import { concatBytes } from "../../../crypto/bytes.ts";
import { SMALL_ROOM } from "../protocol.ts";
import type { Caller } from "./house.ts";

/**
 * In large rooms what happens is told a little later, so that what happens at the same time is one packet for each
 * member, and one acknowledgement: a tenth of a millisecond for each of them, and no more than what nobody notices.
 */
const GATHER_MS_PER_MEMBER = 0.1;
const MAX_GATHER_MS = 100;

export class Audience {
  readonly #callers = new Set<Caller>();
  #gathered: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  get size(): number {
    return this.#callers.size;
  }

  has(caller: Caller): boolean {
    return this.#callers.has(caller);
  }

  /** What happens from now on: what is about to be told was known to whoever comes. */
  add(caller: Caller): void {
    this.flush();
    this.#callers.add(caller);
  }

  delete(caller: Caller): void {
    this.#callers.delete(caller);
  }

  /** @returns how many bytes that are, to all of them */
  tell(framed: Uint8Array): number {
    const { size } = this.#callers;
    if (size === 0) return 0;
    this.#gathered.push(framed);
    if (size <= SMALL_ROOM) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), Math.min(size * GATHER_MS_PER_MEMBER, MAX_GATHER_MS));
    return size * framed.length;
  }

  /** Tells at once what is to be told. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#gathered.length === 0) return;
    const framed = concatBytes(...this.#gathered);
    this.#gathered = [];
    for (const caller of [...this.#callers]) caller.send(framed);
  }

  signal(datagram: Uint8Array, from: Caller): void {
    for (const caller of this.#callers) if (caller !== from) caller.sendDatagram(datagram);
  }

  /** Nobody is told anything any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#gathered = [];
  }
}
