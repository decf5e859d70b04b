/**
 * When this side announces new keys (RFC 9846 §4.7.3, RFC 9147 §8): one KeyUpdate at a time, no second request before the
 * peer has sent a KeyUpdate, and for whatever the peer requests one that is sent after it.
 */
import type { Bytes } from "../core/bytes.ts";
import { encodeKeyUpdate } from "../tls/post-handshake.ts";
import { fault } from "../tls/wire.ts";
import type { Reliability } from "./reliability.ts";

/** The keys that this side sends with. */
export interface WriteKeys {
  /** Whether there is an epoch to go on with. */
  readonly canUpdateWrite: boolean;
  /** The peer has acknowledged the KeyUpdate. */
  updateWrite(): void;
}

export class KeyUpdates {
  readonly #keys: WriteKeys;
  readonly #reliability: Pick<Reliability, "sendLater">;
  /** A KeyUpdate is sent, or waits for its turn, and is not yet acknowledged. */
  #isUnderWay = false;
  #isWanted = false;
  /** The next KeyUpdate is to request one of the peer. */
  #isToRequest = false;
  /** A request of ours was sent, and no KeyUpdate of the peer has come since. */
  #hasRequested = false;
  /** The peer has changed its keys, and nothing has come under the new ones. */
  #arePeersUnused = false;
  /** The peer has requested a KeyUpdate, and none was sent since. */
  #isRequested = false;
  /** What is under way answers a request. Those that come meanwhile are answered by it as well. */
  #isAnswering = false;

  constructor(keys: WriteKeys, reliability: Pick<Reliability, "sendLater">) {
    this.#keys = keys;
    this.#reliability = reliability;
  }

  /** Whether there is an epoch left to send a request with, and it would be something new to the peer. */
  get mayRequest(): boolean {
    return this.#keys.canUpdateWrite && !this.#hasRequested && !this.#isToRequest && !this.#arePeersUnused;
  }

  /**
   * Changes the keys, unless that is under way; a request of the peer that has to wait is not forgotten.
   * @throws SealgramError too_many_key_updates if there is no epoch to go on with
   */
  update(requestPeer: boolean): void {
    if (!this.#isUnderWay) {
      if (!this.#keys.canUpdateWrite) {
        throw fault("internal_error", "too_many_key_updates", "the connection has no epoch left");
      }
      this.#isWanted = true;
    }
    // "Until receiving a subsequent KeyUpdate from the peer, the sender MUST NOT send another KeyUpdate with" a request.
    // Nor is there a need of one while the peer's keys are unused: not before they are has it our ACK of the last one, and
    // until then it takes another request for a repetition.
    if (requestPeer && !this.#hasRequested && !this.#arePeersUnused) this.#isToRequest = true;
    this.#send();
  }

  /** The peer has changed its keys, as a request of ours would have had it do. */
  received(isRequest: boolean): void {
    this.#hasRequested = false;
    this.#isToRequest = false;
    this.#arePeersUnused = true;
    if (isRequest && !this.#isAnswering) this.#isRequested = true;
    this.#send();
  }

  /** A record under the peer's newest keys has come. */
  peersAreUsed(): void {
    this.#arePeersUnused = false;
  }

  #send(): void {
    if (this.#isUnderWay || !(this.#isWanted || this.#isToRequest || this.#isRequested)) return;
    this.#isWanted = false;
    if (!this.#keys.canUpdateWrite) {
      // In the last epoch "MUST NOT send its own KeyUpdate" and "SHOULD instead ignore" the request (§8).
      this.#isToRequest = false;
      this.#isRequested = false;
      return;
    }
    this.#isUnderWay = true;
    this.#reliability.sendLater(
      () => [this.#message()],
      () => {
        this.#isUnderWay = false;
        this.#isAnswering = false;
        this.#keys.updateWrite();
        this.#send();
      },
    );
  }

  /** Made when it is sent: until then the peer may have changed its keys, or requested that we do. */
  #message(): Bytes {
    // An answer is "update_not_requested": a request of ours goes with the next one.
    const updateRequested = this.#isToRequest && !this.#isRequested;
    this.#isAnswering = this.#isRequested;
    this.#isRequested = false;
    if (updateRequested) {
      this.#isToRequest = false;
      this.#hasRequested = true;
    }
    return encodeKeyUpdate({ updateRequested });
  }
}
