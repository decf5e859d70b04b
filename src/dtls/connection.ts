/**
 * One DTLS 1.3 association, client or server (RFC 9147). It reads no clock and no socket: datagrams, time and the
 * completion of asynchronous cryptography come in, datagrams, deadlines and events go out through its host.
 */
import type { Bytes } from "../core/bytes.ts";
import { ContentType, MAX_CONTENT, type RecordSealer } from "../core/index.ts";
import { type AlertName, SealgramError } from "../errors.ts";
import { decodeAlert, encodeAlert } from "../tls/alerts.ts";
import { HandshakeType } from "../tls/codepoints.ts";
import { exportKeyingMaterial, ticketPsk } from "../tls/key-schedule.ts";
import { keyLogLine } from "../tls/keylog.ts";
import {
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeNewSessionTicket,
  decodeRequestConnectionId,
  encodeKeyUpdate,
  encodeNewConnectionId,
  encodeRequestConnectionId,
  maxTicketLifetimeSeconds,
} from "../tls/post-handshake.ts";
import { fault } from "../tls/wire.ts";
import type { ConnectionConfig, PeerIdentity, SessionTicket } from "./config.ts";
import { ConnectionIds } from "./connection-ids.ts";
import { DatagramPacker } from "./datagrams.ts";
import { HANDSHAKE_EPOCH, type HandshakeResult, type Side } from "./handshake.ts";
import { encodeRoutability, type Path, type PathState, type RoutabilityMessage } from "./path.ts";
import { Paths } from "./paths.ts";
import type { Procedure } from "./procedure.ts";
import type { ReceivedMessage } from "./reassembly.ts";
import {
  type DropCounters,
  type ReceivedConnectionIds,
  RecordLayer,
  type RecordReceiver,
} from "./record-layer.ts";
import { Reliability } from "./reliability.ts";
import { TrafficKeyUpdates } from "./traffic-keys.ts";

/** What the handshake has settled, for the application. */
export interface Connected {
  readonly cipherSuite: string;
  /** NamedGroup of the key exchange; none if a PAKE was all of it. */
  readonly group: number | undefined;
  /** Who the peer has proved to be; `undefined` for a client that was not asked. */
  readonly peer: PeerIdentity | undefined;
  readonly resumed: boolean;
  readonly applicationProtocol: string | undefined;
  readonly serverName: string | undefined;
  readonly usedHelloRetryRequest: boolean;
  /** From the first flight to the end of the handshake. */
  readonly handshakeMs: number;
}

/** Where a connection's outputs go. None of these may call back into the connection. */
export interface ConnectionHost {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number;
  /** A datagram to send, valid during the call only: whoever does not send it at once has to copy it. */
  transmit(datagram: Bytes, path: Path): void;
  /**
   * Application data: `buffer[start]` to `buffer[start + length - 1]`, valid during the call only, and the number of the
   * record that it came in (RFC 9147 §4).
   */
  data(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void;
  connected(details: Connected): void;
  /** A ticket to resume with. */
  ticket(ticket: SessionTicket): void;
  /** The end: of its own accord, the peer's, or for the reason given. Called once. */
  closed(reason: SealgramError | undefined): void;
  /** The peer has moved: datagrams go to this path from now on. */
  moved(path: Path): void;
  /** Records are accepted under this connection ID too, from now on. */
  newConnectionId(): Bytes;
  /** {@link Connection.deadlineMs} may have changed by itself: something asynchronous is done. */
  wake(): void;
}

export interface ConnectionOptions {
  /** Where the peer is. */
  readonly path: Path;
  /** Whether the peer is known to receive there, by a cookie or by the carrier's own handshake. */
  readonly pathValidated: boolean;
  /** The connection ID that the peer shall send; empty to offer sending one without receiving any. */
  readonly connectionId?: Bytes;
}

type State = "handshaking" | "established" | "closed";

/** Bytes that a protected record has beyond its content, at the least. */
const LEAST_RECORD_OVERHEAD = 19;
/** Answers to the peer that may wait for its ACKs. */
const MAX_WAITING = 8;
/** What to try when larger datagrams seem to get lost: IPv6's and IPv4's minimum, and IPv4 over slow links (RFC 1191 §7.1). */
const MTU_STEPS = [1200, 1024, 548, 268] as const;

export class Connection implements RecordReceiver {
  readonly #host: ConnectionHost;
  readonly #config: ConnectionConfig;
  readonly #records: RecordLayer;
  readonly #reliability: Reliability;
  #state: State = "handshaking";
  #procedure: Procedure<HandshakeResult> | undefined;
  /** Whether the procedure waits for a promise rather than for a message. */
  #isComputing = false;
  #startedAtMs = 0;
  #hasStarted = false;
  readonly #paths: Paths;
  #isBlocked = false;
  #mtuBytes: number;
  /** What handshake messages are cut to: losses make it smaller than what the application was promised. */
  #flightMtuBytes: number;
  #lastReceivedAtMs: number;
  #connectionIds: ConnectionIds | undefined;
  #ownConnectionId: Bytes | undefined;
  #keys: TrafficKeyUpdates | undefined;
  #isUpdatingKeys = false;
  #result: HandshakeResult | undefined;
  /** Epochs whose reading keys are to go, soonest first. */
  #retiring: { readonly epoch: number; readonly atMs: number }[] = [];
  #hasAuthenticRecord = false;

