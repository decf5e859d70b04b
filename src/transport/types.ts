/** What sessions ask of whatever carries their datagrams: one small interface, and one small file for each carrier. */

/** Where a datagram came from, or goes to. */
export interface RemoteAddress {
  /** An IP address as text, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A gateway, which stands for the server that the URL's path names. */
export interface GatewayAddress extends RemoteAddress {
  readonly url: string;
}

/** The hash of a certificate, as WebTransport's serverCertificateHashes takes it. */
export interface CertificateHash {
  /** The algorithm, and the 32 bytes of the digest over the DER certificate. */
  readonly algorithm: "sha-256";
  readonly value: Uint8Array<ArrayBuffer>;
}

/** What a carrier reports. Nothing is called before the promise of the carrier is settled, or after `close`. */
export interface CarrierHandler {
  /** A datagram, valid during the call only. */
  datagram(datagram: Uint8Array, host: string, port: number): void;
  /** There is room again, after a `send` that answered false. */
  drained(): void;
  /** The network says that nobody listens at the one address that this carrier sends to. */
  refused(): void;
  /** The carrier is broken, and closed. A SealgramError says why. */
  failed(error: Error): void;
}

/** Counters since the carrier was opened. */
export interface CarrierStatistics {
  /** Datagrams handed to the network. */
  sent: number;
  received: number;
  /** Datagrams not sent because the queue was full. */
  refusedByQueue: number;
  /** Errors that the network reported, of which none is fatal: unreachable addresses, datagrams too long, ... */
  errors: number;
}

/** What carries datagrams: a socket, or a connection to a gateway. */
export interface Carrier {
  readonly statistics: Readonly<CarrierStatistics>;
  /** The longest datagram that it takes, in bytes, where that may be shorter than what UDP takes. */
  readonly maxDatagramBytes?: number | undefined;
  /**
   * Sends a datagram, which may change as soon as this returns.
   * @param to ignored by a carrier that knows one address only
   * @returns false if it was dropped because the queue is full; `drained` follows
   */
  send(datagram: Uint8Array, to: RemoteAddress): boolean;
  /** Ends it, once what was taken is sent. Idempotent. */
  close(): Promise<void>;
}

/** libuv reads so many datagrams in a turn, though more may be waiting; Bun and Deno read more. */
export const FULL_TURN = 32;

/** A UDP socket, or what stands for one. */
export interface UdpCarrier extends Carrier {
  /** The local address. */
  readonly host: string;
  readonly port: number;
  /** So many datagrams handed over in one turn of the event loop, and more may be waiting. */
  readonly fullTurn: number;
  /** Calls back once the runtime has handed over what it reads of the socket in this turn of its event loop. */
  afterTurn(callback: () => void): void;
}

/** How a runtime opens UDP sockets. */
export interface UdpCarriers {
  /** IP addresses of a host name, most preferred first; an IP address is its own. */
  resolve(host: string): Promise<readonly string[]>;
  /** A socket that many peers send to. Port 0 lets the system choose. Rejects with the system's error. */
  bind(local: RemoteAddress, handler: CarrierHandler): Promise<UdpCarrier>;
  /**
   * A socket for one peer, on a port that the system chooses.
   * @param localHost an address of this machine to send from; the system's choice unless given
   */
  connect(remote: RemoteAddress, handler: CarrierHandler, localHost?: string): Promise<UdpCarrier>;
}

export function newStatistics(): CarrierStatistics {
  return { sent: 0, received: 0, refusedByQueue: 0, errors: 0 };
}

/** Errors by which a connected socket says that nobody listens at its peer's address. */
export function isRefusal(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "ECONNREFUSED";
}
