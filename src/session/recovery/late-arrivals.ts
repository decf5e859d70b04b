/** Packets that counted as lost and arrived after all: losses concluded from reordering (RFC 9002 §6.1). */

/** Lost packets that are remembered. */
const REMEMBERED = 64;

/** The positions of packets lately declared lost, which is in ascending order. */
export class LateArrivals {
  readonly #positions: Float64Array = new Float64Array(REMEMBERED);
  /** How many were ever noted; the newest is in the slot before it. */
  #noted = 0;
  /** Where the search goes on, downwards, within an ACK frame. */
  #cursor = 0;

  note(position: number): void {
    this.#positions[this.#noted++ % REMEMBERED] = position;
  }

  /** An ACK frame begins; its ranges follow in descending order. */
  begin(): void {
    this.#cursor = this.#noted;
  }

  /**
   * The next lower of the noted positions from `smallest` to `largest`, or -1. It is to be asked again until then.
   */
  next(smallest: number, largest: number): number {
    const oldest = Math.max(0, this.#noted - REMEMBERED);
    while (this.#cursor > oldest) {
      const position = this.#positions[(this.#cursor - 1) % REMEMBERED]!;
      if (position < smallest) return -1;
      this.#cursor--;
      if (position <= largest) return position;
    }
    return -1;
  }
}
