/** Packets that counted as lost and arrived after all: losses concluded from reordering (RFC 9002 §6.1). */

/** Lost packets that are remembered. */
const REMEMBERED = 64;

/** Packets lately declared lost, which is in ascending order. */
export class LateArrivals<Handle> {
  /** Made for the first. One that has arrived has no position any more. */
  #positions: Float64Array | undefined;
  #ordinals: Uint32Array | undefined;
  /** Of those whose loss may still be repaired in vain. */
  #handles: (Handle | undefined)[] = [];
  /** How many were ever noted; the newest is in the slot before it. */
  #noted = 0;
  /** Where the search goes on, downwards, within an ACK frame. */
  #cursor = 0;
  /** Of what {@link next} has answered: as {@link SentPackets.ordinal}, and what it has carried if that is still of use. */
  ordinal = 0;
  handle: Handle | undefined;

  note(position: number, ordinal: number, handle: Handle): void {
    this.#positions ??= new Float64Array(REMEMBERED);
    this.#ordinals ??= new Uint32Array(REMEMBERED);
    const slot = this.#noted++ % REMEMBERED;
    this.#positions[slot] = position;
    this.#ordinals[slot] = ordinal;
    this.#handles[slot] = handle;
  }

  /** An ACK frame begins; its ranges follow in descending order. */
  begin(): void {
    this.#cursor = this.#noted;
  }

  /**
   * The next lower of the noted positions from `smallest` to `largest`, or -1; each is answered once. It is to be asked
   * again until then.
   */
  next(smallest: number, largest: number): number {
    const oldest = Math.max(0, this.#noted - REMEMBERED);
    while (this.#cursor > oldest) {
      const slot = (this.#cursor - 1) % REMEMBERED;
      const position = this.#positions![slot]!;
      if (position < smallest) return -1;
      this.#cursor--;
      if (!(position <= largest)) continue;
      this.#positions![slot] = Number.NaN;
      this.ordinal = this.#ordinals![slot]!;
      this.handle = this.#handles[slot];
      this.#handles[slot] = undefined;
      return position;
    }
    return -1;
  }

  /** Whatever arrives from now on, what it has carried is of no use any more. */
  release(): void {
    if (this.#handles.length > 0) this.#handles = [];
    this.handle = undefined;
  }
}
