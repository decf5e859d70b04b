/** One connection with the runner, from its first datagram to its end, and everything that is checked of it. */
import type { Bytes } from "../../src/core/bytes.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import type { PeerIdentity, SessionTicket } from "../../src/dtls/config.ts";
import { type Connected, Connection } from "../../src/dtls/connection.ts";
import { SealgramError } from "../../src/errors.ts";
import { sideOf } from "../sim/side.ts";
import type { VirtualClock } from "./clock.ts";
import { configure } from "./configure.ts";
import { type NumberedCredential, readCredentials } from "./credentials.ts";
import type { ConnectionFlags } from "./flags.ts";
import { ObservedCore } from "./observed-core.ts";
import type { Instruction, PacketedTransport } from "./transport.ts";

/** What a connection leaves to the one that resumes it. */
export interface Session {
  readonly ticket: SessionTicket | undefined;
  /** The verdict on the peer's certificate; `undefined` if there was none. */
  readonly isVerified: boolean | undefined;
}

/** A check of the runner's that does not hold. */
export class CheckFailed extends Error {}

const RUNNER = "runner";
const MAX_DATAGRAM_BYTES = 65_535;
/** BoringSSL's timers tell no smaller differences. */
const GRANULARITY_US = 15_000;

export class Exchange {
  readonly #flags: ConnectionFlags;
  readonly #clock: VirtualClock;
  readonly #transport: PacketedTransport;
  readonly #core: ObservedCore;
  readonly #connection: Connection;
  readonly #credentials: readonly NumberedCredential[];
  readonly #before: Session | undefined;
  /** Application data that was received and not yet answered. */
  readonly #received: Bytes[] = [];
  #woken: (() => void) | undefined;
  #connected: Connected | undefined;
  #mtuBytes: number;
  #isGreeted = false;
  #usedCredential: number | undefined;
  #isDelayed = false;
  #isVerified: boolean | undefined;
  #ticket: SessionTicket | undefined;
  #isClosed = false;
  #error: SealgramError | undefined;

