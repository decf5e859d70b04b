/** The packets that were sent and what became of them (RFC 9002 §A.1): a ring of columns, nothing allocated for each. */

/** What a packet is to recovery (RFC 9002 §2). */
export const PacketKind = {
  /** ACK and CONNECTION_CLOSE frames only: neither acknowledged by itself nor counted in flight. */
  ackOnly: 0,
  /** Any other frame. PADDING frames, which count in flight by themselves, are never sent: padding is the record's. */
  ackEliciting: 1,
  /** A probe for a larger datagram: its loss does not mean congestion (RFC 9000 §14.4). */
  mtuProbe: 2,
} as const;
export type PacketKind = (typeof PacketKind)[keyof typeof PacketKind];

export const PacketState = {
  /** The number was given to a record that carries no packet. */
  unused: 0,
  outstanding: 1,
  acknowledged: 2,
  lost: 3,
} as const;
export type PacketState = (typeof PacketState)[keyof typeof PacketState];

/** What a session has on its way that does little. */
const INITIAL_CAPACITY = 8;
/** How far it grows for packets that nobody may ever acknowledge, and what it shrinks to once nothing is on its way. */
const KEPT_CAPACITY = 256;

export class SentPackets<Handle> {
  #mask: number = INITIAL_CAPACITY - 1;
  #state: Uint8Array = new Uint8Array(INITIAL_CAPACITY);
  #kind: Uint8Array = new Uint8Array(INITIAL_CAPACITY);
  #bytes: Uint32Array = new Uint32Array(INITIAL_CAPACITY);
  #ordinal: Uint32Array = new Uint32Array(INITIAL_CAPACITY);
  #sentMs: Float64Array = new Float64Array(INITIAL_CAPACITY);
  #handle: (Handle | undefined)[] = new Array<Handle | undefined>(INITIAL_CAPACITY).fill(undefined);
  #start = 0;
  #end = 0;
  #nextOrdinal = 0;

  /** Packets that there is room for. */
  get capacity(): number {
    return this.#mask + 1;
  }

  /** The first position whose packet may be outstanding: all before it are settled. */
  get start(): number {
    return this.#start;
  }

  /** One beyond the newest packet's position. */
  get end(): number {
    return this.#end;
  }

  /**
   * Remembers a packet.
   * @param position at least {@link end}; what lies between is unused
   */
  add(position: number, kind: PacketKind, bytes: number, sentMs: number, handle: Handle): void {
    if (this.#start === this.#end) this.#start = position;
    while (position - this.#start > this.#mask) {
      const capacity = this.#mask + 1;
      if (capacity < KEPT_CAPACITY || !this.#forgetAckOnly()) this.#resize(2 * capacity);
    }
    for (let i = Math.max(this.#end, position - this.#mask); i < position; i++) {
      this.#state[i & this.#mask] = PacketState.unused;
    }
    const slot = position & this.#mask;
    this.#state[slot] = PacketState.outstanding;
    this.#kind[slot] = kind;
    this.#bytes[slot] = bytes;
    this.#ordinal[slot] = this.#nextOrdinal++;
    this.#sentMs[slot] = sentMs;
    this.#handle[slot] = handle;
    this.#end = position + 1;
  }

  state(position: number): PacketState {
    return this.#state[position & this.#mask] as PacketState;
  }

  kind(position: number): PacketKind {
    return this.#kind[position & this.#mask] as PacketKind;
  }

  bytes(position: number): number {
    return this.#bytes[position & this.#mask]!;
  }

  sentMs(position: number): number {
    return this.#sentMs[position & this.#mask]!;
  }

  /** How many packets were sent before this one, modulo 2^32: positions may be unused, and packet thresholds count packets. */
  ordinal(position: number): number {
    return this.#ordinal[position & this.#mask]!;
  }

  handle(position: number): Handle {
    return this.#handle[position & this.#mask]!;
  }

  /** Settles a packet. From {@link advance} beyond it on, nothing is known of it. */
  settle(position: number, state: typeof PacketState.acknowledged | typeof PacketState.lost): void {
    this.#state[position & this.#mask] = state;
  }

  /** The handle of a packet that is settled, which is forgotten here. */
  release(position: number): Handle {
    const slot = position & this.#mask;
    const handle = this.#handle[slot]!;
    this.#handle[slot] = undefined;
    return handle;
  }

  /** Nobody waits for any of them any more. */
  releaseAll(): void {
    this.#handle.fill(undefined);
  }

  /** Settles a packet that nobody waits for. */
  forget(position: number): void {
    this.settle(position, PacketState.lost);
    this.release(position);
  }

  /** All before `position` are settled now. */
  advance(position: number): void {
    this.#start = position;
    if (position === this.#end && this.#mask >= KEPT_CAPACITY) this.#resize(KEPT_CAPACITY);
  }

  /**
   * A sender of nothing but ACKs hears of them seldom or never (RFC 9000 §13.2.1), so that they make room for others.
   * @returns whether the oldest position is free now
   */
  #forgetAckOnly(): boolean {
    const slot = this.#start & this.#mask;
    if (this.#state[slot] === PacketState.outstanding) {
      if (this.#kind[slot] !== PacketKind.ackOnly) return false;
      this.forget(this.#start);
    }
    this.#start++;
    return true;
  }

  #resize(capacity: number): void {
    const mask = this.#mask;
    this.#mask = capacity - 1;
    const move = <Column extends Record<number, unknown>>(from: Column, to: Column): Column => {
      for (let i = this.#start; i < this.#end; i++) to[i & this.#mask] = from[i & mask];
      return to;
    };
    this.#state = move(this.#state, new Uint8Array(capacity));
    this.#kind = move(this.#kind, new Uint8Array(capacity));
    this.#bytes = move(this.#bytes, new Uint32Array(capacity));
    this.#ordinal = move(this.#ordinal, new Uint32Array(capacity));
    this.#sentMs = move(this.#sentMs, new Float64Array(capacity));
    this.#handle = move(this.#handle, new Array<Handle | undefined>(capacity).fill(undefined));
  }
}
