/** A DTLS connection as what carries a session's packets. */
import type { Bytes } from "../core/bytes.ts";
import type { SealgramError } from "../errors.ts";
import type { PacketCarrier } from "../session/carrier.ts";
import type { Association } from "./association.ts";

export class SessionCarrier implements PacketCarrier {
  hasRoom = true;
  readonly #association: Association;
  readonly #maxDatagramBytes: () => number | undefined;
  readonly #drained: () => Promise<void>;
  readonly #flush: () => void;

  /**
   * @param maxDatagramBytes the most that the present carrier takes, if that is not much
   * @param drained settles once it has room again
   */
  constructor(
    association: Association,
    maxDatagramBytes: () => number | undefined,
    drained: () => Promise<void>,
    flush: () => void,
  ) {
    this.#association = association;
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#drained = drained;
    this.#flush = flush;
  }

  get epoch(): number {
    return this.#association.connection.writeEpoch;
  }

  get nextSequenceNumber(): number {
    return this.#association.connection.nextSequenceNumber;
  }

  get maxPacketBytes(): number {
    return this.#association.connection.maxDataBytes;
  }

  get overheadBytes(): number {
    return this.#association.connection.dataOverhead;
  }

  send(packet: Bytes, padding: number): boolean {
    const association = this.#association;
    association.isTaken = true;
    const isSent = association.connection.send(packet, padding);
    if (!association.isTaken) this.#wait();
    return isSent;
  }

  probe(packet: Bytes, padding: number): boolean {
    const association = this.#association;
    association.isTaken = true;
    const isSent = association.connection.sendProbe(packet, padding);
    if (!association.isTaken) this.#wait();
    return isSent;
  }

  skip(): void {
    this.#association.connection.skipSequenceNumber();
  }

  /** The last datagram was dropped as if by the network, which recovery sees to. */
  #wait(): void {
    if (!this.hasRoom) return;
    this.hasRoom = false;
    void this.#drained().then(() => {
      this.hasRoom = true;
      this.#flush();
    });
  }

  setMtu(mtuBytes: number): void {
    const most = this.#maxDatagramBytes() ?? mtuBytes;
    this.#association.run((connection) => connection.setMtu(Math.min(mtuBytes, most)));
  }

  close(): void {
    this.#association.connection.close();
  }

  abandon(reason: SealgramError): void {
    this.#association.abandon(reason);
  }
}
