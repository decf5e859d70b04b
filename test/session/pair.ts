/** Two session engines on a virtual path, without DTLS: records are numbered, come at most once, and are not sealed. */
import type { Bytes } from "../../src/core/bytes.ts";
import type { SealgramError } from "../../src/errors.ts";
import type { PacketCarrier } from "../../src/session/carrier.ts";
import type { SessionEnd } from "../../src/session/end.ts";
import { SessionEngine } from "../../src/session/engine.ts";
import { defaultSessionOptions, type SessionOptions } from "../../src/session/options.ts";
import type { Stream } from "../../src/session/stream.ts";
import { Random } from "../sim/random.ts";
import { Clock, Link, type LinkOptions, Timer } from "./link.ts";

const OVERHEAD_BYTES = 22;
const MAX_CONTENT_BYTES = 16_384;

/** A record on its way: a packet, or a DTLS alert that says close_notify. */
interface Record {
  readonly epoch: number;
  readonly sequenceNumber: number;
  readonly packet: Bytes | "close_notify";
}

export class SimulatedSession implements PacketCarrier {
  readonly engine: SessionEngine;
  readonly options: SessionOptions;
  readonly incoming: Stream[] = [];
  readonly datagrams: Bytes[] = [];
  isReady = false;
  end: SessionEnd | undefined;
  isCarrierClosed = false;
  epoch = 3;
  nextSequenceNumber = 0;
  mtuBytes = 1200;
  hasRoom = true;
  /** As a connection does that may not send now. */
  refuses = false;
  peer!: SimulatedSession;
  /** Called with each packet before it is sent; false drops it. */
  filter: ((packet: Bytes, padding: number) => boolean) | undefined;
  onincoming: ((stream: Stream) => void) | undefined;
  ondatagram: ((datagram: Bytes) => void) | undefined;
  /** How far this side's clock has jumped ahead. */
  aheadMs = 0;
  readonly #timer: Timer;
  #link: Link;
  /** Numbers of the packets that were sent in the present epoch. */
  readonly sentNumbers: Set<number> = new Set();
  readonly #seen = new Set<string>();

  constructor(clock: Clock, link: Link, options: SessionOptions) {
    this.#link = link;
    this.options = options;
    this.#timer = new Timer(clock, 1, () => this.#run(() => this.engine.handleTimeout()));
    this.engine = new SessionEngine(options, this, {
      now: () => clock.nowMs + this.aheadMs,
      ready: () => {
        this.isReady = true;
      },
      datagram: (buffer, start, length) => {
        const datagram = buffer.slice(start, start + length);
        this.datagrams.push(datagram);
        this.ondatagram?.(datagram);
      },
      incoming: (stream) => {
        this.incoming.push(stream);
        this.onincoming?.(stream);
      },
      mayOpen: () => {},
      wake: () => clock.at(clock.nowMs, () => this.flush()),
      closed: (end) => {
        if (this.end !== undefined) throw new Error("closed twice");
        this.end = end;
      },
    });
  }

  /** Another way for what is sent from now on. */
  set link(link: Link) {
    this.#link = link;
  }

  /** Whether a packet of this number has come. */
  hasSeen(epoch: number, sequenceNumber: number): boolean {
    return this.#seen.has(`${epoch} ${sequenceNumber}`);
  }

  /** Sends what is to be sent. */
  flush(): void {
    this.#run(() => {});
  }

