/**
 * Path MTU discovery by probes (RFC 8899; RFC 9000 §14.3). Sizes are of whole datagrams, as payload of UDP. A carrier
 * that fragments what it sends would prove nothing: `maxBytes` is at most what leaves this host in one piece.
 */

export interface PathMtuOptions {
  /** MIN_PLPMTU: what is sent where not even {@link baseBytes} arrive. */
  readonly minBytes: number;
  /** BASE_PLPMTU: assumed before a probe was acknowledged, and after a black hole. */
  readonly baseBytes: number;
  /** MAX_PLPMTU: the same as {@link baseBytes} where nothing is to be searched for, and no probe is sent. */
  readonly maxBytes: number;
  /** PMTU_RAISE_TIMER: when a finished search begins again. */
  readonly raiseMs: number;
}

export const defaultPathMtu: PathMtuOptions = {
  minBytes: 548,
  baseBytes: 1200,
  maxBytes: 1452,
  raiseMs: 600_000,
};

/** §5.2 */
export type PathMtuState = "disabled" | "base" | "search" | "search-complete" | "error";

/** MAX_PROBES (§5.1.2) */
const MAX_PROBES = 3;
/** Where links end: tunnels, Ethernet with IPv6 and IPv4, jumbo frames. Between them the search halves. */
const COMMON_BYTES = [1232, 1392, 1452, 1472, 8952] as const;
/** A search ends when it could gain no more. */
const SEARCH_STEP_BYTES = 32;
/** Large packets in a row that are lost while smaller ones arrive. */
const BLACK_HOLE_LOSSES = 3;
/** Probe time-outs in a row, likewise; and how many more before the next step down. */
const BLACK_HOLE_TIMEOUTS = 3;
const MORE_TIMEOUTS = 2;

export class PathMtu {
  readonly #options: PathMtuOptions;
  #baseBytes: number;
  #maxBytes: number;
  #state: PathMtuState = "disabled";
  #currentBytes: number;
  /** The least size that is known not to arrive. */
  #tooLargeBytes: number;
  /** The size that is tried now, 0 if none. */
  #candidateBytes = 0;
  #isProbing = false;
  #lostProbes = 0;
  /** When a search begins again; infinite while there is one. */
  #deadlineMs: number = Number.POSITIVE_INFINITY;
  /** The newest large packet that arrived, and how many newer ones were lost. */
  #newestLargeArrived = -1;
  #largeLosses = 0;
  /** Probe time-outs in a row that the next step down takes. */
  #timeouts: number = BLACK_HOLE_TIMEOUTS;

  constructor(options: PathMtuOptions = defaultPathMtu) {
    this.#options = options;
    this.#baseBytes = options.baseBytes;
    this.#maxBytes = options.maxBytes;
    this.#currentBytes = options.baseBytes;
    this.#tooLargeBytes = options.maxBytes + 1;
    this.reset();
  }

  get state(): PathMtuState {
    return this.#state;
  }

  /** PLPMTU: the largest datagram that may be sent, probes aside. */
  get currentBytes(): number {
    return this.#currentBytes;
  }

  /** When {@link probeBytes} may change without anything arriving; infinite if it does not. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Room in the congestion window that the next probe needs; 0 if none is to be sent. */
  get waitingBytes(): number {
    return this.#isProbing ? 0 : this.#candidateBytes;
  }

  /** The size of the probe to be sent now: a datagram of PING and PADDING frames; 0 for none. */
  probeBytes(nowMs: number): number {
    if (nowMs >= this.#deadlineMs) this.#restart();
    return this.waitingBytes;
  }

  #restart(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#state === "error") this.#candidateBytes = this.#baseBytes;
    else {
      this.#tooLargeBytes = this.#maxBytes + 1;
      this.#search(0);
    }
  }

  onProbeSent(): void {
    this.#isProbing = true;
  }

  get #minBytes(): number {
    return Math.min(this.#options.minBytes, this.#baseBytes);
  }

  /** Whether a packet would be smaller after the next step down: from above base to base, from base to the minimum. */
  #isLarge(bytes: number): boolean {
    if (this.#currentBytes > this.#baseBytes) return bytes > this.#baseBytes;
    return bytes > this.#minBytes && bytes <= this.#currentBytes;
  }

