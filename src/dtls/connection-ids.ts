/** Connection IDs after the handshake (RFC 9147 §9): which the peer sends, and which are sent to it. */
import type { Bytes } from "../core/bytes.ts";
import type { NewConnectionId } from "../tls/post-handshake.ts";
import { fault } from "../tls/wire.ts";

/** Spare IDs of the peer's that are kept; "MAY simply discard any extra CIDs". */
const MAX_SPARE = 8;
/** IDs of our own that the peer gets for one request. */
const MAX_ISSUED_AT_ONCE = 4;
/** IDs of our own that are alive; a peer that asks for more gets none. */
const MAX_ISSUED = 16;

export class ConnectionIds {
  /** IDs that this side receives, the first from the handshake. */
  readonly #issued: Bytes[];
  /** The ID that is sent; empty for none. */
  #current: Bytes;
  readonly #spare: Bytes[] = [];
  /** Whether a RequestConnectionId of ours is unanswered. */
  #isRequesting = false;

  /** @param own of zero length if the peer sends none, @param peer if none is sent */
  constructor(own: Bytes, peer: Bytes) {
    this.#issued = [own];
    this.#current = peer;
  }

  /** Of the IDs that this side receives, in bytes; all of them are of one length. */
  get issuedLength(): number {
    return this.#issued[0]!.length;
  }

  get receivesNone(): boolean {
    return this.issuedLength === 0;
  }

  get issued(): readonly Bytes[] {
    return this.#issued;
  }

  hasIssued(id: Bytes): boolean {
    return this.#issued.some((each) => each.every((byte, i) => byte === id[i]));
  }

  get isRequesting(): boolean {
    return this.#isRequesting;
  }

  get sendsNone(): boolean {
    return this.#current.length === 0;
  }

  get spares(): number {
    return this.#spare.length;
  }

  requested(): void {
    this.#isRequesting = true;
  }

  /** How many IDs to issue for a request of so many. */
  grant(count: number): number {
    if (this.receivesNone) throw unexpected("RequestConnectionId");
    return Math.max(0, Math.min(count, MAX_ISSUED_AT_ONCE, MAX_ISSUED - this.#issued.length));
  }

  issue(id: Bytes): void {
    this.#issued.push(id);
  }

  /**
   * Takes the peer's new IDs; answers the one to send from now on if that changes.
   * @throws SealgramError unexpected_message if the peer receives none, illegal_parameter for an ID that is too long
   */
  receive({ cids, usage }: NewConnectionId): Bytes | undefined {
    if (this.sendsNone) throw unexpected("NewConnectionId");
    this.#isRequesting = false;
    for (const id of cids) {
      if (id.length === 0 || id.length > 20) {
        throw fault("illegal_parameter", "invalid_cid", `a connection ID of ${id.length} bytes`);
      }
      if (usage === "spare" && this.#spare.length < MAX_SPARE) this.#spare.push(id.slice());
    }
    if (usage === "spare") return undefined;
    if (cids.length === 0) throw fault("illegal_parameter", "invalid_cid", "no connection ID to use at once");
    this.#spare.length = 0;
    for (const id of cids.slice(1, 1 + MAX_SPARE)) this.#spare.push(id.slice());
    this.#current = cids[0]!.slice();
    return this.#current;
  }

  /** An ID that was not seen on any other path, if there is one. */
  next(): Bytes | undefined {
    const id = this.#spare.shift();
    if (id !== undefined) this.#current = id;
    return id;
  }
}

function unexpected(message: string): Error {
  return fault("unexpected_message", "unexpected_message", `${message} without connection IDs to that end`);
}
