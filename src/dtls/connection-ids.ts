/** Connection IDs after the handshake (RFC 9147 §9): which the peer sends, and which are sent to it. */
import type { Bytes } from "../core/bytes.ts";
import type { ConnectionIdUsage, NewConnectionId } from "../tls/post-handshake.ts";
import { fault } from "../tls/wire.ts";
import type { PathState } from "./path.ts";

/** Spare IDs of the peer's that are kept; "MAY simply discard any extra CIDs". */
const MAX_SPARE = 8;
/** How many to ask for at a time: enough to move twice, the second time before the peer has answered. */
export const WANTED_SPARE = 2;
/** IDs of our own that the peer gets for one request. */
const MAX_ISSUED_AT_ONCE = 4;
/** IDs of our own that the peer may send. When they are not enough, it gets others in place of all of them. */
const MAX_ISSUED = 12;

/** How to answer a RequestConnectionId. */
export interface Grant {
  readonly count: number;
  readonly usage: ConnectionIdUsage;
}

export class ConnectionIds {
  /** IDs that the peer may send, oldest first. */
  #issued: Bytes[];
  /** Those that others have taken the place of: records under them may be under way until it happens again. */
  #former: Bytes[] = [];
  /** The ID that was last taken into use; empty for none. */
  #latest: Bytes;
  #spare: Bytes[] = [];
  /** Whether a RequestConnectionId of ours is unanswered. */
  #isRequesting = false;

  /** @param own of zero length if the peer sends none, @param peer if none is sent */
  constructor(own: Bytes, peer: Bytes) {
    this.#issued = [own];
    this.#latest = peer;
  }

  // What the peer sends

  get receivesNone(): boolean {
    return this.#issued[0]!.length === 0;
  }

  hasIssued(id: Bytes): boolean {
    const isIt = (each: Bytes) => each.every((byte, i) => byte === id[i]);
    return this.#issued.some(isIt) || this.#former.some(isIt);
  }

  /** @throws SealgramError unexpected_message if the peer sends none */
  grant(wanted: number): Grant {
    if (this.receivesNone) throw unexpected("RequestConnectionId");
    const count = Math.min(wanted, MAX_ISSUED_AT_ONCE);
    if (this.#issued.length + count <= MAX_ISSUED) return { count, usage: "spare" };
    return { count: 1 + MAX_ISSUED_AT_ONCE, usage: "immediate" };
  }

  issue(ids: readonly Bytes[]): void {
    this.#issued.push(...ids);
  }

  /**
   * The peer knows of this ID, and that it is to be used at once: "one of the new CIDs MUST be used immediately for all
   * future records". Answers those that nothing comes under any more.
   */
  renew(first: Bytes): readonly Bytes[] {
    const retired = this.#former;
    const at = this.#issued.indexOf(first);
    this.#former = this.#issued.slice(0, at);
    this.#issued = this.#issued.slice(at);
    return retired;
  }

  // What is sent to it

  get isRequesting(): boolean {
    return this.#isRequesting;
  }

  get sendsNone(): boolean {
    return this.#latest.length === 0;
  }

  /** Whether the next path gets one that no other has had; also where none is sent. */
  get hasFresh(): boolean {
    return this.sendsNone || this.#spare.length > 0;
  }

  requested(): void {
    this.#isRequesting = true;
  }

  /**
   * Takes the peer's new IDs; answers whether those before must not be used any more.
   * @throws SealgramError unexpected_message if the peer receives none, illegal_parameter for an ID that is too long
   */
  receive({ cids, usage }: NewConnectionId): boolean {
    if (this.sendsNone) throw unexpected("NewConnectionId");
    this.#isRequesting = false;
    for (const id of cids) {
      if (id.length === 0 || id.length > 20) {
        throw fault("illegal_parameter", "invalid_cid", `a connection ID of ${id.length} bytes`);
      }
    }
    const isImmediate = usage === "immediate";
    if (isImmediate && cids.length === 0) {
      throw fault("illegal_parameter", "invalid_cid", "no connection ID to use at once");
    }
    if (isImmediate) this.#spare = [];
    const most = isImmediate ? 1 + MAX_SPARE : MAX_SPARE;
    for (const id of cids.slice(0, most - this.#spare.length)) this.#spare.push(id.slice());
    return isImmediate;
  }

  /** The ID to send on a path: one that was seen on no other, if there is one ("in the order they were provided"). */
  of(path: PathState): Bytes {
    if (path.connectionId === undefined) {
      this.#latest = this.#spare.shift() ?? this.#latest;
      path.connectionId = this.#latest;
    }
    return path.connectionId;
  }
}

function unexpected(message: string): Error {
  return fault("unexpected_message", "unexpected_message", `${message} without connection IDs to that end`);
}
