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

interface Delivery {
  readonly atMs: number;
  readonly order: number;
  readonly from: string;
  readonly to: string;
  readonly datagram: Bytes;
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
  readonly #random: Random;
  readonly #nodes = new Map<string, Node>();
  #deliveries: Delivery[] = [];
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
    this.#deliver(from, to, datagram.bytes);
    if (this.#random.chance(duplication)) this.#deliver(from, to, datagram.bytes);
  }

  /** Delivers a datagram whatever the weather: what an attacker injects. */
  inject(from: string, to: string, bytes: Bytes, afterMs = 0): void {
    this.#deliveries.push({
      atMs: this.nowMs + afterMs,
      order: this.#order++,
      from,
      to,
      datagram: bytes.slice(),
    });
  }

  #deliver(from: string, to: string, bytes: Bytes): void {
    const { delayMs, jitterMs, corruption } = this.weather;
    const datagram = bytes.slice();
    if (this.#random.chance(corruption)) {
      const bit = this.#random.below(datagram.length * 8);
      datagram[bit >> 3]! ^= 1 << (bit & 7);
    }
    const atMs = this.nowMs + delayMs + this.#random.next() * jitterMs;
    this.#deliveries.push({ atMs, order: this.#order++, from, to, datagram });
  }

  get #nodesOnce(): Set<Node> {
    return new Set(this.#nodes.values());
  }

  #nextTimeMs(): number | undefined {
    let next: number | undefined;
    for (const { atMs } of this.#deliveries) if (next === undefined || atMs < next) next = atMs;
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
      for (const node of this.#nodesOnce) await node.idle();
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
    let due: Delivery | undefined;
    for (const delivery of this.#deliveries) {
      if (delivery.atMs > this.nowMs) continue;
      if (
        due === undefined ||
        delivery.atMs < due.atMs ||
        (delivery.atMs === due.atMs && delivery.order < due.order)
      ) {
        due = delivery;
      }
    }
    if (due !== undefined) {
      this.#deliveries = this.#deliveries.filter((delivery) => delivery !== due);
      this.#nodes.get(due.to)?.receive(due.datagram, due.from);
      return;
    }
    for (const node of this.#nodesOnce) {
      if (node.deadlineMs !== undefined && node.deadlineMs <= this.nowMs) node.handleTimeout();
    }
  }
}