  #run(action: () => void): void {
    action();
    this.engine.flush();
    this.#timer.set(this.engine.deadlineMs - this.aheadMs);
  }

  // PacketCarrier

  get overheadBytes(): number {
    return OVERHEAD_BYTES;
  }

  get maxPacketBytes(): number {
    return Math.min(this.mtuBytes - OVERHEAD_BYTES, MAX_CONTENT_BYTES);
  }

  setMtu(mtuBytes: number): void {
    this.mtuBytes = mtuBytes;
  }

  send(packet: Bytes, padding: number): boolean {
    if (packet.length + padding > this.maxPacketBytes) throw new RangeError("a packet exceeds the MTU");
    return this.probe(packet, padding);
  }

  probe(packet: Bytes, padding: number): boolean {
    if (this.isCarrierClosed) throw new Error("sent after the end");
    if (this.refuses) return false;
    const record = { epoch: this.epoch, sequenceNumber: this.nextSequenceNumber++, packet: packet.slice() };
    this.sentNumbers.add(record.sequenceNumber);
    if (this.filter?.(record.packet, padding) === false) return true;
    this.#link.send(packet.length + padding + OVERHEAD_BYTES, () => this.peer.arrive(record));
    return true;
  }

  skip(): void {
    this.nextSequenceNumber++;
  }

  close(): void {
    if (this.isCarrierClosed) return;
    this.isCarrierClosed = true;
    const record = {
      epoch: this.epoch,
      sequenceNumber: this.nextSequenceNumber++,
      packet: "close_notify",
    } as const;
    this.#link.send(OVERHEAD_BYTES + 2, () => this.peer.arrive(record));
    this.engine.end(undefined);
  }

  abandon(reason: SealgramError): void {
    this.isCarrierClosed = true;
    this.engine.end(reason);
  }

  /** A record from the peer, or an attacker who has the keys. */
  arrive({ epoch, sequenceNumber, packet }: Record): void {
    const number = `${epoch} ${sequenceNumber}`;
    if (this.isCarrierClosed || this.#seen.has(number)) return;
    this.#seen.add(number);
    if (packet === "close_notify") {
      this.close();
      return;
    }
    // As from a buffer that other things are in, too.
    const buffer = new Uint8Array(packet.length + 16).fill(0xee);
    buffer.set(packet, 8);
    this.#run(() => this.engine.receive(buffer, 8, packet.length, epoch, sequenceNumber));
  }

  /** A packet that no engine would send. */
  inject(packet: Iterable<number>): void {
    this.peer.arrive({
      epoch: this.epoch,
      sequenceNumber: this.nextSequenceNumber++,
      packet: Uint8Array.from(packet),
    });
  }

  /** New keys: numbers begin again. */
  nextEpoch(): void {
    this.epoch++;
    this.nextSequenceNumber = 0;
    this.sentNumbers.clear();
  }
}

export interface PairOptions {
  readonly seed?: number;
  readonly link?: Partial<LinkOptions>;
  readonly client?: Partial<SessionOptions>;
  readonly server?: Partial<SessionOptions>;
  /** Called before either side sends anything. */
  readonly watch?: (pair: SessionPair) => void;
}

export class SessionPair {
  readonly clock: Clock = new Clock();
  readonly random: Random;
  readonly up: Link;
  readonly down: Link;
  readonly client: SimulatedSession;
  readonly server: SimulatedSession;

  constructor({ seed = 1, link = { delayMs: 10 }, client = {}, server = {}, watch }: PairOptions = {}) {
    this.random = new Random(seed);
    this.up = new Link(this.clock, this.random, link);
    this.down = new Link(this.clock, this.random, link);
    this.client = new SimulatedSession(this.clock, this.up, {
      ...defaultSessionOptions,
      random: () => this.random.next(),
      ...client,
      isServer: false,
    });
    this.server = new SimulatedSession(this.clock, this.down, {
      ...defaultSessionOptions,
      random: () => this.random.next(),
      ...server,
      isServer: true,
    });
    this.client.peer = this.server;
    this.server.peer = this.client;
    watch?.(this);
    this.client.flush();
    this.server.flush();
  }

  /** Lets time pass, until a condition holds at a full millisecond or `withinMs` are over. */
  until(done: () => boolean, withinMs = 60_000): boolean {
    const { clock } = this;
    const endMs = clock.nowMs + withinMs;
    while (!done() && clock.nowMs < endMs && clock.pending > 0) clock.run(Math.min(clock.nowMs + 1, endMs));
    return done();
  }

  /** Both have the other's parameters. */
  ready(): this {
    if (!this.until(() => this.client.isReady && this.server.isReady)) throw new Error("not ready");
    return this;
  }
}

/** Writes pseudo-random bytes, and checks that what is read is what was written. */
export class Source {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  byte(offset: number): number {
    return (Math.imul(offset ^ this.#seed, 0x9e3779b1) >>> 24) ^ (offset & 0xff);
  }

  bytes(start: number, length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.byte(start + i);
    return bytes;
  }

  check(start: number, bytes: Bytes): void {
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== this.byte(start + i)) throw new Error(`byte ${start + i} is not what was written`);
    }
  }
}