  constructor(side: Side, host: ConnectionHost, options: ConnectionOptions) {
    const { config, firstSequenceNumber } = side;
    this.#config = config;
    this.#host = host;
    this.#paths = new Paths(this.#pathsHost(), options.path, options.pathValidated);
    this.#mtuBytes = config.mtuBytes;
    this.#flightMtuBytes = config.mtuBytes;
    this.#ownConnectionId = options.connectionId;
    this.#startedAtMs = host.now();
    this.#lastReceivedAtMs = this.#startedAtMs;
    this.#records = new RecordLayer(
      config.core,
      this.#receivedConnectionIds(),
      config.keyLimits,
      firstSequenceNumber,
    );
    this.#reliability = new Reliability(
      this.#records,
      {
        now: () => host.now(),
        packer: () => this.#packer(),
        reduceMtu: () => this.#reduceMtu(),
      },
      config.reliability,
      firstSequenceNumber,
    );
    this.#procedure = side.handshake(this.#parts());
    // A server has nothing to do before the first message; a client starts when it is told to.
    if (config.role === "server") this.#procedure.next();
  }

  #receivedConnectionIds(): ReceivedConnectionIds {
    const connection = this;
    return {
      get length() {
        return connection.#connectionIds?.issuedLength ?? 0;
      },
      has: (id) => this.#connectionIds!.hasIssued(id),
    };
  }

  #parts() {
    const { crypto, keyLog } = this.#config;
    const connection = this;
    return {
      crypto,
      records: this.#records,
      reliability: this.#reliability,
      ownConnectionId: this.#ownConnectionId,
      now: () => this.#host.now(),
      path: () => this.path,
      useConnectionIds(peer: Bytes): void {
        const own = connection.#ownConnectionId!;
        connection.#connectionIds = new ConnectionIds(own, peer);
        connection.#records.sendConnectionId(peer);
      },
      ...(keyLog === undefined ? {} : { keyLog }),
    };
  }

  // What it is

  get state(): State {
    return this.#state;
  }

  /** Where datagrams are sent. */
  get path(): Path {
    return this.#paths.current.path;
  }

  /** Records dropped so far, by reason. */
  get drops(): DropCounters {
    return this.#records.drops;
  }

  /** Round trip as the handshake measured it, if it did. */
  get rttMs(): number | undefined {
    return this.#reliability.rttMs;
  }

  /** The epoch that application data is sent in. */
  get writeEpoch(): number {
    return this.#records.writeEpoch;
  }

  /** The sequence number that the next record in {@link writeEpoch} gets; 0 before there are keys for data. */
  get nextSequenceNumber(): number {
    return this.#records.sealer?.nextSequenceNumber ?? 0;
  }

  /** Bytes that a record adds to its application data and padding; 0 before there are keys for data. */
  get dataOverhead(): number {
    return this.#records.sealer?.overhead ?? 0;
  }

  /** The largest application data that fits into one datagram, in bytes; 0 before there are keys for data. */
  get maxDataBytes(): number {
    return this.maxDataBytesAt(this.#mtuBytes);
  }

  /** The largest application data that fits into a datagram of `mtuBytes`, and a record, in bytes. */
  maxDataBytesAt(mtuBytes: number): number {
    const { sealer } = this.#records;
    return sealer === undefined ? 0 : Math.max(0, Math.min(mtuBytes - sealer.overhead, MAX_CONTENT));
  }

  /** Whether the handshake waits for something asynchronous, after which the host is woken. */
  get isComputing(): boolean {
    return this.#isComputing && this.#state !== "closed";
  }

  /** Whether anything that was sent reliably is not yet acknowledged. */
  get isBusy(): boolean {
    return this.#reliability.isBusy;
  }

  /** When {@link handleTimeout} is due; `undefined` while nothing is. */
  get deadlineMs(): number | undefined {
    if (this.#state === "closed") return undefined;
    const { idleTimeoutMs } = this.#config;
    const idleAtMs = idleTimeoutMs === undefined ? undefined : this.#lastReceivedAtMs + idleTimeoutMs;
    const ofKeysAndPaths = earlier(this.#retiring[0]?.atMs, this.#paths.deadlineMs);
    return earlier(earlier(this.#reliability.deadlineMs, ofKeysAndPaths), idleAtMs);
  }

  /** The part of {@link deadlineMs} that is about flights: when a retransmission or an ACK is due. */
  get flightDeadlineMs(): number | undefined {
    return this.#state === "closed" ? undefined : this.#reliability.deadlineMs;
  }

  // Inputs

  /**
   * Sends a client's first flight; a server waits for it.
   * @throws TypeError the second time
   */
  start(): void {
    if (this.#config.role !== "client") return;
    if (this.#hasStarted) throw new TypeError("the connection was started already");
    this.#hasStarted = true;
    this.#guard(() => this.#resume(undefined));
  }

  /** Takes a datagram that came from `path`. */
  handleDatagram(datagram: Uint8Array, path: Path): void {
    if (this.#state === "closed") {
      this.#records.countDrop("closed");
      return;
    }
    this.#paths.received(path, datagram.length);
    if (this.#isBlocked) this.#unblock();
    const pending = this.#records.receive(datagram, path, this);
    if (pending !== undefined) this.#awaitRecords(pending);
    if (this.#records.canOpenEarly) this.#receiveEarly();
  }

  /** Records that an asynchronous AEAD opens later may change the deadline then. */
  #awaitRecords(pending: Promise<void>): void {
    void pending.then(() => {
      this.#receiveEarly();
      this.#host.wake();
    });
  }

  /** What came before its keys can be opened now. */
  #receiveEarly(): void {
    while (this.#records.canOpenEarly) {
      const pending = this.#records.receiveEarly(this);
      if (pending !== undefined) this.#awaitRecords(pending);
    }
  }

  /** Does what is due by now. */
  handleTimeout(): void {
    if (this.#state === "closed") return;
    const now = this.#host.now();
    const { idleTimeoutMs } = this.#config;
    if (idleTimeoutMs !== undefined && now >= this.#lastReceivedAtMs + idleTimeoutMs) {
      this.#close(new SealgramError("idle_timeout", "nothing was received for too long"));
      return;
    }
    while (this.#retiring.length > 0 && this.#retiring[0]!.atMs <= now) {
      this.#records.retireRead(this.#retiring.shift()!.epoch);
    }
    this.#paths.handleTimeout();
    this.#guard(() => {
      if (!this.#reliability.handleTimeout()) {
        this.#close(new SealgramError("timeout", "the peer does not answer"));
      }
    });
  }

  // Commands

  /**
   * Sends application data as one record in one datagram. It is dropped, as datagrams may be, while the key has almost
   * protected all it may and the peer has not yet acknowledged the next one (RFC 9147 §4.5.3), and while no more may be
   * sent to an address that is not validated (§5.1).
   * @param padding zeros that hide the length, in bytes
   * @returns whether it was not dropped here: its record number is then what {@link writeEpoch} and
   * {@link nextSequenceNumber} said before
   * @throws TypeError before the handshake is complete or after the end, RangeError above {@link maxDataBytes}
   */
  send(content: Uint8Array, padding = 0): boolean {
    return this.#send(content, padding, this.#mtuBytes);
  }

  /**
   * As {@link send}, for a datagram that may be larger than is known to arrive: a search for the path's MTU probes with
   * it (RFC 8899), and tells the outcome by {@link setMtu}.
   * @throws TypeError as {@link send}, RangeError above 2^14 bytes with the padding
   */
  sendProbe(content: Uint8Array, padding: number): boolean {
    return this.#send(content, padding, Number.POSITIVE_INFINITY);
  }

  #send(content: Uint8Array, padding: number, mtuBytes: number): boolean {
    const sealer = this.#applicationSealer();
    const inner = content.length + padding;
    const length = sealer.overhead + inner;
    if (length > mtuBytes || inner > MAX_CONTENT || padding >>> 0 !== padding) {
      const most = this.maxDataBytesAt(mtuBytes);
      throw new RangeError(
        `${content.length} bytes and padding of ${padding} exceed the ${most} of a datagram`,
      );
    }
    const { current } = this.#paths;
    if (!this.#records.mayProtectData || !this.#admit(length, current)) return false;
    const { path } = current;
    const sealed = sealer.sealAlone(ContentType.application_data, content, padding);
    if (sealed instanceof Promise) this.#transmitLater(sealed, path);
    else this.#host.transmit(sealed, path);
    if (sealer.needsKeyUpdate) this.updateKeys();
    return true;
  }

  #transmitLater(sealing: Promise<Bytes>, path: Path): void {
    void sealing.then((datagram) => this.#host.transmit(datagram, path));
  }

  /**
   * Leaves a record number out: no record has it, and a peer that acknowledges one has not received what it says
   * (RFC 9000 §21.4).
   * @throws TypeError as {@link send}
   */
  skipSequenceNumber(): void {
    const sealer = this.#applicationSealer();
    if (this.#records.mayProtectData)
      void sealer.sealAlone(ContentType.application_data, new Uint8Array(0), 0);
  }

  #applicationSealer(): RecordSealer {
    if (this.#state !== "established") throw new TypeError(`the connection is ${this.#state}`);
    return this.#records.sealer!;
  }

  /**
   * Changes the keys that this side sends with (RFC 9147 §8), once what is under way is acknowledged. Does nothing
   * while an update is under way.
   * @param requestPeer asks the peer to do the same
   */
  updateKeys(requestPeer = false): void {
    this.#applicationSealer();
    if (this.#isUpdatingKeys) return;
    this.#isUpdatingKeys = true;
    this.#guard(() =>
      this.#reliability.sendLater([encodeKeyUpdate({ updateRequested: requestPeer })], () => {
        this.#isUpdatingKeys = false;
        this.#keys!.updateWrite();
      }),
    );
  }

  /**
   * Asks the peer for new connection IDs, to use on new paths (RFC 9147 §9).
   * @returns whether the request was sent; not while one is unanswered, or when the peer receives no IDs
   */
  requestConnectionIds(count: number): boolean {
    this.#applicationSealer();
    const ids = this.#connectionIds;
    if (ids === undefined || ids.sendsNone || ids.isRequesting) return false;
    ids.requested();
    this.#guard(() => this.#reliability.sendLater([encodeRequestConnectionId({ count })]));
    return true;
  }

  /** Gives the peer a new connection ID to use from now on (RFC 9147 §9); the ones before stay valid. */
  changeConnectionId(): boolean {
    this.#applicationSealer();
    if (this.#connectionIds === undefined || this.#connectionIds.receivesNone) return false;
    this.#guard(() => this.#issueConnectionIds(1, "immediate"));
    return true;
  }

  /**
   * Keying material for another protocol (RFC 9846 §7.5).
   * @param length in bytes
   */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Bytes {
    if (this.#result === undefined || this.#state === "closed") {
      throw new TypeError(`the connection is ${this.#state}`);
    }
    const { suite, exporterSecret } = this.#result;
    return exportKeyingMaterial(this.#config.crypto, suite.hash, exporterSecret, label, context, length);
  }

  /** Sends close_notify and forgets everything. */
  close(): void {
    if (this.#state === "closed") return;
    this.#sendAlert("close_notify");
    this.#close(undefined);
  }

  /** Ends the connection with a fatal alert. */
  abort(alert: AlertName, code: string, message: string): void {
    this.#fail(new SealgramError(code, message, { alert }));
  }

  /** Largest datagram to send from now on, in bytes. */
  setMtu(mtuBytes: number): void {
    this.#mtuBytes = mtuBytes;
    this.#flightMtuBytes = mtuBytes;
  }

  /** First retransmission time-out from now on. */
  setInitialTimeout(timeoutMs: number): void {
    this.#reliability.setInitialTimeout(timeoutMs);
  }

  // Records

  /** @internal called by the record layer */
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
    if (this.#state !== "closed" && epoch > 0) this.#authentic(newest, path, length);
    if (this.#state === "closed") return;
    if (type === ContentType.application_data && epoch > HANDSHAKE_EPOCH) {
      this.#host.data(buffer, start, length, epoch, sequenceNumber);
      return;
    }
    this.#controlRecord(type, epoch, sequenceNumber, buffer.subarray(start, start + length), path);
  }

  // By itself, so that application data does not pay for a closure.
  #controlRecord(type: number, epoch: number, sequenceNumber: number, content: Bytes, path: Path): void {
    if (epoch === 0 && this.#hasAuthenticRecord) this.#takeRepetition(type, sequenceNumber, content);
    else this.#guard(() => this.#control(type, epoch, sequenceNumber, content, path));
  }

  /** @internal called by the record layer */
  recordFault(error: Error): void {
    if (this.#state !== "closed") this.#fail(error);
  }

  /** @internal called by the record layer */
  keyWearsOut(epoch: number): void {
    if (this.#state === "established" && epoch === this.#keys!.readEpoch) this.updateKeys(true);
  }

  /** @internal called by the record layer */
  keyIsWornOut(epoch: number): void {
    // "the previous keys can be dropped when the limit is reached rather than closing the connection" (§4.5.3)
    if (this.#state === "established" && epoch < this.#keys!.readEpoch) this.#records.retireRead(epoch);
    else if (this.#state !== "closed") {
      this.#fail(new SealgramError("too_many_forgeries", "too many records failed authentication"));
    }
  }

  #authentic(newest: boolean, from: Path, length: number): void {
    this.#lastReceivedAtMs = this.#host.now();
    this.#hasAuthenticRecord = true;
    this.#paths.authenticated(from, newest, length + LEAST_RECORD_OVERHEAD);
  }

  /** Once the peer protects its records, those in plaintext may be anybody's: only repetitions are of use. */
  #takeRepetition(type: number, sequenceNumber: number, content: Bytes): void {
    try {
      if (type === ContentType.handshake) this.#reliability.handleRecord(content, 0, sequenceNumber);
      else this.#records.countDrop("plaintext_after_keys");
    } catch (error) {
      if (!(error instanceof SealgramError)) throw error;
      this.#records.countDrop("plaintext_after_keys");
    }
  }

  #control(type: number, epoch: number, sequenceNumber: number, content: Bytes, path: Path): void {
    switch (type) {
      case ContentType.handshake:
        this.#reliability.handleRecord(content, epoch, sequenceNumber);
        this.#drain();
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
      this.#sendAlert("close_notify");
      const reason =
        this.#state === "established"
          ? undefined
          : new SealgramError("closed_by_peer", "the peer closed the connection during the handshake");
      this.#close(reason);
      return;
    }
    const text = name ?? String(description);
    this.#close(new SealgramError(`alert_${text}`, `the peer ended the connection: ${text}`));
  }

  // Handshake messages

  /** Hands messages to the handshake, or to what comes after it, for as long as there are any. */
  #drain(): void {
    while (this.#state !== "closed" && !this.#isComputing) {
      const message = this.#reliability.nextMessage();
      if (message === undefined) return;
      if (this.#procedure !== undefined) this.#resume(message);
      else this.#handlePostHandshake(message);
    }
  }

  #resume(input: unknown): void {
    this.#follow(this.#procedure!.next(input));
  }

  #follow(step: IteratorResult<Promise<unknown> | undefined, HandshakeResult>): void {
    if (step.done) this.#establish(step.value);
    else if (step.value !== undefined) {
      this.#isComputing = true;
      step.value.then(
        (value) => this.#computed(() => this.#resume(value)),
        // The procedure may know what to do instead.
        (error: unknown) => this.#computed(() => this.#follow(this.#procedure!.throw(error))),
      );
    }
  }

  /** Something asynchronous is done; the connection may have ended in the meantime. */
  #computed(next: () => void): void {
    this.#isComputing = false;
    if (this.#state === "closed") return;
    this.#guard(() => {
      next();
      this.#drain();
    });
    this.#receiveEarly();
    this.#host.wake();
  }

  #establish(result: HandshakeResult): void {
    const { role, crypto } = this.#config;
    this.#procedure = undefined;
    this.#result = result;
    this.#state = "established";
    this.#reliability.establish();
    this.#records.establish();
    if (result.returnRoutabilityCheck) this.#paths.checkOthers();
    this.#keys = new TrafficKeyUpdates(
      crypto,
      result.suite,
      this.#records,
      role,
      result.applicationSecrets,
      (sender, generation, secret) => {
        const label = sender === "client" ? "CLIENT" : "SERVER";
        this.#config.keyLog?.(
          keyLogLine(`${label}_TRAFFIC_SECRET_${generation}`, result.clientRandom, secret),
        );
      },
    );
    if (role === "server") {
      this.#records.retireWriteBefore(this.#records.writeEpoch);
      // The client's last flight may come again for as long as its ACK may be lost (§5.8.1).
      this.#retireLater(HANDSHAKE_EPOCH);
      this.#reliability.acknowledgeNow();
      if (result.postHandshake.length > 0) this.#reliability.sendLater(result.postHandshake);
    }
    this.#host.connected({
      cipherSuite: result.suite.name,
      group: result.group,
      peer: result.peer,
      resumed: result.resumed,
      applicationProtocol: result.applicationProtocol,
      serverName: result.serverName,
      usedHelloRetryRequest: result.usedHelloRetryRequest,
      handshakeMs: this.#host.now() - this.#startedAtMs,
    });
  }

  #retireLater(epoch: number): void {
    // Of the application's epochs, only the one before the last still has keys.
    this.#retiring = this.#retiring.filter(
      (each) => each.epoch === HANDSHAKE_EPOCH || each.epoch + 1 >= epoch,
    );
    this.#retiring.push({ epoch, atMs: this.#host.now() + this.#config.oldEpochMs });
  }

  #handlePostHandshake({ type, bytes }: ReceivedMessage): void {
    switch (type) {
      case HandshakeType.new_session_ticket:
        if (this.#config.role === "client") {
          this.#handleTicket(bytes);
          return;
        }
        break;
      case HandshakeType.key_update: {
        const { updateRequested } = decodeKeyUpdate(bytes);
        const keys = this.#keys!;
        keys.updateRead();
        this.#retireLater(keys.readEpoch - 1);
        this.#reliability.enterReadEpoch(keys.readEpoch);
        if (updateRequested) this.updateKeys();
        return;
      }
      case HandshakeType.request_connection_id: {
        const { count } = decodeRequestConnectionId(bytes);
        if (this.#connectionIds === undefined) break;
        if (this.#reliability.waiting >= MAX_WAITING) {
          throw fault(
            "too_many_cids_requested",
            "too_many_cids_requested",
            "requests for more connection IDs",
          );
        }
        this.#issueConnectionIds(this.#connectionIds.grant(count), "spare");
        return;
      }
      case HandshakeType.new_connection_id: {
        if (this.#connectionIds === undefined) break;
        const next = this.#connectionIds.receive(decodeNewConnectionId(bytes));
        if (next !== undefined) this.#records.sendConnectionId(next);
        return;
      }
    }
    throw fault("unexpected_message", "unexpected_message", `handshake message ${type} after the handshake`);
  }

  #handleTicket(bytes: Bytes): void {
    const { lifetimeSeconds, ageAdd, nonce, ticket } = decodeNewSessionTicket(bytes);
    const { suite, resumptionSecret, peer } = this.#result!;
    if (lifetimeSeconds === 0) return;
    this.#host.ticket({
      ticket: ticket.slice(),
      psk: ticketPsk(this.#config.crypto, suite.hash, resumptionSecret, nonce),
      hash: suite.hash,
      ageAdd,
      receivedAtMs: this.#host.now(),
      lifetimeSeconds: Math.min(lifetimeSeconds, maxTicketLifetimeSeconds),
      peer,
    });
  }

  #issueConnectionIds(count: number, usage: "immediate" | "spare"): void {
    const cids: Bytes[] = [];
    for (let i = 0; i < count; i++) {
      const id = this.#host.newConnectionId();
      this.#connectionIds!.issue(id);
      cids.push(id);
    }
    this.#reliability.sendLater([encodeNewConnectionId({ cids, usage })]);
  }

  // Paths

  #pathsHost() {
    const connection = this;
    return {
      now: () => connection.#host.now(),
      random: (length: number) => connection.#config.crypto.random(length),
      get rttMs() {
        return connection.rttMs;
      },
      sendRoutability: (message: RoutabilityMessage, to: PathState) =>
        connection.#sendRoutability(message, to),
      moved: () => connection.#moved(),
    };
  }

  /** The peer is somewhere else: "SHOULD use a new CID whenever sending on a new path" (§9). */
  #moved(): void {
    const next = this.#connectionIds?.next();
    if (next !== undefined) this.#records.sendConnectionId(next);
    this.#host.moved(this.path);
  }

  #sendRoutability(message: RoutabilityMessage, state: PathState): void {
    this.#guard(() => {
      const packer = this.#packer(state);
      packer.add(this.#records.writeEpoch, ContentType.return_routability_check, encodeRoutability(message));
      packer.flush();
    });
  }

  // Datagrams

  #packer(path: PathState = this.#paths.current): DatagramPacker {
    return new DatagramPacker(this.#records, this.#flightMtuBytes, {
      admit: (bytes) => this.#admit(bytes, path),
      transmit: (datagram) => this.#host.transmit(datagram, path.path),
    });
  }

  #admit(bytes: number, path: PathState): boolean {
    const isAdmitted = path.maySend(bytes);
    if (!isAdmitted) this.#isBlocked = true;
    return isAdmitted;
  }

  /** More was received from an address that is not validated: what was held back may go. */
  #unblock(): void {
    this.#isBlocked = false;
    this.#guard(() => this.#reliability.sendRest());
  }

  #reduceMtu(): void {
    const next = MTU_STEPS.find((step) => step < this.#flightMtuBytes);
    if (next === undefined) return;
    this.#flightMtuBytes = next;
    if (this.#state === "handshaking") this.#mtuBytes = next;
  }

  // The end

  /** Runs what handles the peer's input; its faults end the connection. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#state === "closed") return;
    const reason =
      error instanceof SealgramError
        ? error
        : new SealgramError("internal_error", "an internal error ended the connection", {
            alert: "internal_error",
            cause: error,
          });
    if (reason.alert !== undefined) this.#sendAlert(reason.alert);
    this.#close(reason);
  }

  #sendAlert(alert: AlertName): void {
    try {
      const packer = this.#packer();
      packer.add(this.#records.writeEpoch, ContentType.alert, encodeAlert(alert));
      packer.flush();
    } catch {
      // Nothing can be sent any more; the peer finds out by its own time-out.
    }
  }

  #close(reason: SealgramError | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#procedure = undefined;
    this.#paths.close();
    this.#keys?.erase();
    this.#result?.exporterSecret.fill(0);
    this.#result?.resumptionSecret.fill(0);
    this.#records.close();
    this.#host.closed(reason);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}
