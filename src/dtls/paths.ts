/** Which address the peer is at: the one in use, and the check of another that authentic records come from (RFC 9853). */
import type { Bytes } from "../core/bytes.ts";
import type { ConnectionIds } from "./connection-ids.ts";
import { decodeRoutability, type Path, PathState, PathValidation, type RoutabilityMessage } from "./path.ts";

/** What the paths need of their connection. */
export interface PathsHost {
  now(): number;
  random(length: number): Bytes;
  /** Round trip on the path in use, if it was measured. */
  rttMs(): number | undefined;
  /** Sends a message in a datagram of its own to this address. */
  sendRoutability(message: RoutabilityMessage, to: PathState): void;
  /** Sends this connection ID from now on. */
  sendConnectionId(id: Bytes): void;
  /** The peer is at the path now in use. */
  moved(): void;
}

export class Paths {
  readonly #host: PathsHost;
  /** By which what comes from a path that was left comes; nothing is known of where the peer is by it. */
  readonly #leftPath: Path | undefined;
  #left: PathState | undefined;
  #current: PathState;
  #connectionIds: ConnectionIds | undefined;
  #validation: PathValidation | undefined;
  /** Of the last check: where that has failed, the next one is under the same connection ID. */
  #checked: PathState | undefined;
  #checksOthers = false;
  /** Where the newest record came from, if that is to be checked and cannot be yet. */
  #elsewhere: { readonly path: Path; readonly bytes: number } | undefined;

  constructor(host: PathsHost, path: Path, isValidated: boolean, leftPath?: Path) {
    this.#host = host;
    this.#leftPath = leftPath;
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

  // Connection IDs: "SHOULD use a new CID whenever sending on a new path" (RFC 9147 §9)

  /** From now on each path has its own; the one in use has this one. */
  useConnectionIds(ids: ConnectionIds, current: Bytes): void {
    this.#connectionIds = ids;
    this.#current.connectionId = current;
    this.#select(this.#current);
  }

  /** The peer wants others in place of all that it has given before. */
  renewConnectionIds(): void {
    for (const state of [this.#current, this.#checked, this.#left]) {
      if (state !== undefined) state.connectionId = undefined;
    }
    this.#select(this.#current);
  }

  #select(state: PathState): void {
    if (this.#connectionIds !== undefined) this.#host.sendConnectionId(this.#connectionIds.of(state));
  }

  #send(message: RoutabilityMessage, to: PathState): void {
    this.#select(to);
    this.#host.sendRoutability(message, to);
    this.#select(this.#current);
  }

  /** This side sends from another address from now on. What is still under way to being sent belongs to the old path. */
  leave(): void {
    const { path, isValidated } = this.#current;
    this.#left = this.#current;
    if (this.#leftPath !== undefined) this.#left.leave(this.#leftPath);
    this.#current = new PathState(path, isValidated);
    if (this.#checked !== undefined) this.#checked.connectionId = undefined;
    this.#select(this.#current);
  }

  // Where the peer is

  /** From now on records from another address start a check of it; that of the last one so far does at once. */
  checkOthers(): void {
    this.#checksOthers = true;
    this.#checkElsewhere();
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
    if (path === this.#leftPath) return;
    if (path === this.#current.path) {
      // Whoever answers under the handshake's keys has received what was sent to this address.
      if (!this.#current.isValidated) this.#current.validate();
      if (newest) this.#elsewhere = undefined;
    } else if (newest && path !== this.#validation?.state.path) {
      this.#elsewhere = { path, bytes };
      this.#checkElsewhere();
    }
  }

  /** Starts a check of an address, unless one is under way; the old one stays in use until it has succeeded. */
  #checkElsewhere(): void {
    if (!this.#checksOthers || this.#validation !== undefined || this.#elsewhere === undefined) return;
    const { path, bytes } = this.#elsewhere;
    this.#elsewhere = undefined;
    const known = this.#checked?.path === path ? this.#checked.connectionId : undefined;
    const state = new PathState(path, false, known);
    state.received(bytes);
    const random = (length: number) => this.#host.random(length);
    this.#validation = new PathValidation(state, random, this.#host.now(), this.#host.rttMs());
    this.#checked = state;
    this.handleTimeout();
  }

  /** Sends the next challenge if it is due, or gives up. */
  handleTimeout(): void {
    const now = this.#host.now();
    const validation = this.#validation;
    if (validation === undefined || validation.deadlineMs > now) return;
    const message = validation.nextChallenge(now);
    if (message !== undefined) this.#send(message, validation.state);
    else {
      this.#validation = undefined;
      this.#checkElsewhere();
    }
  }

  /**
   * Takes the content of a return_routability_check record that came from this address.
   * @throws SealgramError decode_error
   */
  handleMessage(content: Bytes, from: Path): void {
    const message = decodeRoutability(content);
    if (message === undefined) return;
    if (message.type === "path_challenge") {
      const type = from === this.#leftPath ? "path_drop" : "path_response";
      this.#send({ type, cookie: message.cookie }, this.#answering(from));
      return;
    }
    const validation = this.#validation;
    if (!validation?.isAnsweredBy(message, from)) return;
    this.#validation = undefined;
    this.#elsewhere = undefined;
    this.#current = validation.state;
    this.#current.validate();
    this.#select(this.#current);
    this.#host.moved();
  }

  /** "to the address from which the corresponding path_challenge was received", however much has come from there */
  #answering(from: Path): PathState {
    const state = [this.#current, this.#left].find((each) => each?.path === from);
    const known = this.#checked?.path === from ? this.#checked : this.#current;
    return state ?? new PathState(from, true, this.#connectionIds?.of(known));
  }

  /** Checks nothing any more. */
  close(): void {
    this.#validation = undefined;
  }
}
