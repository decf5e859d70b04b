import type { TimerOptions } from "./retransmission-timer.ts";

/** Timers and limits of the handshake (RFC 9147 §5.8.2). */
export interface ReliabilityOptions extends TimerOptions {
  /** How often a flight is sent again before the connection is given up. */
  readonly maxRetransmissions: number;
  /**
   * Sends what is missing as soon as an ACK, or a repetition of the peer's flight, shows that it is: not what may still be
   * on its way.
   */
  readonly eagerRetransmission: boolean;
  /**
   * Sends the ACK of an incomplete flight again while nothing new comes: a server that may not send more to an address
   * it has not validated waits for something to arrive.
   */
  readonly repeatsAcks: boolean;
  /**
   * Repeats a HelloRetryRequest by the timer as well. "Not applying retransmissions to the HelloRetryRequest avoids the
   * need to create state on the server" (§3.1): a repeated ClientHello is answered by repeating it.
   */
  readonly retransmitsHelloRetryRequest: boolean;
  /**
   * Acknowledges repetitions of a flight that has been answered, which the answer acknowledges: "ACKs SHOULD NOT be sent
   * for these flights" (§7.1).
   */
  readonly acknowledgesAnsweredFlights: boolean;
  /**
   * Acknowledges a hello, with which the version is known, if the rest of its flight does not follow soon (§7.1); without
   * this, only together with a record that comes later.
   */
  readonly acknowledgesHellos: boolean;
  /**
   * Takes what comes in plaintext behind the hellos for the peer's, until there is an authentic record: its faults end
   * the connection, and an ACK in it is final. Without this, anybody's datagram can do neither (§4.5.2).
   */
  readonly believesPlaintext: boolean;
  /** "SHOULD NOT send more than 10 records in a single transmission" (§5.8.3); no more are under way at a time. */
  readonly recordsPerTransmission: number;
  /**
   * How often a flight is sent in datagrams of full size, of which none arrives, before smaller ones are tried, for the
   * path's MTU may be smaller than assumed (§4.4: "2-3 seems appropriate"). Infinite where the MTU is known; otherwise a
   * hello in small datagrams is answered in datagrams that are no larger.
   */
  readonly transmissionsAtFullSize: number;
  /** A deadline this close counts as passed: for hosts whose timers are coarse. */
  readonly timerGranularityMs: number;
  /**
   * The longest handshake message that is accepted. What a peer that has proved nothing can make this side hold of its
   * messages is this and {@link maxAheadBytes} together.
   */
  readonly maxMessageBytes: number;
  /** The longest ClientHello or ServerHello: anybody may have sent it. */
  readonly maxHelloBytes: number;
  /** Messages that come before their turn, all together: those beyond are dropped, and come again. */
  readonly maxAheadBytes: number;
}

/** The timers of RFC 9147 §5.8.2 and the bounds of what waits, where nothing else is asked for. */
export const defaultReliability: ReliabilityOptions = {
  initialTimeoutMs: 400,
  maxTimeoutMs: 60_000,
  maxRetransmissions: 12,
  adaptTimeout: true,
  eagerRetransmission: true,
  repeatsAcks: true,
  retransmitsHelloRetryRequest: false,
  acknowledgesAnsweredFlights: false,
  acknowledgesHellos: true,
  believesPlaintext: false,
  recordsPerTransmission: 10,
  transmissionsAtFullSize: 2,
  timerGranularityMs: 0,
  maxMessageBytes: 65_536,
  maxHelloBytes: 16_384,
  maxAheadBytes: 16_384,
};
