/**
 * How much time a server has for clients that are not authenticated. Sessions come first, and what they are sent waits in
 * the socket meanwhile: as long as turns of the event loop empty the socket there is time. When several in a row have not,
 * there is next to none until one does, and what such clients want waits; from then on there is half the time
 * that there was, which grows again. The socket's buffer holds hundreds of datagrams: until then, none is lost.
 */

/** What the budget is told of the socket. */
export interface Turns {
  now(): number;
  /** As {@link UdpCarrier.fullTurn}. */
  fullTurn(): number;
  /** Datagrams received so far. */
  received(): number;
  /** As {@link UdpCarrier.afterTurn}. */
  afterTurn(callback: () => void): void;
}

/** So many full turns in a row are more than a burst. */
const BURST_TURNS = 3;
/** For either kind of work in one turn: sessions wait for no longer than that. */
const MOST_MS = 2;
const LEAST_MS = 0.02;
/** By which the time grows again with each turn that empties the socket. */
const GROWTH = 1.1;

export class AdmissionBudget {
  readonly #turns: Turns;
  readonly #onturn: () => void;
  #perTurnMs = MOST_MS;
  /** For answering ClientHellos, whose source addresses may be forged. */
  #helloMs = MOST_MS;
  /** For beginning handshakes with clients that receive at their addresses. */
  #handshakeMs = MOST_MS;
  /** Turns, in a row, that may have left datagrams in the socket. */
  #fullTurns = 0;
  #isWatching = false;
  #receivedBefore = 0;

  /** @param onturn called after a turn in which there was such work */
  constructor(turns: Turns, onturn: () => void) {
    this.#turns = turns;
    this.#onturn = onturn;
  }

  /** Whether another hello may be judged in this turn: always, while the socket is emptied. */
  get hasTimeForHello(): boolean {
    return this.#helloMs > 0 || !this.#isBehind;
  }

  /** Whether one that has waited may be. */
  get hasTimeForWaiting(): boolean {
    return this.#helloMs > 0;
  }

  /** Judges a hello and answers what comes of it. */
  hello<T>(judge: () => T): T {
    this.watch();
    const startedMs = this.#turns.now();
    const verdict = judge();
    this.#helloMs -= this.#turns.now() - startedMs;
    return verdict;
  }

  /** Whether a handshake may begin in this turn. */
  get hasTimeForHandshake(): boolean {
    return this.#handshakeMs > 0;
  }

  handshake(begin: () => void): void {
    this.watch();
    const startedMs = this.#turns.now();
    begin();
    this.#handshakeMs -= this.#turns.now() - startedMs;
  }

  /** There is work in this turn, or waits for the next. */
  watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#receivedBefore = this.#turns.received();
    this.#turns.afterTurn(() => this.#endTurn());
  }

  get #isBehind(): boolean {
    return this.#fullTurns >= BURST_TURNS || this.#receivedInTurn >= BURST_TURNS * this.#turns.fullTurn();
  }

  get #receivedInTurn(): number {
    // The datagram that began the watch was counted before.
    return this.#turns.received() - this.#receivedBefore + 1;
  }

  #endTurn(): void {
    this.#isWatching = false;
    this.#fullTurns = this.#receivedInTurn >= this.#turns.fullTurn() ? this.#fullTurns + 1 : 0;
    if (this.#fullTurns === BURST_TURNS) this.#perTurnMs = Math.max(this.#perTurnMs / 2, LEAST_MS);
    else if (this.#fullTurns === 0) this.#perTurnMs = Math.min(this.#perTurnMs * GROWTH, MOST_MS);
    this.#helloMs = this.#refilled(this.#helloMs);
    this.#handshakeMs = this.#refilled(this.#handshakeMs);
    this.#onturn();
  }

  /** What took longer than there was time for is paid for until the socket is empty. */
  #refilled(leftMs: number): number {
    return this.#fullTurns < BURST_TURNS ? this.#perTurnMs : Math.min(leftMs, 0) + LEAST_MS;
  }
}