  /** A packet was acknowledged. `position` orders packets as they were sent. */
  onAcknowledged(bytes: number, position: number, isProbe: boolean, nowMs: number): void {
    this.#timeouts = BLACK_HOLE_TIMEOUTS;
    if (this.#isLarge(bytes)) {
      this.#newestLargeArrived = Math.max(this.#newestLargeArrived, position);
      this.#largeLosses = 0;
    }
    // What became of a probe that was sent before the search began anew says nothing.
    if (!isProbe || bytes !== this.#candidateBytes) return;
    this.#isProbing = false;
    this.#lostProbes = 0;
    this.#currentBytes = Math.max(this.#currentBytes, bytes);
    this.#search(nowMs);
  }

  /** A packet was lost. A lost probe is not a sign of congestion. */
  onLost(bytes: number, position: number, isProbe: boolean, nowMs: number): void {
    if (isProbe && bytes === this.#candidateBytes) this.#onProbeLost(nowMs);
    else if (isProbe) return;
    else if (this.#isLarge(bytes) && position > this.#newestLargeArrived) this.#largeLosses++;
  }

  #onProbeLost(nowMs: number): void {
    this.#isProbing = false;
    if (++this.#lostProbes < MAX_PROBES) return;
    this.#lostProbes = 0;
    if (this.#state === "base" || this.#state === "error") {
      this.#state = "error";
      this.#currentBytes = this.#minBytes;
      this.#candidateBytes = 0;
      this.#deadlineMs = nowMs + this.#options.raiseMs;
      return;
    }
    this.#tooLargeBytes = this.#candidateBytes;
    this.#search(nowMs);
  }

  /**
   * An ACK frame was processed. Losses of large packets alone, newer than any that arrived, are a black hole (§4.3).
   * @returns whether the datagram size has fallen
   */
  endAck(): boolean {
    return this.#largeLosses >= BLACK_HOLE_LOSSES && this.#stepDown();
  }

  /**
   * Probe time-outs came in a row. If all that was sent is large, no smaller packet shows that the path is alive.
   * @returns whether the datagram size has fallen
   */
  onProbeTimeout(consecutive: number): boolean {
    if (consecutive < this.#timeouts) return false;
    this.#timeouts = consecutive + MORE_TIMEOUTS;
    return this.#stepDown();
  }

  /** To base, or from there to the minimum: whether base arrives is found out anew. */
  #stepDown(): boolean {
    this.#largeLosses = 0;
    if (this.#state === "disabled" || this.#currentBytes <= this.#minBytes) return false;
    this.#confirmBase(this.#currentBytes > this.#baseBytes ? this.#baseBytes : this.#minBytes);
    return true;
  }

  /** @param currentBytes what is used until base is known to arrive */
  #confirmBase(currentBytes: number): void {
    this.#state = "base";
    this.#currentBytes = currentBytes;
    this.#candidateBytes = this.#baseBytes;
    this.#tooLargeBytes = this.#maxBytes + 1;
    this.#isProbing = false;
    this.#lostProbes = 0;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** A path that nothing is known of. */
  reset(): void {
    this.#largeLosses = 0;
    this.#timeouts = BLACK_HOLE_TIMEOUTS;
    if (this.#maxBytes > this.#baseBytes) this.#confirmBase(this.#baseBytes);
  }

  /** The peer takes no more than this (max_udp_payload_size, RFC 9000 §18.2): the search begins anew, below. */
  limit(bytes: number): void {
    if (bytes >= this.#maxBytes) return;
    this.#maxBytes = bytes;
    this.#baseBytes = Math.min(this.#baseBytes, bytes);
    this.#currentBytes = Math.min(this.#currentBytes, bytes);
    this.#state = "disabled";
    this.#candidateBytes = 0;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.reset();
  }

  /** Chooses the next size to try: the largest at first, then upwards through the common ones. */
  #search(nowMs: number): void {
    this.#candidateBytes = this.#nextCandidate();
    this.#state = this.#candidateBytes === 0 ? "search-complete" : "search";
    if (this.#candidateBytes === 0 && this.#currentBytes < this.#maxBytes) {
      this.#deadlineMs = nowMs + this.#options.raiseMs;
    }
  }

  #nextCandidate(): number {
    const low = this.#currentBytes;
    const high = this.#tooLargeBytes;
    const maxBytes = this.#maxBytes;
    if (low >= maxBytes) return 0;
    if (high > maxBytes) return maxBytes;
    const common = COMMON_BYTES.find((bytes) => bytes > low && bytes < high);
    if (common !== undefined) return common;
    return high - low > SEARCH_STEP_BYTES ? (low + high) >>> 1 : 0;
  }
}