  constructor(
    flags: ConnectionFlags,
    clock: VirtualClock,
    transport: PacketedTransport,
    module: WebAssembly.Module,
    before: Session | undefined,
  ) {
    this.#flags = flags;
    this.#clock = clock;
    this.#transport = transport;
    this.#before = before;
    this.#isVerified = before?.isVerified;
    this.#core = new ObservedCore(new WebAssembly.Instance(module), { aes: nodeAes });
    this.#credentials = readCredentials(flags, (number) => this.#use(number));
    const config = configure({
      core: this.#core,
      clock,
      flags,
      credentials: this.#credentials,
      ticket: before?.ticket,
      verified: (isGood) => {
        this.#isVerified = isGood;
      },
    });
    this.#mtuBytes = config.mtuBytes;
    this.#connection = new Connection(
      sideOf(config),
      {
        now: () => clock.nowMs,
        transmit: (datagram) => transport.send(datagram),
        data: (buffer, start, length) => this.#received.push(buffer.slice(start, start + length)),
        connected: (details) => {
          this.#connected = details;
        },
        ticket: (ticket) => {
          this.#ticket = ticket;
        },
        closed: (reason) => {
          this.#isClosed = true;
          this.#error = reason;
        },
        moved: () => {},
        newConnectionId: () => new Uint8Array(0),
        wake: () => this.#woken?.(),
      },
      { path: RUNNER, pathValidated: true },
    );
  }

  /**
   * Runs the connection to its end.
   * @throws SealgramError if the connection fails, CheckFailed if it is not as the runner expects
   */
  async run(): Promise<Session> {
    if (this.#flags.has("-implicit-handshake") && this.#flags.has("-send-alert")) this.#sendAlert();
    else this.#connection.start();
    for (;;) {
      await this.#settle();
      if (this.#isClosed) break;
      const instruction = await this.#transport.next();
      if (instruction === undefined) break;
      this.#obey(instruction);
    }
    if (this.#error !== undefined && !this.#flags.has("-send-alert")) throw this.#error;
    if (this.#connected === undefined && !this.#flags.has("-send-alert")) {
      throw new SealgramError("closed_by_runner", "the runner closed the connection during the handshake");
    }
    this.#checkTickets();
    this.#checkLog();
    return { ticket: this.#ticket, isVerified: this.#isVerified };
  }

  /** Waits for asynchronous cryptography, then does what the application would do now. */
  async #settle(): Promise<void> {
    do {
      while (this.#connection.isComputing) {
        await new Promise<void>((resolve) => {
          this.#woken = resolve;
        });
      }
      if (this.#connected !== undefined && !this.#isGreeted && !this.#isClosed) {
        this.#isGreeted = true;
        this.#greet(this.#connected);
      }
      this.#answer();
    } while (this.#connection.isComputing);
  }

  #obey(instruction: Instruction): void {
    switch (instruction.kind) {
      case "datagram":
        this.#core.noteDatagram(instruction.datagram);
        this.#connection.handleDatagram(instruction.datagram, RUNNER);
        return;
      case "time":
        this.#transport.acknowledgeTime();
        this.#clock.advance(instruction.ms);
        this.#connection.handleTimeout();
        return;
      case "mtu":
        this.#mtuBytes = instruction.bytes;
        this.#connection.setMtu(instruction.bytes);
        return;
      case "initial-timeout":
        this.#connection.setInitialTimeout(instruction.ms);
        return;
      case "expect-timeout": {
        const actual = this.#nextTimeoutMicroseconds();
        if (actual !== instruction.microseconds) {
          throw new CheckFailed(`a time-out after ${actual} rather than ${instruction.microseconds} us`);
        }
      }
    }
  }

  #nextTimeoutMicroseconds(): number | undefined {
    const { flightDeadlineMs } = this.#connection;
    if (flightDeadlineMs === undefined) return undefined;
    const left = this.#clock.microsecondsUntil(flightDeadlineMs);
    return left < GRANULARITY_US ? 0 : left;
  }

  /** What comes first on a new connection. */
  #greet(details: Connected): void {
    this.#checkConnected(details);
    const flags = this.#flags;
    const exported = flags.number("-export-keying-material");
    if (exported !== undefined) {
      const label = flags.value("-export-label") ?? "";
      const context = new TextEncoder().encode(flags.value("-export-context"));
      this.#send(this.#connection.exportKeyingMaterial(label, context, exported));
    }
    if (flags.has("-send-alert")) {
      this.#sendAlert();
      return;
    }
    if (flags.has("-shim-writes-first")) this.#send(new TextEncoder().encode("hello"));
    this.#updateKeys();
  }

  /** Sends what came back, all bits inverted. */
  #answer(): void {
    for (const data of this.#received.splice(0)) {
      if (this.#isClosed || data.length === 0) continue;
      this.#send(data.map((byte) => byte ^ 0xff));
      this.#updateKeys();
    }
  }

  /** One record, whatever its size: the MTU that the runner sets is for the handshake. */
  #send(data: Bytes): void {
    this.#connection.setMtu(MAX_DATAGRAM_BYTES);
    this.#connection.send(data);
    this.#connection.setMtu(this.#mtuBytes);
  }

  #updateKeys(): void {
    if (this.#flags.has("-key-update-before-read")) this.#connection.updateKeys();
  }

  #sendAlert(): void {
    this.#connection.abort("decompression_failure", "sent_alert", "the runner wants an alert");
  }

  /** A private key is used; the first time that may take a while. */
  #use(number: number): Promise<void> | undefined {
    this.#usedCredential = number;
    const delayMs = this.#flags.number("-private-key-delay-ms");
    if (delayMs === undefined || this.#isDelayed) return undefined;
    this.#isDelayed = true;
    return Promise.resolve().then(() => {
      this.#clock.advance(delayMs);
      this.#connection.handleTimeout();
    });
  }

  // Checks

  #checkConnected(details: Connected): void {
    const flags = this.#flags;
    const isServer = flags.has("-server");
    const isResumption = this.#before !== undefined;
    check("resumption", details.resumed, isResumption && !flags.has("-expect-session-miss"));
    if (flags.has("-expect-hrr")) check("HelloRetryRequest", details.usedHelloRetryRequest, true);
    if (flags.has("-expect-no-hrr")) check("HelloRetryRequest", details.usedHelloRetryRequest, false);
    const credential = flags.number("-expect-selected-credential");
    if (credential !== undefined) check("credential", this.#selectedCredential(details), credential);
    if (isServer) {
      const name = flags.value("-expect-server-name");
      if (name !== undefined) check("server name", details.serverName, name);
    }
    const protocol = flags.value(isServer ? "-select-alpn" : "-expect-alpn");
    check("application protocol", details.applicationProtocol, protocol);
    this.#checkPeer(details.peer);
  }

  #checkPeer(peer: PeerIdentity | undefined): void {
    const flags = this.#flags;
    const isKeyed = peer?.kind === "psk" || peer?.kind === "password";
    const expectsNone = flags.has("-expect-no-peer-cert") || isKeyed;
    const expectsCertificate = !flags.has("-server") || flags.has("-require-any-client-certificate");
    if (expectsNone) check("certificate", peer?.kind === "certificate", false);
    else if (expectsCertificate) check("certificate", peer?.kind === "certificate", true);
    if (flags.has("-expect-verify-result")) {
      check("verdict", this.#isVerified ?? true, !flags.has("-verify-fail"));
    }
  }

  #selectedCredential({ peer, resumed }: Connected): number {
    if (peer?.kind !== "psk" || resumed) return this.#usedCredential ?? -1;
    const isIt = (identity: Uint8Array) => Buffer.compare(identity, peer.identity) === 0;
    return this.#credentials.find(({ psk }) => psk !== undefined && isIt(psk.identity))!.number;
  }

  #checkTickets(): void {
    if (this.#flags.has("-server") || this.#flags.has("-send-alert")) return;
    // A PAKE without groups leaves none.
    if (this.#connected?.peer?.kind === "password") return;
    check("a ticket", this.#ticket !== undefined, !this.#flags.has("-expect-no-session"));
  }

  #checkLog(): void {
    const expected = this.#flags.value("-expect-msg-callback");
    if (expected === undefined) return;
    // BoringSSL leaves answering a close_notify to the application; here it goes without saying (RFC 9846 §6.1).
    check("messages", this.#core.log.replace(/(read alert 1 0\n)write alert 1 0\n$/, "$1"), expected);
  }
}

function check<T>(what: string, actual: T, expected: T): void {
  if (actual !== expected)
    throw new CheckFailed(`${what}: ${String(actual)} rather than ${String(expected)}`);
}
