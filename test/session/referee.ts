/**
 * Watches all that two engines send each other and holds them to the rules that both agree on, with books of its own: flow
 * control, numbers of streams, ends of streams, and that nothing is acknowledged which has not arrived.
 */
import { decodeParameters } from "../../src/session/parameters.ts";
import { type FrameCall, read } from "./packets.ts";
import type { SessionPair, SimulatedSession } from "./pair.ts";

/** What one side has sent, and what it has allowed the other. */
class Book {
  readonly isServer: boolean;
  /** Of all streams: the highest offset sent. */
  total = 0;
  readonly ends = new Map<number, number>();
  readonly finalSizes = new Map<number, number>();
  readonly resets = new Map<number, string>();
  maxData = 0;
  /** Of streams that the other side sends on: its own, this side's, and unidirectional ones. */
  initial = { theirs: 0, ours: 0, uni: 0 };
  readonly maxStreamData = new Map<number, number>();
  maxStreams: [bidi: number, uni: number] = [0, 0];

  constructor(isServer: boolean) {
    this.isServer = isServer;
  }

  isOwn(id: number): boolean {
    return (id % 2 === 1) === this.isServer;
  }

  /** How far the other side may send on a stream. */
  limitOf(id: number): number {
    const { theirs, ours, uni } = this.initial;
    const initial = id % 4 >= 2 ? uni : this.isOwn(id) ? ours : theirs;
    return Math.max(initial, this.maxStreamData.get(id) ?? 0);
  }
}

export class Referee {
  readonly #books: readonly [client: Book, server: Book] = [new Book(false), new Book(true)];
  readonly #pair: SessionPair;

  /** Watches from the beginning on. */
  constructor(pair: SessionPair) {
    this.#pair = pair;
    for (const side of [pair.client, pair.server]) {
      side.filter = (packet) => {
        for (const frame of read(packet).log) this.#sent(side, packet, frame);
        return true;
      };
    }
  }

  /** The sum of the final sizes, or of what was sent, of all of a side's streams. */
  totalOf(side: SimulatedSession): number {
    return this.#bookOf(side).total;
  }

  #bookOf(side: SimulatedSession): Book {
    return this.#books[side === this.#pair.client ? 0 : 1];
  }

  #sent(side: SimulatedSession, packet: Uint8Array<ArrayBuffer>, [name, ...values]: FrameCall): void {
    const own = this.#bookOf(side);
    const peer = this.#bookOf(side.peer);
    const [a, b, c] = values as number[];
    switch (name) {
      case "transportParameters": {
        const parameters = decodeParameters(packet.slice(a!, a! + b!));
        own.maxData = Math.max(own.maxData, parameters.initialMaxData);
        own.initial = {
          theirs: parameters.initialMaxStreamDataBidiRemote,
          ours: parameters.initialMaxStreamDataBidiLocal,
          uni: parameters.initialMaxStreamDataUni,
        };
        const { initialMaxStreamsBidi, initialMaxStreamsUni } = parameters;
        own.maxStreams = [
          Math.max(own.maxStreams[0], initialMaxStreamsBidi),
          Math.max(own.maxStreams[1], initialMaxStreamsUni),
        ];
        return;
      }
      case "maxData":
        own.maxData = Math.max(own.maxData, a!);
        return;
      case "maxStreamData":
        own.maxStreamData.set(a!, Math.max(own.maxStreamData.get(a!) ?? 0, b!));
        return;
      case "maxStreams":
        own.maxStreams[values[0] === true ? 1 : 0] = b!;
        return;
      case "stream": {
        const [id, offset, , length, fin] = values as [number, number, number, number, boolean];
        if (own.resets.has(id)) throw new Error(`STREAM after RESET_STREAM on ${id}`);
        this.#extend(own, peer, id, offset + length, fin);
        return;
      }
      case "resetStream": {
        const said = own.resets.get(a!) ?? String(values);
        if (said !== String(values)) throw new Error(`RESET_STREAM changes: ${said}, ${values}`);
        own.resets.set(a!, said);
        this.#extend(own, peer, a!, c!, true);
        return;
      }
      case "ackRange":
        for (let number = Math.max(b!, c! - 100); number <= c!; number++) {
          if (!side.hasSeen(a!, number))
            throw new Error(`packet ${a} ${number} is acknowledged and has not arrived`);
        }
        return;
    }
  }

  #extend(own: Book, peer: Book, id: number, end: number, isFinal: boolean): void {
    const before = own.ends.get(id) ?? 0;
    const finalSize = own.finalSizes.get(id);
    if (finalSize !== undefined && (end > finalSize || (isFinal && end !== finalSize))) {
      throw new Error(`the final size of ${id} changes from ${finalSize} to ${end}`);
    }
    if (isFinal) {
      if (end < before) throw new Error(`the final size of ${id} is ${end}, below ${before}`);
      own.finalSizes.set(id, end);
    }
    if (end > peer.limitOf(id)) throw new Error(`${id} gets to ${end}, and may to ${peer.limitOf(id)}`);
    if (own.isOwn(id) && Math.floor(id / 4) >= peer.maxStreams[id % 4 >= 2 ? 1 : 0]) {
      throw new Error(`stream ${id} is beyond the limit`);
    }
    if (end <= before) return;
    own.ends.set(id, end);
    own.total += end - before;
    if (own.total > peer.maxData) throw new Error(`${own.total} bytes were sent, and ${peer.maxData} may be`);
  }
}
