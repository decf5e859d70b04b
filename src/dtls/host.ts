/** What a connection is given and what it tells. */
import type { Bytes } from "../core/bytes.ts";
import type { SealgramError } from "../errors.ts";
import type { PeerIdentity, SessionTicket } from "./config.ts";
import type { Path } from "./path.ts";

/** What the handshake has settled, for the application. */
export interface Connected {
  /** Its name, as TLS_CHACHA20_POLY1305_SHA256. */
  readonly cipherSuite: string;
  /** NamedGroup of the key exchange; none if a PAKE was all of it. */
  readonly group: number | undefined;
  /** Who the peer has proved to be; `undefined` for a client that was not asked. */
  readonly peer: PeerIdentity | undefined;
  /** Whether it was by a ticket. */
  readonly resumed: boolean;
  /** What ALPN has settled on. */
  readonly applicationProtocol: string | undefined;
  /** What the client has asked for by server_name. */
  readonly serverName: string | undefined;
  /** Whether there was a HelloRetryRequest, by a cookie or for a group. */
  readonly usedHelloRetryRequest: boolean;
  /** From the first flight to the end of the handshake. */
  readonly handshakeMs: number;
}

/** Where a connection's outputs go. None of these may call back into the connection. */
export interface ConnectionHost {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number;
  /** A datagram to send, valid during the call only: whoever does not send it at once has to copy it. */
  transmit(datagram: Bytes, path: Path): void;
  /**
   * Application data: `buffer[start]` to `buffer[start + length - 1]`, valid during the call only, and the number of the
   * record that it came in (RFC 9147 §4).
   */
  data(buffer: Bytes, start: number, length: number, epoch: number, sequenceNumber: number): void;
  /** The handshake is done: called once, before any data. */
  connected(details: Connected): void;
  /** A ticket to resume with. */
  ticket(ticket: SessionTicket): void;
  /**
   * The end: of its own accord, the peer's, or for the reason given. Called once. With an asynchronous AEAD the last
   * datagrams are still transmitted behind it: see {@link Connection.transmitted}.
   */
  closed(reason: SealgramError | undefined): void;
  /** The peer has moved: datagrams go to this path from now on. */
  moved(path: Path): void;
  /** Records are accepted under this connection ID too, from now on. */
  newConnectionId(): Bytes;
  /** Nothing comes under this connection ID any more, which was given before: its place can be freed. */
  connectionIdRetired?(connectionId: Bytes): void;
  /** `deadlineMs` of the connection may have changed by itself: something asynchronous is done. */
  wake(): void;
}

/** Where the peer is. */
export interface ConnectionOptions {
  /** Where the peer is. */
  readonly path: Path;
  /** Whether the peer is known to receive there, by a cookie or by the carrier's own handshake. */
  readonly pathValidated: boolean;
  /** The connection ID that the peer shall send; empty to offer sending one without receiving any. */
  readonly connectionId?: Bytes | undefined;
  /**
   * Where what comes late comes from, once this side has moved by itself and for as long as it listens at its old
   * address. Peers that ask there are told that it has moved (RFC 9853 §5.2).
   */
  readonly leftPath?: Path | undefined;
}
