/** Which address the peer is at: the one in use, and the check of another that authentic records come from (RFC 9853). */
import type { Bytes } from "../core/bytes.ts";
import { decodeRoutability, type Path, PathState, PathValidation, type RoutabilityMessage } from "./path.ts";

/** What the paths need of their connection. */
export interface PathsHost {
  now(): number;
  random(length: number): Bytes;
  /** Round trip on the path in use, if it was measured. */
  rttMs(): number | undefined;
  /** Sends a message in a datagram of its own to this address. */
  sendRoutability(message: RoutabilityMessage, to: PathState): void;
  /** The peer is at the path now in use. */
  moved(): void;
}

export class Paths {
  readonly #host: PathsHost;
  readonly #left: Path | undefined;
  #current: PathState;
  #validation: PathValidation | undefined;
  #checksOthers = false;
  /** Where the newest record came from, during the handshake, if not from the path in use. */
  #elsewhere: { readonly path: Path; readonly bytes: number } | undefined;

  /** @param left by which late datagrams come; nothing is known of where the peer is by them */
  constructor(host: PathsHost, path: Path, isValidated: boolean, left?: Path) {
    this.#host = host;
    this.#left = left;
    this.#current = new PathState(path, isValidated);
  }

  /** The path in use. */
  get current(): PathState {
    return this.#current;
  }

  /** Whether both sides check addresses, which the handshake negotiates. */
  get checksOthers(): boolean {
    return this.#checksOthers;
  }

  /** When {@link handleTimeout} is due. */
  get deadlineMs(): number | undefined {
    return this.#validation?.deadlineMs;
  }

  /** From now on records from another address start a check of it; that of the last one so far does at once. */
  checkOthers(): void {
    this.#checksOthers = true;
    if (this.#elsewhere !== undefined) this.#check(this.#elsewhere.path, this.#elsewhere.bytes);
  }

  /** Counts what came from an address towards what may be sent there. */
  received(path: Path, bytes: number): void {
    if (path === this.#current.path) this.#current.received(bytes);
    else if (path === this.#validation?.state.path) this.#validation.state.received(bytes);
  }

  /**
   * An authentic record of `bytes` bytes came from this address.
   * @param newest whether no later record of its epoch has come: only that says that the peer has moved
   */
  authenticated(path: Path, newest: boolean, bytes: number): void {
    if (path === this.#left) return;
    if (path === this.#current.path) {
      // Whoever answers under the handshake's keys has received what was sent to this address.
      if (!this.#current.isValidated) this.#current.validate();
      if (newest) this.#elsewhere = undefined;
    } else if (!newest || this.#validation !== undefined) return;
    else if (this.#checksOthers) this.#check(path, bytes);
    else this.#elsewhere = { path, bytes };
  }

  /** Starts a check of an address; the old one stays in use until it has succeeded. */
  #check(path: Path, receivedBytes: number): void {
    const random = (length: number) => this.#host.random(length);
    this.#validation = new PathValidation(path, random, this.#host.now(), this.#host.rttMs());
    this.#validation.state.received(receivedBytes);
    this.handleTimeout();
  }

  /** Sends the next challenge if it is due, or gives up. */
  handleTimeout(): void {
    const now = this.#host.now();
    const validation = this.#validation;
    if (validation === undefined || validation.deadlineMs > now) return;
    const message = validation.nextChallenge(now);
    if (message === undefined) this.#validation = undefined;
    else this.#host.sendRoutability(message, validation.state);
  }

  /**
   * Takes the content of a return_routability_check record that came from this address.
   * @throws SealgramError decode_error
   */
  handleMessage(content: Bytes, from: Path): void {
    const message = decodeRoutability(content);
    if (message === undefined) return;
    if (message.type === "path_challenge") {
      // "to the address from which the corresponding path_challenge was received"
      const state = from === this.#current.path ? this.#current : new PathState(from, true);
      const type = from === this.#left ? "path_drop" : "path_response";
      this.#host.sendRoutability({ type, cookie: message.cookie }, state);
      return;
    }
    const validation = this.#validation;
    if (!validation?.isAnsweredBy(message, from)) return;
    this.#validation = undefined;
    this.#current = validation.state;
    this.#current.validate();
    this.#host.moved();
  }

  /** Checks nothing any more. */
  close(): void {
    this.#validation = undefined;
  }
}
