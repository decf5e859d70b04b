/**
 * A state that changes all the time, on datagrams: only the newest counts. What comes late is dropped, and the newest is
 * sent again until it has arrived, so that the last change before a pause is not lost with its datagram.
 */
import type { Bytes } from "../core/bytes.ts";
import type { Fate } from "./callbacks.ts";
import { PacketReader, PacketWriter, varintLength } from "./varint.ts";

/** What of a session it takes. */
export interface DatagramSession {
  /** As the properties and the method of that name of a session. */
  readonly hasStreams: boolean;
  readonly isClosed: boolean;
  /** As `Session.sendDatagram`. */
  sendDatagram(datagram: Uint8Array, fate?: Fate): boolean;
}

/** Which state, and how often it is sent again. */
export interface NewestStateOptions {
  /** Several states in one session: each has a number of its own, the same on both sides; 0 unless given. */
  readonly channel?: number | undefined;
  /**
   * How often the newest is sent again: a number of times, or until the peer has acknowledged it, which is the default
   * and takes a session with streams.
   */
  readonly repeat?: number | "until-acknowledged" | undefined;
  /**
   * Between two times: 20 ms unless given. Until it is acknowledged, each wait is twice as long as the one before, up to
   * a second.
   */
  readonly intervalMs?: number | undefined;
}

/** Without acknowledgements. */
const DEFAULT_REPEAT = 2;
const DEFAULT_INTERVAL_MS = 20;
const MAX_INTERVAL_MS = 1000;

/** The newest version sent on each channel of a session: whoever goes on with a channel goes on counting. */
const versions = new WeakMap<DatagramSession, Map<number, number>>();

function versionsOf(session: DatagramSession): Map<number, number> {
  const known = versions.get(session);
  if (known !== undefined) return known;
  const made = new Map<number, number>();
  versions.set(session, made);
  return made;
}

/** One state that this side sends, the peer's state that it receives, or both, on a session's datagrams. */
export class NewestState {
  readonly #session: DatagramSession;
  readonly #channel: number;
  readonly #intervalMs: number;
  readonly #repeat: number;
  readonly #untilAcknowledged: boolean;
  /** The version that is repeated; 0 for none. */
  #sentVersion = 0;
  #acknowledgedVersion = 0;
  #receivedVersion = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws RangeError for options out of range, TypeError to wait for acknowledgements that there are none of */
  constructor(session: DatagramSession, options: NewestStateOptions = {}) {
    const { channel = 0, intervalMs = DEFAULT_INTERVAL_MS } = options;
    const repeat = options.repeat ?? (session.hasStreams ? "until-acknowledged" : DEFAULT_REPEAT);
    if (!(Number.isSafeInteger(channel) && channel >= 0)) throw new RangeError(`not a channel: ${channel}`);
    if (!(intervalMs > 0)) throw new RangeError("intervalMs is above 0");
    if (repeat !== "until-acknowledged" && !(repeat >= 0))
      throw new RangeError(`not a number of times: ${repeat}`);
    if (repeat === "until-acknowledged" && !session.hasStreams) {
      throw new TypeError("without streams nothing is acknowledged");
    }
    this.#session = session;
    this.#channel = channel;
    this.#intervalMs = intervalMs;
    this.#untilAcknowledged = repeat === "until-acknowledged";
    this.#repeat = repeat === "until-acknowledged" ? 0 : repeat;
  }

  /**
   * Sends a state, instead of the one before.
   * @throws as {@link DatagramSession.sendDatagram}
   */
  send(state: Uint8Array): void {
    const channels = versionsOf(this.#session);
    const version = (channels.get(this.#channel) ?? 0) + 1;
    const head = varintLength(this.#channel) + varintLength(version);
    const writer = new PacketWriter(head + state.length);
    writer.varint(this.#channel);
    writer.varint(version);
    writer.bytes(state);
    this.#transmit(writer.buffer, version);
    channels.set(this.#channel, version);
    this.stop();
    this.#sentVersion = version;
    if (this.#acknowledgedVersion !== version) this.#repeatLater(writer.buffer, version, 1);
  }

  #transmit(datagram: Bytes, version: number): void {
    if (!this.#untilAcknowledged) this.#session.sendDatagram(datagram);
    else {
      this.#session.sendDatagram(datagram, (hasArrived) => {
        if (!hasArrived) return;
        this.#acknowledgedVersion = version;
        if (version === this.#sentVersion) this.stop();
      });
    }
  }

  #repeatLater(datagram: Bytes, version: number, time: number, waitMs: number = this.#waitMs(time)): void {
    if (!this.#untilAcknowledged && time > this.#repeat) return;
    this.#timer = setTimeout(() => {
      if (this.#session.isClosed) return;
      try {
        this.#transmit(datagram, version);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        // The path carries less than it did: the state waits for one that carries it, or for a newer state.
        this.#repeatLater(datagram, version, time, MAX_INTERVAL_MS);
        return;
      }
      if (version === this.#sentVersion) this.#repeatLater(datagram, version, time + 1);
    }, waitMs);
  }

  #waitMs(time: number): number {
    if (!this.#untilAcknowledged) return this.#intervalMs;
    return Math.min(this.#intervalMs * 2 ** (time - 1), Math.max(this.#intervalMs, MAX_INTERVAL_MS));
  }

  /**
   * Takes a datagram of the session.
   * @returns the state in it, which is a view on it, if it is of this channel and newer than all before
   */
  receive(datagram: Bytes): Bytes | undefined {
    const reader = new PacketReader();
    reader.begin(datagram, 0, datagram.length);
    try {
      if (reader.varint() !== this.#channel) return undefined;
      const version = reader.varint();
      if (version <= this.#receivedVersion) return undefined;
      this.#receivedVersion = version;
    } catch {
      return undefined;
    }
    return datagram.subarray(reader.at);
  }

  /** Sends nothing again any more. */
  stop(): void {
    this.#sentVersion = 0;
    clearTimeout(this.#timer);
  }
}
