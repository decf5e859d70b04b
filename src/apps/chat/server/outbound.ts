/** What waits to be sent to a client: all that has come since the last write is the next one. */
import { concatBytes } from "../../../crypto/bytes.ts";
import type { Pump, Pumped } from "./pump.ts";

/** Whoever has the client's session. */
export interface OutboundOwner {
  /** More waits than may. */
  tooSlow(): void;
  /** Less waits than before. */
  drained(): void;
  /** Nothing can be sent any more. */
  broken(): void;
}

export class Outbound implements Pumped {
  readonly #pump: Pump;
  readonly #maxBytes: number;
  readonly #owner: OutboundOwner;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #isWriting = false;
  #isOver = false;

  constructor(pump: Pump, maxBytes: number, owner: OutboundOwner) {
    this.#pump = pump;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** What waits, besides what is being written. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasBegun(): boolean {
    return this.#writer !== undefined;
  }

  begin(writable: WritableStream<Uint8Array>): void {
    this.#writer = writable.getWriter();
  }

  /** Nothing is kept for a client that does not read for long. */
  send(framed: Uint8Array): void {
    if (this.#isOver || this.#writer === undefined) return;
    this.#queue.push(framed);
    this.#bytes += framed.length;
    if (this.#bytes > this.#maxBytes) this.#owner.tooSlow();
    else if (!this.#isWriting) this.#pump.add(this);
  }

  flush(): void {
    if (this.#isOver || this.#isWriting || this.#queue.length === 0) return;
    const batch = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    this.#isWriting = true;
    this.#writer!.write(batch.length === 1 ? batch[0]! : concatBytes(...batch)).then(
      this.#written,
      this.#broken,
    );
    this.#owner.drained();
  }

  readonly #written = (): void => {
    this.#isWriting = false;
    if (this.#queue.length > 0 && !this.#isOver) this.#pump.add(this);
  };

  readonly #broken = (): void => this.#owner.broken();

  stop(): void {
    this.#isOver = true;
    this.#queue = [];
    this.#bytes = 0;
    this.#pump.remove(this);
  }
}
