/** What a connection sends: datagrams of a size that the path takes, no more of them than an address may get. */
import type { Bytes } from "../core/bytes.ts";
import { ContentType, MAX_CONTENT, type RecordSealer } from "../core/index.ts";
import type { AlertName } from "../errors.ts";
import { encodeAlert } from "../tls/alerts.ts";
import { DatagramPacker } from "./datagrams.ts";
import type { ConnectionHost } from "./host.ts";
import { encodeRoutability, type PathState, type RoutabilityMessage } from "./path.ts";
import type { Paths } from "./paths.ts";
import type { RecordLayer } from "./record-layer.ts";

/** What to try when larger datagrams seem to get lost: IPv6's and IPv4's minimum, and IPv4 over slow links (RFC 1191 §7.1). */
const MTU_STEPS = [1200, 1024, 548, 268] as const;
const LEAST_MTU = 268;

export class Outgoing {
  readonly #host: Pick<ConnectionHost, "transmit">;
  /** What an asynchronous AEAD could not seal, or nobody would transmit, ends the connection. */
  readonly #fail: (error: unknown) => void;
  readonly #records: RecordLayer;
  readonly #paths: Paths;
  #mtuBytes: number;
  /** What handshake messages are cut to: losses make it smaller than what the application was promised. */
  #flightMtuBytes: number;
  /** Datagrams that an asynchronous AEAD is at work on, none of which is rejected. */
  readonly #sealing = new Set<Promise<void>>();

  constructor(
    host: Pick<ConnectionHost, "transmit">,
    fail: (error: unknown) => void,
    records: RecordLayer,
    paths: Paths,
    mtuBytes: number,
  ) {
    this.#host = host;
    this.#fail = fail;
    this.#records = records;
    this.#paths = paths;
    this.#mtuBytes = mtuBytes;
    this.#flightMtuBytes = mtuBytes;
  }

  /** Largest datagram for application data, in bytes. */
  get mtuBytes(): number {
    return this.#mtuBytes;
  }

  setMtu(mtuBytes: number): void {
    this.#mtuBytes = mtuBytes;
    this.#flightMtuBytes = mtuBytes;
  }

  /**
   * Repeated losses of datagrams of this size may be the path's MTU (RFC 9147 §4.4). During the handshake nothing larger
   * was promised to the application.
   */
  reduceMtu(lostBytes: number, isHandshaking: boolean): void {
    const next = MTU_STEPS.find((step) => step < lostBytes);
    if (next !== undefined) this.limitMtu(next, isHandshaking);
  }

  /** The path is known to take datagrams of this size, and maybe none that are larger. */
  limitMtu(mtuBytes: number, isHandshaking: boolean): void {
    const limit = Math.max(mtuBytes, LEAST_MTU);
    this.#flightMtuBytes = Math.min(this.#flightMtuBytes, limit);
    if (isHandshaking) this.#mtuBytes = Math.min(this.#mtuBytes, limit);
  }

  /** Settles once everything that was sent so far is transmitted; `undefined` if it is. */
  get transmitted(): Promise<void> | undefined {
    return this.#sealing.size === 0 ? undefined : Promise.all(this.#sealing).then(() => {});
  }

  /** For records of the protocol. */
  packer(path: PathState = this.#paths.current): DatagramPacker {
    return new DatagramPacker(this.#records, this.#flightMtuBytes, {
      allowedBytes: () => path.allowedBytes,
      admit: (bytes) => path.maySend(bytes),
      transmit: (datagram) => this.#host.transmit(datagram, path.path),
      transmitLater: (sealing) => this.#transmitLater(sealing, path),
    });
  }

  /** The largest application data that fits into a datagram and a record, in bytes; 0 without keys for it. */
  maxDataBytesAt(mtuBytes: number): number {
    const { sealer } = this.#records;
    return sealer === undefined ? 0 : Math.max(0, Math.min(mtuBytes - sealer.overhead, MAX_CONTENT));
  }

  /**
   * Sends application data as one record in one datagram of at most `mtuBytes`; answers false if it was dropped.
   * @throws RangeError for what does not fit
   */
  sendData(sealer: RecordSealer, content: Uint8Array, padding: number, mtuBytes: number): boolean {
    const inner = content.length + padding;
    const length = sealer.overhead + inner;
    if (length > mtuBytes || inner > MAX_CONTENT || padding >>> 0 !== padding) {
      const most = this.maxDataBytesAt(mtuBytes);
      throw new RangeError(
        `${content.length} bytes and padding of ${padding} exceed the ${most} of a datagram`,
      );
    }
    const { current } = this.#paths;
    if (!this.#records.mayProtectData || !current.maySend(length)) return false;
    const sealed = sealer.sealAlone(ContentType.application_data, content, padding);
    if (sealed instanceof Promise) this.#transmitLater(sealed, current);
    else this.#host.transmit(sealed, current.path);
    return true;
  }

  // By itself, so that what is sealed at once does not pay for a closure.
  #transmitLater(sealing: Promise<Bytes>, state: PathState): void {
    const transmitting = sealing
      .then((datagram) => this.#host.transmit(datagram, state.path))
      .catch(this.#fail)
      .finally(() => this.#sealing.delete(transmitting));
    this.#sealing.add(transmitting);
  }

  /** @throws SealgramError key_exhausted */
  sendRoutability(message: RoutabilityMessage, state: PathState): void {
    this.#sendAlone(ContentType.return_routability_check, encodeRoutability(message), state);
  }

  sendAlert(alert: AlertName): void {
    try {
      this.#sendAlone(ContentType.alert, encodeAlert(alert), this.#paths.current);
    } catch {
      // Nothing can be sent any more; the peer finds out by its own time-out.
    }
  }

  #sendAlone(type: ContentType, content: Uint8Array, path: PathState): void {
    const packer = this.packer(path);
    packer.add(this.#records.writeEpoch, type, content);
    packer.flush();
  }
}
