/** One client of a gateway: its connection, its UDP socket, and what may pass between them. */
import type { Deadlines, Scheduled } from "../endpoint/deadlines.ts";
import { HelloKind, helloKind, isProtected } from "../endpoint/first-bytes.ts";
import { GatewayCode } from "../transport/gateway-codes.ts";
import type { Carrier, CarrierHandler, RemoteAddress, UdpCarriers } from "../transport/types.ts";
import type { ClientConnection } from "./forwarder.ts";
import { connectFor } from "./loopback.ts";
import type { GatewayLimits } from "./options.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Why a datagram was not passed on. */
export type GatewayDrop =
  /** Too many, or too many bytes, in a second. */
  | "rate"
  | "too_long"
  /** Nothing that DTLS sends. */
  | "not_dtls"
  /** Too many before there was a socket. */
  | "early"
  /** Too many wait to be sent already. */
  | "queue_full";

/** What was passed on in one direction, and what was not. */
export interface Traffic {
  /** Datagrams that were passed on, bytes in them, and those that were dropped, by reason. */
  datagrams: number;
  bytes: number;
  drops: Partial<Record<GatewayDrop, number>>;
}

export interface ClientSettings {
  readonly limits: GatewayLimits;
  readonly idleTimeoutMs: number;
  readonly deadlines: Deadlines;
  readonly toServer: Traffic;
  readonly toClient: Traffic;
  /** @param code `undefined` if the client has gone by itself */
  ended(code: GatewayCode | undefined): void;
}

/** Datagrams that wait for the socket: a flight of the handshake. */
const MAX_EARLY = 8;

export class ForwardedClient implements Scheduled, CarrierHandler {
  queuedAt = -1;
  queuedForMs = 0;
  readonly #connection: ClientConnection;
  readonly #settings: ClientSettings;
  readonly #toServer: Direction;
  readonly #toClient: Direction;
  #activeAtMs: number;
  #carrier: Carrier | undefined;
  #remote: RemoteAddress | undefined;
  #early: Uint8Array[] = [];
  #hasAnswered = false;
  #isEnded = false;

  constructor(connection: ClientConnection, settings: ClientSettings) {
    const { limits, deadlines, toServer, toClient } = settings;
    this.#connection = connection;
    this.#settings = settings;
    this.#activeAtMs = deadlines.now();
    this.#toServer = new Direction(limits, toServer, this.#activeAtMs);
    this.#toClient = new Direction(limits, toClient, this.#activeAtMs);
    deadlines.update(this);
  }

  /**
   * Opens its socket; does not reject.
   * @param address the client's own
   */
  async open(udp: UdpCarriers, target: RemoteAddress, address: string): Promise<void> {
    let carrier: Carrier;
    try {
      const [host] = await udp.resolve(target.host);
      this.#remote = { host: host!, port: target.port };
      carrier = await connectFor(address, udp, this.#remote, this);
    } catch {
      return this.end(GatewayCode.server_unreachable);
    }
    if (this.#isEnded) return void carrier.close();
    this.#carrier = carrier;
    for (const datagram of this.#early.splice(0)) this.#forward(datagram);
  }

  // From the client

  /** The client has sent a datagram, which may change as soon as this returns. */
  receive(datagram: Uint8Array): void {
    if (this.#isEnded) return;
    if (datagram.length === 0) this.#answer(datagram);
    else if (!this.#mayPass(this.#toServer, datagram)) return;
    else if (!isProtected(datagram) && helloKind(datagram) === HelloKind.not_dtls)
      this.#toServer.drop("not_dtls");
    else if (this.#carrier !== undefined) this.#forward(datagram);
    else if (this.#early.length < MAX_EARLY) this.#early.push(datagram.slice());
    else this.#toServer.drop("early");
  }

  /** The client asks whether the connection is still there. What waits to be sent is an answer too. */
  #answer(empty: Uint8Array): void {
    if (this.#connection.queuedBytes > 0) return;
    if (this.#toServer.mayPass(empty, this.#settings.deadlines.now())) this.#connection.send(empty);
  }

  #forward(datagram: Uint8Array): void {
    if (this.#carrier!.send(datagram, this.#remote!)) this.#toServer.passed(datagram);
    else this.#toServer.drop("queue_full");
  }

  /** The client's connection is no more. */
  gone(): void {
    this.#end(undefined);
  }

  // From the server: CarrierHandler

  datagram(datagram: Uint8Array): void {
    if (this.#isEnded) return;
    this.#hasAnswered = true;
    if (!this.#mayPass(this.#toClient, datagram)) return;
    if (this.#connection.queuedBytes + datagram.length > this.#settings.limits.queuedBytes) {
      this.#toClient.drop("queue_full");
      return;
    }
    this.#connection.send(datagram);
    this.#toClient.passed(datagram);
  }

  drained(): void {}

  /** Of a server that is only away for a moment, sessions may live on. */
  refused(): void {
    if (!this.#hasAnswered) this.end(GatewayCode.server_refused);
  }

  failed(): void {
    this.end(GatewayCode.server_unreachable);
  }

  // Time

  get deadlineMs(): number | undefined {
    return this.#isEnded ? undefined : this.#activeAtMs + this.#settings.idleTimeoutMs;
  }

  handleTimeout(): void {
    this.end(GatewayCode.idle);
  }

  #mayPass(direction: Direction, datagram: Uint8Array): boolean {
    const now = this.#settings.deadlines.now();
    if (!direction.mayPass(datagram, now)) return false;
    this.#activeAtMs = now;
    return true;
  }

  /** Ends the client's connection, and tells it why. */
  end(code: GatewayCode): void {
    if (this.#isEnded) return;
    this.#end(code);
    this.#connection.end(code);
  }

  #end(code: GatewayCode | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#early = [];
    this.#settings.deadlines.remove(this);
    void this.#carrier?.close();
    this.#settings.ended(code);
  }
}

/** What one client may send or receive, and all clients have. */
class Direction {
  readonly #maxBytes: number;
  readonly #traffic: Traffic;
  readonly #datagrams: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(limits: GatewayLimits, traffic: Traffic, nowMs: number) {
    this.#maxBytes = limits.datagramBytes;
    this.#traffic = traffic;
    this.#datagrams = new TokenBucket(limits.datagramsPerSecond, nowMs);
    this.#bytes = new TokenBucket(limits.bytesPerSecond, nowMs);
  }

  mayPass({ length }: Uint8Array, nowMs: number): boolean {
    if (length > this.#maxBytes) {
      this.drop("too_long");
      return false;
    }
    if (!this.#datagrams.has(1, nowMs) || !this.#bytes.has(length, nowMs)) {
      this.drop("rate");
      return false;
    }
    this.#datagrams.take(1);
    this.#bytes.take(length);
    return true;
  }

  drop(reason: GatewayDrop): void {
    const { drops } = this.#traffic;
    drops[reason] = (drops[reason] ?? 0) + 1;
  }

  passed({ length }: Uint8Array): void {
    this.#traffic.datagrams++;
    this.#traffic.bytes += length;
  }
}
