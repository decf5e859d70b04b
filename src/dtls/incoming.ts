/** What the peer's records mean: which of them count, and where their contents go. */
import type { Bytes } from "../core/bytes.ts";
import { ContentType } from "../core/index.ts";
import { SealgramError } from "../errors.ts";
import { decodeAlert } from "../tls/alerts.ts";
import type { Role } from "../tls/authentication.ts";
import { fault } from "../tls/wire.ts";
import type { Established } from "./established.ts";
import { HANDSHAKE_EPOCH } from "./handshake.ts";
import type { ConnectionHost } from "./host.ts";
import type { Path } from "./path.ts";
import type { Paths } from "./paths.ts";
import type { RecordLayer, RecordReceiver } from "./record-layer.ts";
import type { Reliability } from "./reliability.ts";

/** Bytes that a protected record has beyond its content, at the least. */
const LEAST_RECORD_OVERHEAD = 19;

export interface IncomingOwner {
  readonly role: Role;
  isClosed(): boolean;
  /** Once the handshake is complete. */
  established(): Established | undefined;
  /** Handshake messages may be complete. */
  handleMessages(): void;
  /** The peer has ended the connection, by close_notify or by an alert that says why. */
  endedByPeer(reason: SealgramError | undefined): void;
  fail(error: unknown): void;
}

export class Incoming implements RecordReceiver {
  readonly #owner: IncomingOwner;
  readonly #host: Pick<ConnectionHost, "now" | "data">;
  readonly #records: RecordLayer;
  readonly #reliability: Reliability;
  readonly #paths: Paths;
  #lastReceivedAtMs: number;
  #hasAuthenticRecord = false;

  constructor(
    owner: IncomingOwner,
    host: Pick<ConnectionHost, "now" | "data">,
    records: RecordLayer,
    reliability: Reliability,
    paths: Paths,
  ) {
    this.#owner = owner;
    this.#host = host;
    this.#records = records;
    this.#reliability = reliability;
    this.#paths = paths;
    this.#lastReceivedAtMs = host.now();
  }

  /** When an authentic record came last, or this began. */
  get lastReceivedAtMs(): number {
    return this.#lastReceivedAtMs;
  }

  record(
    type: number,
    epoch: number,
    sequenceNumber: number,
    buffer: Bytes,
    start: number,
    length: number,
    newest: boolean,
    path: Path,
  ): void {
    if (this.#owner.isClosed()) return;
    if (epoch > 0) {
      // A check of paths is no move: the answer from one that was left is the newest record, too.
      this.#authentic(epoch, newest && type !== ContentType.return_routability_check, path, length);
      if (this.#owner.isClosed()) return;
    }
    if (type === ContentType.application_data && epoch > HANDSHAKE_EPOCH) {
      this.#host.data(buffer, start, length, epoch, sequenceNumber);
      return;
    }
    const content = buffer.subarray(start, start + length);
    if (epoch === 0 && this.#isForgeable) this.#takeForgeable(type, sequenceNumber, content);
    else this.#take(type, epoch, sequenceNumber, content, path);
  }

  recordFault(error: Error): void {
    this.#owner.fail(error);
  }

  keyWearsOut(epoch: number): void {
    try {
      this.#owner.established()?.keyWearsOut(epoch);
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  keyIsWornOut(epoch: number): void {
    if (this.#owner.established()?.keyIsWornOut(epoch)) return;
    this.#owner.fail(new SealgramError("too_many_forgeries", "too many records failed authentication"));
  }

  #authentic(epoch: number, newest: boolean, from: Path, length: number): void {
    this.#lastReceivedAtMs = this.#host.now();
    this.#hasAuthenticRecord = true;
    this.#owner.established()?.received(epoch);
    this.#paths.authenticated(from, newest, length + LEAST_RECORD_OVERHEAD);
  }

  /** Whether what comes in plaintext may be anybody's, and has to be taken with care. */
  get #isForgeable(): boolean {
    const { expectsProtection, believesPlaintext } = this.#reliability;
    return this.#hasAuthenticRecord || (expectsProtection && !believesPlaintext);
  }

  /**
   * Repetitions are of use, and what a client says that lacks the ServerHello, or refuses it. The rest is dropped, with
   * all that is wrong (§4.5.2).
   */
  #takeForgeable(type: number, sequenceNumber: number, content: Bytes): void {
    const isBeforeKeys = !this.#hasAuthenticRecord;
    try {
      if (type === ContentType.handshake) this.#reliability.handleRepetition(content, sequenceNumber);
      else if (type === ContentType.ack && isBeforeKeys) this.#reliability.handleAck(content, 0);
      else if (type === ContentType.alert && isBeforeKeys && this.#owner.role === "server") {
        this.#handleAlert(content);
      } else this.#records.countDrop("plaintext_after_keys");
    } catch (error) {
      if (!(error instanceof SealgramError)) throw error;
      this.#records.countDrop("plaintext_after_keys");
    }
  }

  /** The faults of what the peer sends end the connection. */
  #take(type: number, epoch: number, sequenceNumber: number, content: Bytes, path: Path): void {
    try {
      this.#handle(type, epoch, sequenceNumber, content, path);
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  #handle(type: number, epoch: number, sequenceNumber: number, content: Bytes, path: Path): void {
    switch (type) {
      case ContentType.handshake:
        this.#reliability.handleRecord(content, epoch, sequenceNumber);
        this.#owner.handleMessages();
        return;
      case ContentType.ack:
        this.#reliability.handleAck(content, epoch);
        return;
      case ContentType.alert:
        this.#handleAlert(content);
        return;
      case ContentType.return_routability_check:
        if (this.#paths.checksOthers && epoch > HANDSHAKE_EPOCH) {
          this.#paths.handleMessage(content, path);
          return;
        }
        break;
    }
    throw fault("unexpected_message", "unexpected_record", `a record of type ${type} in epoch ${epoch}`);
  }

  #handleAlert(content: Bytes): void {
    const { name, description } = decodeAlert(content);
    if (name === "user_canceled") return;
    if (name === "close_notify") {
      this.#owner.endedByPeer(undefined);
      return;
    }
    const text = name ?? String(description);
    this.#owner.endedByPeer(new SealgramError(`alert_${text}`, `the peer ended the connection: ${text}`));
  }
}
