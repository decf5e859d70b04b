/**
 * One DTLS 1.3 association, client or server (RFC 9147). It reads no clock and no socket: datagrams, time and the
 * completion of asynchronous cryptography come in, datagrams, deadlines and events go out through its host.
 */
import { type Bytes, bytesOf } from "../core/bytes.ts";
import { ContentType, MAX_CONNECTION_ID, type RecordSealer } from "../core/index.ts";
import { type AlertName, SealgramError } from "../errors.ts";
import type { ConnectionConfig } from "./config.ts";
import { ConnectionIds, WANTED_SPARE } from "./connection-ids.ts";
import { Established } from "./established.ts";
import type { HandshakeParts, HandshakeResult, Side } from "./handshake.ts";
import { HandshakeRun } from "./handshake-run.ts";
import type { ConnectionHost, ConnectionOptions } from "./host.ts";
import { Incoming, type IncomingOwner } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import type { Path } from "./path.ts";
import { Paths, type PathsHost } from "./paths.ts";
import { type DropCounters, type ReceivedConnectionIds, RecordLayer } from "./record-layer.ts";
import { Reliability } from "./reliability.ts";

export type { Connected, ConnectionHost, ConnectionOptions } from "./host.ts";

type State = "handshaking" | "established" | "closed";

/**
 * One DTLS 1.3 connection without sockets and clocks. Inputs: `start`, `handleDatagram`, `handleTimeout`. Commands: `send`,
 * `updateKeys`, `close` and others. After any of them `deadlineMs` says when time is an input again. Outputs go to its
 * {@link ConnectionHost}.
 */
export class Connection {
  readonly #host: ConnectionHost;
  readonly #config: ConnectionConfig;
  readonly #records: RecordLayer;
  readonly #reliability: Reliability;
  #state: State = "handshaking";
  readonly #startedAtMs: number;
  #idleTimeoutMs: number;
  #hasStarted = false;
  readonly #paths: Paths;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  #connectionIds: ConnectionIds | undefined;
  readonly #ownConnectionId: Bytes | undefined;
  /** Whether the peer may send it. What a client offers may be in what comes before the ServerHello. */
  #receivesConnectionId: boolean;
  /** The handshake, until it is over. */
  #handshake: HandshakeRun | undefined;
  /** What comes after it. */
  #established: Established | undefined;

