/** What the peer's records mean: which of them count, and where their contents go. */
import type { Bytes } from "../core/bytes.ts";
import { ContentType } from "../core/index.ts";
import { SealgramError } from "../errors.ts";
import { decodeAlert } from "../tls/alerts.ts";
import type { Role } from "../tls/authentication.ts";
import { fault } from "../tls/wire.ts";
import { Doubts } from "./doubts.ts";
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
  readonly #doubts = new Doubts();

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

  /** When an authentic record came last, or anything new of the handshake, or this began. */
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
    const isForgeable = this.#hasAuthenticRecord || !this.#reliability.believesPlaintext;
    if (epoch === 0 && isForgeable) this.#takeForgeable(type, sequenceNumber, content);
    else this.#take(type, epoch, sequenceNumber, content, path);
  }

  recordAhead(): void {
    this.#reliability.handleRecordAhead();
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
    this.#doubts.clear();
    this.#owner.established()?.received(epoch);
    this.#paths.authenticated(from, newest, length + LEAST_RECORD_OVERHEAD);
  }

  /**
   * What comes in the clear may be anyone's, and all that is wrong with it is dropped (§4.5.2). Once all that is expected is
   * protected, only repetitions are of use, and what a client says that lacks the ServerHello, or refuses it.
   */
  #takeForgeable(type: number, sequenceNumber: number, content: Bytes): void {
    const { expectsProtection } = this.#reliability;
    const isBeforeKeys = !this.#hasAuthenticRecord;
    try {
      if (type === ContentType.handshake) {
        if (expectsProtection) this.#reliability.handleRepetition(content, sequenceNumber);
        else this.#reliability.handleRecord(content, 0, sequenceNumber);
      } else if (type === ContentType.ack && isBeforeKeys) this.#reliability.handleAck(content, 0);
      else if (
        type === ContentType.alert &&
        isBeforeKeys &&
        (!expectsProtection || this.#owner.role === "server")
      ) {
        const reason = reasonOf(content);
        if (reason !== null) this.#doubt(() => this.#owner.endedByPeer(reason), true);
      } else this.#records.countDrop("plaintext_after_keys");
    } catch (error) {
      if (!(error instanceof SealgramError)) throw error;
      this.#records.countDrop(expectsProtection ? "plaintext_after_keys" : "malformed");
      return;
    }
    if (!expectsProtection) this.#handleMessages();
  }

  #handleMessages(): void {
    try {
      this.#owner.handleMessages();
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  // Doubts

  /** When {@link handleTimeout} is due; infinite if it is not. */
  get deadlineMs(): number {
    return this.#doubts.deadlineMs;
  }

  handleTimeout(): void {
    this.#doubts.handleTimeout(this.#host.now());
  }

  /** Whether the peer may have refused the handshake, so that nothing is to be sent again. */
  get isRefused(): boolean {
    return this.#doubts.isRefusal;
  }

  #doubt(end: () => void, isRefusal: boolean): void {
    this.#doubts.add(end, isRefusal, this.#host.now(), this.#reliability.rttMs);
  }

  /**
   * The last message, which came in the clear, is nothing to go on with: another one in its place may be.
   * @throws the error, if the peer is believed
   */
  doubtMessage(error: unknown): void {
    if (this.#reliability.believesPlaintext || !(error instanceof SealgramError)) throw error;
    this.#records.countDrop("malformed");
    this.#reliability.rejectMessage();
    this.#doubt(() => this.#owner.fail(error), false);
  }

  /** The last message is something to go on with. */
  believeMessage(): void {
    this.#doubts.clear();
  }

  // What counts

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
        // Before there are keys a handshake is alive while it gets on.
        if (this.#reliability.handleRecord(content, epoch, sequenceNumber)) {
          this.#lastReceivedAtMs = this.#host.now();
        }
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
    const reason = reasonOf(content);
    if (reason !== null) this.#owner.endedByPeer(reason);
  }
}

/** Why the peer ends the connection: `undefined` for close_notify, `null` if it does not. */
function reasonOf(alert: Bytes): SealgramError | undefined | null {
  const { name, description } = decodeAlert(alert);
  if (name === "user_canceled") return null;
  if (name === "close_notify") return undefined;
  const text = name ?? String(description);
  return new SealgramError(`alert_${text}`, `the peer ended the connection: ${text}`);
}
