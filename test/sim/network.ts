/** A virtual network and its clock: datagrams between addresses, with everything that can happen to them. */
import type { Bytes } from "../../src/core/bytes.ts";
import type { Random } from "./random.ts";

/** What a network does to each datagram. Probabilities are between 0 and 1. */
export interface Weather {
  /** One way, before jitter. */
  readonly delayMs: number;
  /** Up to this much is added, which reorders. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** One bit of the datagram flips. */
  readonly corruption: number;
  /** Larger datagrams vanish. */
  readonly mtuBytes: number;
  /** How fast each direction is, if it is not infinitely so: 8 is 64 kbit/s. */
  readonly bytesPerMs?: number;
  /** What then waits for the line in each direction; beyond it datagrams are dropped. */
  readonly queueBytes?: number;
}

export const clear: Weather = {
  delayMs: 10,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  corruption: 0,
  mtuBytes: 65_535,
};

/** Somebody with an address, who gets datagrams and has a deadline. */
export interface Node {
  receive(datagram: Bytes, from: string): void;
  handleTimeout(): void;
  readonly deadlineMs: number | undefined;
  /** Settles when nothing asynchronous is under way. */
  idle(): Promise<void>;
}

/** Something that happens at a time: a datagram arrives, or a computation is done. */
interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

export interface Datagram {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly bytes: Bytes;
}

export class Network {
  nowMs = 0;
  weather: Weather;
  /** All that was sent, whether it arrived or not. */
  readonly sent: Datagram[] = [];
  /** Decides the fate of a datagram before the weather does: false drops it. */
  filter: ((datagram: Datagram) => boolean) | undefined;
  /** Where anything has arrived. */
  readonly heard: Set<string> = new Set();
  /** What must hold whenever nothing is being done. */
  invariant: (() => void) | undefined;
  /** What is done asynchronously, if that is watched; otherwise nodes say when they are idle. */
  work: { settled(): Promise<void> } | undefined;
  readonly #random: Random;
  /** Until when the line to an address is taken. */
  readonly #takenUntilMs = new Map<string, number>();
  readonly #nodes = new Map<string, Node>();
  #events: Event[] = [];
  #order = 0;

  constructor(random: Random, weather: Weather = clear) {
    this.#random = random;
    this.weather = weather;
  }

  /** Answers at this address from now on; a node may have several. */
  attach(address: string, node: Node): void {
    this.#nodes.set(address, node);
  }

  send(from: string, to: string, bytes: Bytes): void {
    const datagram = { atMs: this.nowMs, from, to, bytes: bytes.slice() };
    this.sent.push(datagram);
    if (this.filter !== undefined && !this.filter(datagram)) return;
    const { loss, duplication, mtuBytes } = this.weather;
    if (bytes.length > mtuBytes || this.#random.chance(loss)) return;
    const waitMs = this.#queue(to, bytes.length);
    if (waitMs === undefined) return;
    this.#deliver(from, to, datagram.bytes, waitMs);
    if (this.#random.chance(duplication)) this.#deliver(from, to, datagram.bytes, waitMs);
  }

  /** How long it takes until a datagram is on the line; `undefined` if there is no place for it. */
  #queue(to: string, bytes: number): number | undefined {
    const { bytesPerMs = Number.POSITIVE_INFINITY, queueBytes = Number.POSITIVE_INFINITY } = this.weather;
    const waitMs = Math.max(0, (this.#takenUntilMs.get(to) ?? 0) - this.nowMs);
    if (waitMs > 0 && waitMs * bytesPerMs + bytes > queueBytes) return undefined;
    const untilSentMs = waitMs + bytes / bytesPerMs;
    this.#takenUntilMs.set(to, this.nowMs + untilSentMs);
    return untilSentMs;
  }

  /** Delivers a datagram whatever the weather: what an attacker injects. */
  inject(from: string, to: string, bytes: Bytes, afterMs = 0): void {
    const datagram = bytes.slice();
    this.schedule(afterMs, () => {
      this.heard.add(to);
      this.#nodes.get(to)?.receive(datagram, from);
    });
  }

  /** Does something once the clock has gone on by so much. */
  schedule(afterMs: number, action: () => void): void {
    this.#events.push({ atMs: this.nowMs + afterMs, order: this.#order++, action });
  }

  /** Bytes that were sent from one address to another. */
  bytesSent(from: string, to: string): number {
    let bytes = 0;
    for (const datagram of this.sent) {
      if (datagram.from === from && datagram.to === to) bytes += datagram.bytes.length;
    }
    return bytes;
  }

  #deliver(from: string, to: string, bytes: Bytes, waitMs: number): void {
    const { delayMs, jitterMs, corruption } = this.weather;
    const datagram = bytes.slice();
    if (this.#random.chance(corruption)) {
      const bit = this.#random.below(datagram.length * 8);
      datagram[bit >> 3]! ^= 1 << (bit & 7);
    }
    this.inject(from, to, datagram, waitMs + delayMs + this.#random.next() * jitterMs);
  }

  get #nodesOnce(): Set<Node> {
    return new Set(this.#nodes.values());
  }

  #nextTimeMs(): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#events) if (next === undefined || atMs < next) next = atMs;
    for (const { deadlineMs } of this.#nodesOnce) {
      if (deadlineMs !== undefined && (next === undefined || deadlineMs < next)) next = deadlineMs;
    }
    return next;
  }

  /**
   * Runs until `done` holds, nothing is left to happen, or the clock reaches `untilMs`; answers whether `done` holds.
   */
  async run(done: () => boolean, untilMs: number): Promise<boolean> {
    for (;;) {
      if (this.work !== undefined) await this.work.settled();
      else for (const node of this.#nodesOnce) await node.idle();
      this.invariant?.();
      if (done()) return true;
      const next = this.#nextTimeMs();
      if (next === undefined || next > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return done();
      }
      this.nowMs = Math.max(this.nowMs, next);
      this.#step();
    }
  }

  #step(): void {
    let due: Event | undefined;
    for (const event of this.#events) {
      if (event.atMs > this.nowMs) continue;
      if (
        due === undefined ||
        event.atMs < due.atMs ||
        (event.atMs === due.atMs && event.order < due.order)
      ) {
        due = event;
      }
    }
    if (due !== undefined) {
      this.#events.splice(this.#events.indexOf(due), 1);
      due.action();
      return;
    }
    for (const node of this.#nodesOnce) {
      if (node.deadlineMs !== undefined && node.deadlineMs <= this.nowMs) node.handleTimeout();
    }
  }
}