  constructor(side: Side, host: ConnectionHost, options: ConnectionOptions) {
    const { config, firstSequenceNumber } = side;
    this.#config = config;
    this.#host = host;
    this.#idleTimeoutMs = config.idleTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#ownConnectionId = options.connectionId;
    this.#receivesConnectionId =
      config.role === "client" && (options.connectionId?.length ?? 0) <= MAX_CONNECTION_ID;
    this.#startedAtMs = host.now();
    this.#records = new RecordLayer(
      config.core,
      this.#receivedConnectionIds(),
      config.keyLimits,
      firstSequenceNumber,
    );
    this.#paths = new Paths(this.#pathsHost(), options.path, options.pathValidated, options.leftPath);
    const fail = (error: unknown) => this.#fail(error);
    this.#outgoing = new Outgoing(host, fail, this.#records, this.#paths, config.mtuBytes);
    this.#reliability = new Reliability(
      this.#records,
      {
        now: () => host.now(),
        packer: () => this.#outgoing.packer(),
        reduceMtu: (lostBytes) => this.#outgoing.reduceMtu(lostBytes, this.#state === "handshaking"),
        limitMtu: (mtuBytes) => this.#outgoing.limitMtu(mtuBytes, true),
      },
      config.reliability,
      firstSequenceNumber,
    );
    this.#incoming = new Incoming(this.#incomingOwner(), host, this.#records, this.#reliability, this.#paths);
    this.#handshake = new HandshakeRun(
      {
        proceed: (next) => this.#proceed(next),
        finished: (result) => this.#establish(result),
      },
      side.handshake(this.#parts()),
    );
    // A server has nothing to do before the first message; a client starts when it is told to.
    if (config.role === "server") this.#handshake.resume();
  }

  // Objects of methods alone: with getters each would be a dictionary, of half a kilobyte for each connection.

  #receivedConnectionIds(): ReceivedConnectionIds {
    return {
      length: () => (this.#receivesConnectionId ? (this.#ownConnectionId?.length ?? 0) : 0),
      isOpen: () => this.#connectionIds === undefined,
      has: (id) => this.#connectionIds?.hasIssued(id) ?? isEqual(id, this.#ownConnectionId!),
    };
  }

  #parts(): HandshakeParts {
    const { crypto, keyLog } = this.#config;
    const connection = this;
    return {
      crypto,
      records: this.#records,
      reliability: this.#reliability,
      ownConnectionId: this.#ownConnectionId,
      now: () => this.#host.now(),
      path: () => this.path,
      doubtMessage: (error) => this.#incoming.doubtMessage(error),
      believeMessage: () => this.#incoming.believeMessage(),
      useConnectionIds(peer: Bytes | undefined): void {
        connection.#receivesConnectionId = peer !== undefined;
        if (peer === undefined) return;
        connection.#connectionIds = new ConnectionIds(connection.#ownConnectionId!, peer);
        connection.#paths.useConnectionIds(connection.#connectionIds, peer);
      },
      ...(keyLog === undefined ? {} : { keyLog }),
    };
  }

  // What it is

  /** It is established once both sides have proved themselves, and closed for good. */
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
    return this.maxDataBytesAt(this.#outgoing.mtuBytes);
  }

  /** The largest application data that fits into a datagram of `mtuBytes`, and a record, in bytes. */
  maxDataBytesAt(mtuBytes: number): number {
    return this.#outgoing.maxDataBytesAt(mtuBytes);
  }

  /** Whether the handshake waits for something asynchronous, after which the host is woken. */
  get isComputing(): boolean {
    return this.#handshake?.isComputing ?? false;
  }

  /** Whether anything that was sent reliably is not yet acknowledged. */
  get isBusy(): boolean {
    return this.#reliability.isBusy;
  }

  /** Whether the handshake is over on both sides: the peer has acknowledged what this side ended it with. */
  get isConfirmed(): boolean {
    return this.#state !== "handshaking" && !this.#reliability.awaitsEnd;
  }

  /** When an authentic record came last, or anything new of the handshake, or this began. */
  get lastReceivedAtMs(): number {
    return this.#incoming.lastReceivedAtMs;
  }

  /** When {@link handleTimeout} is due; `undefined` while nothing is. */
  get deadlineMs(): number | undefined {
    if (this.#state === "closed") return undefined;
    // For every datagram: usually there is nothing but the idle time-out.
    let dueMs = this.#incoming.lastReceivedAtMs + this.#idleTimeoutMs;
    if (this.#established !== undefined) dueMs = Math.min(dueMs, this.#established.deadlineMs);
    const flightMs = this.#incoming.isRefused ? undefined : this.#reliability.deadlineMs;
    if (flightMs !== undefined && flightMs < dueMs) dueMs = flightMs;
    const pathMs = this.#paths.deadlineMs;
    if (pathMs !== undefined && pathMs < dueMs) dueMs = pathMs;
    if (this.#handshake !== undefined) dueMs = Math.min(dueMs, this.#incoming.deadlineMs);
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
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
    this.#guard(() => this.#handshake?.resume());
  }

  /** Takes a datagram that came from `path`. */
  handleDatagram(datagram: Uint8Array, path: Path): void {
    if (this.#state === "closed") {
      this.#records.countDrop("closed");
      return;
    }
    this.#paths.received(path, datagram.length);
    const { isValidated } = this.#paths.current;
    const pending = this.#records.receive(datagram, path, this.#incoming);
    if (pending !== undefined) this.#awaitRecords(pending);
    if (this.#records.canOpenEarly) this.#receiveEarly();
    if (!isValidated) this.#sendRest();
  }

  /** More may go to an address that is not validated, and anything to one that is. */
  #sendRest(): void {
    if (this.#state !== "closed") this.#guard(() => this.#reliability.sendDue());
  }

  /** Records that an asynchronous AEAD opens later may change the deadline then. */
  #awaitRecords(pending: Promise<void>): void {
    pending
      .then(() => {
        this.#receiveEarly();
        this.#sendRest();
        this.#host.wake();
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** What came before its keys can be opened now. */
  #receiveEarly(): void {
    while (this.#records.canOpenEarly) {
      const pending = this.#records.receiveEarly(this.#incoming);
      if (pending !== undefined) this.#awaitRecords(pending);
    }
  }

  /** Does what is due by now. */
  handleTimeout(): void {
    if (this.#state === "closed") return;
    const now = this.#host.now();
    if (now >= this.#incoming.lastReceivedAtMs + this.#idleTimeoutMs) {
      this.#close(new SealgramError("idle_timeout", "nothing was received for too long"));
      return;
    }
    this.#incoming.handleTimeout();
    if (this.state === "closed") return;
    this.#established?.handleTimeout();
    this.#paths.handleTimeout();
    if (this.#incoming.isRefused) return;
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
    return this.#send(bytesOf(content, "application data"), padding, this.#outgoing.mtuBytes);
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
    const isSent = this.#outgoing.sendData(sealer, content, padding, mtuBytes);
    if (isSent && sealer.needsKeyUpdate) this.updateKeys();
    return isSent;
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
   * @param requestPeer asks the peer to do the same, once: not again before the peer has changed its keys
   */
  updateKeys(requestPeer = false): void {
    this.#applicationSealer();
    this.#guard(() => this.#established!.updateKeys(requestPeer));
  }

  /**
   * Asks the peer for new connection IDs, to use on new paths (RFC 9147 §9).
   * @param count enough to move twice, unless given
   * @returns whether the request was sent; not while one is unanswered, or when the peer receives no IDs
   */
  requestConnectionIds(count: number = WANTED_SPARE): boolean {
    this.#applicationSealer();
    return this.#guard(() => this.#established!.requestConnectionIds(count)) ?? false;
  }

  /**
   * Gives the peer a new connection ID to use from now on, and none of those before (RFC 9147 §9). Records under them are
   * taken until that has happened once more.
   */
  changeConnectionId(): boolean {
    this.#applicationSealer();
    return this.#guard(() => this.#established!.changeConnectionId()) ?? false;
  }

  /**
   * Keying material for another protocol (RFC 9846 §7.5).
   * @param length in bytes
   */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Bytes {
    this.#applicationSealer();
    return this.#established!.exportKeyingMaterial(label, context, length);
  }

  /**
   * Settles once everything that was sent so far is handed to the host, the alert at the end too, which is not at once
   * with an asynchronous AEAD; `undefined` if it is. A carrier that is closed before loses it. Never rejected.
   */
  get transmitted(): Promise<void> | undefined {
    return this.#outgoing.transmitted;
  }

  /** Sends close_notify and forgets everything. */
  close(): void {
    if (this.#state === "closed") return;
    this.#outgoing.sendAlert("close_notify");
    this.#close(undefined);
  }

  /** Ends the connection with a fatal alert. */
  abort(alert: AlertName, code: string, message: string): void {
    this.#fail(new SealgramError(code, message, { alert }));
  }

  /** Whether an observer can link the addresses before and after {@link changePath} by no connection ID. */
  get hasFreshConnectionId(): boolean {
    return this.#connectionIds?.hasFresh ?? true;
  }

  /**
   * This side sends from another address from now on: under a connection ID that was not seen at the old one, if the peer
   * has given any that was not used (RFC 9147 §9). What the peer may not have received is sent again at once, and
   * something that it has to answer, which shows it the new address.
   */
  changePath(): void {
    this.#applicationSealer();
    this.#guard(() => {
      this.#paths.leave();
      this.#reliability.resend();
      // A peer need not answer a request for IDs, and none may follow before it has.
      if (!this.#established!.requestConnectionIds(WANTED_SPARE) && !this.isBusy)
        this.#established!.updateKeys(false);
    });
  }

  /** Largest datagram to send from now on, in bytes. */
  setMtu(mtuBytes: number): void {
    this.#outgoing.setMtu(mtuBytes);
  }

  /** Silence is nothing to end for from now on: whoever uses the connection sees to that. */
  ignoreSilence(): void {
    this.#idleTimeoutMs = Number.POSITIVE_INFINITY;
  }

  /** First retransmission time-out from now on. */
  setInitialTimeout(timeoutMs: number): void {
    this.#reliability.setInitialTimeout(timeoutMs);
  }

  // What comes in

  #incomingOwner(): IncomingOwner {
    return {
      role: this.#config.role,
      isClosed: () => this.#state === "closed",
      established: () => this.#established,
      handleMessages: () => this.#drain(),
      endedByPeer: (reason) => this.#endedByPeer(reason),
      fail: (error) => this.#fail(error),
    };
  }

  /** Hands messages to the handshake, or to what comes after it, for as long as there are any. */
  #drain(): void {
    while (this.#state !== "closed" && !this.isComputing) {
      const message = this.#reliability.nextMessage();
      if (message === undefined) return;
      if (this.#handshake !== undefined) this.#handshake.resume(message);
      else this.#established!.handleMessage(message);
    }
  }

  /** Something asynchronous is done; the connection may have ended in the meantime. */
  #proceed(next: () => void): void {
    if (this.#state === "closed") return;
    this.#guard(() => {
      next();
      this.#drain();
    });
    this.#receiveEarly();
    this.#host.wake();
  }

  #establish(result: HandshakeResult): void {
    this.#handshake = undefined;
    this.#state = "established";
    this.#reliability.establish();
    this.#records.establish();
    if (result.returnRoutabilityCheck) this.#paths.checkOthers();
    this.#established = new Established(
      this.#config,
      this.#host,
      this.#records,
      this.#reliability,
      this.#connectionIds,
      result,
      this.#paths,
    );
    if (this.#config.role === "server") {
      this.#records.retireWriteBefore(this.#records.writeEpoch);
      this.#reliability.acknowledgeNow();
      if (result.postHandshake.length > 0) this.#reliability.sendLater(() => result.postHandshake);
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

  // Paths

  #pathsHost(): PathsHost {
    return {
      now: () => this.#host.now(),
      random: (length) => this.#config.crypto.random(length),
      rttMs: () => this.rttMs,
      sendRoutability: (message, to) => this.#guard(() => this.#outgoing.sendRoutability(message, to)),
      sendConnectionId: (id) => this.#records.sendConnectionId(id),
      moved: () => {
        // For the next time: "as soon as the pool of spare CIDs is depleted" (RFC 9853 §11).
        this.#established?.requestConnectionIds(WANTED_SPARE);
        this.#host.moved(this.path);
      },
    };
  }

  // The end

  /** Runs what handles the peer's input; its faults end the connection. */
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #endedByPeer(reason: SealgramError | undefined): void {
    if (reason !== undefined) this.#close(reason);
    else if (this.#state === "established") this.close();
    else {
      this.#outgoing.sendAlert("close_notify");
      this.#close(new SealgramError("closed_by_peer", "the peer closed the connection during the handshake"));
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
    if (reason.alert !== undefined) this.#outgoing.sendAlert(reason.alert);
    this.#close(reason);
  }

  #close(reason: SealgramError | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#handshake?.stop();
    this.#handshake = undefined;
    this.#paths.close();
    this.#established?.close();
    this.#records.close();
    this.#host.closed(reason);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
