/** DTLS associations over UDP sockets of Node: a client on a socket of its own, a server's many on one. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";
import type { Bytes } from "../../../../src/core/bytes.ts";
import { ContentType } from "../../../../src/core/index.ts";
import { toHex } from "../../../../src/crypto/bytes.ts";
import type { Acceptor, Verdict } from "../../../../src/dtls/acceptor.ts";
import { asClient } from "../../../../src/dtls/client.ts";
import type { ClientConfig, ServerConfig, SessionTicket } from "../../../../src/dtls/config.ts";
import { type Connected, Connection, type ConnectionOptions } from "../../../../src/dtls/connection.ts";
import type { Side } from "../../../../src/dtls/handshake.ts";
import type { Path } from "../../../../src/dtls/path.ts";
import { asServer, type StatelessRetry } from "../../../../src/dtls/server.ts";
import type { AlertName, SealgramError } from "../../../../src/errors.ts";

/** The time of day, in milliseconds: a session that is kept outlives this program. */
const now = (): number => performance.timeOrigin + performance.now();

/** What becomes of an association; it may be answered by commands at once. */
export interface Listener {
  connected(details: Connected): void;
  data(data: Bytes): void;
  ticket(ticket: SessionTicket): void;
  /** The end, once: `undefined` if it was orderly. */
  closed(reason: SealgramError | undefined): void;
}

/** Gives a command to the connection, and sees to what follows from it. */
export type Run = (command: (connection: Connection) => void) => void;

/** What the owner of the socket does for its associations. */
interface Carrier {
  transmit(datagram: Bytes, path: Path): void;
  newConnectionId(): Bytes;
  moved(path: Path): void;
  closed(): void;
}

/** A {@link Connection} with a clock: tells its listener what happened after every input, and keeps its deadline. */
class Association {
  readonly #connection: Connection;
  readonly #listener: Listener;
  /** What happened and is not told yet: a connection must not be called while it reports. */
  #events: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs: number | undefined;

  constructor(side: Side, options: ConnectionOptions, carrier: Carrier, listen: (run: Run) => Listener) {
    this.#connection = new Connection(
      side,
      {
        ...carrier,
        now,
        data: (buffer, start, length) => {
          const data = buffer.slice(start, start + length);
          this.#events.push(() => this.#listener.data(data));
        },
        connected: (details) => this.#events.push(() => this.#listener.connected(details)),
        ticket: (ticket) => this.#events.push(() => this.#listener.ticket(ticket)),
        closed: (reason) => {
          carrier.closed();
          this.#events.push(() => this.#listener.closed(reason));
        },
        wake: () => queueMicrotask(() => this.run(() => {})),
      },
      options,
    );
    this.#listener = listen((command) => this.run(command));
  }

  /** Gives the connection an input, then tells what came of it. */
  run(input: (connection: Connection) => void): void {
    input(this.#connection);
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) event();
    this.#schedule();
  }

  #schedule(): void {
    const { deadlineMs } = this.#connection;
    if (deadlineMs === this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = deadlineMs;
    if (deadlineMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(deadlineMs - now()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = undefined;
      this.run((connection) => connection.handleTimeout());
    }, delayMs);
  }
}

export class UdpClient {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Starts a handshake from a new socket.
   * @param connectionIdLength of the connection ID to receive; `undefined` to offer none
   */
  static async connect(
    config: ClientConfig,
    server: AddressInfo,
    connectionIdLength: number | undefined,
    listen: (run: Run) => Listener,
  ): Promise<UdpClient> {
    const socket = await bind(server.family, undefined);
    const { random } = config.crypto;
    const path = pathOf(server);
    const association = new Association(
      asClient(config),
      {
        path,
        pathValidated: true,
        ...(connectionIdLength === undefined ? {} : { connectionId: random(connectionIdLength) }),
      },
      {
        transmit: (datagram) => send(socket, datagram, path),
        newConnectionId: () => random(connectionIdLength!),
        moved: () => {},
        closed: () => {},
      },
      listen,
    );
    socket.on("message", (datagram, from) =>
      association.run((connection) => connection.handleDatagram(bytesOf(datagram), pathOf(from))),
    );
    association.run((connection) => connection.start());
    return new UdpClient(socket);
  }

  close(): void {
    this.#socket.close();
  }
}

export interface UdpServerOptions {
  /** Proves addresses by cookie; without it every ClientHello starts a connection, to an address not validated. */
  readonly acceptor: Acceptor | undefined;
  /** Of the connection IDs that clients send here; `undefined` to accept none. */
  readonly connectionIdLength: number | undefined;
  listen(run: Run): Listener;
  /** A ClientHello was turned away with an alert. */
  refused(alert: AlertName): void;
}

export class UdpServer {
  readonly #socket: Socket;
  readonly #config: ServerConfig;
  readonly #options: UdpServerOptions;
  readonly #byPath = new Map<Path, Association>();
  /** By connection ID in hexadecimal, once the client may use it. */
  readonly #byConnectionId = new Map<string, Association>();

  private constructor(socket: Socket, config: ServerConfig, options: UdpServerOptions) {
    this.#socket = socket;
    this.#config = config;
    this.#options = options;
    socket.on("message", (datagram, from) => this.#receive(bytesOf(datagram), pathOf(from)));
  }

  static async listen(
    config: ServerConfig,
    address: AddressInfo,
    options: UdpServerOptions,
  ): Promise<UdpServer> {
    return new UdpServer(await bind(address.family, address), config, options);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }

  #receive(datagram: Bytes, path: string): void {
    const association = this.#named(datagram) ?? this.#byPath.get(path);
    if (association === undefined) this.#accept(datagram, path);
    else association.run((connection) => connection.handleDatagram(datagram, path));
  }

  /** By the connection ID, which stays when the address does not (RFC 9147 §9); all records of a datagram have one. */
  #named(datagram: Bytes): Association | undefined {
    const { connectionIdLength } = this.#options;
    if (connectionIdLength === undefined || datagram[0]! >> 4 !== UNIFIED_HEADER_WITH_CID) return undefined;
    return this.#byConnectionId.get(toHex(datagram.subarray(1, 1 + connectionIdLength)));
  }

  #accept(datagram: Bytes, path: string): void {
    const { acceptor } = this.#options;
    if (acceptor === undefined) {
      if (datagram[0] === ContentType.handshake) this.#open(datagram, path, undefined);
      return;
    }
    this.#follow(acceptor.judge(datagram, new TextEncoder().encode(path), now()), path);
  }

  #follow(verdict: Verdict, path: string): void {
    if (verdict.kind === "later") void verdict.verdict.then((later) => this.#follow(later, path));
    else if (verdict.kind === "accept") this.#open(verdict.datagram, path, verdict.retry);
    else if (verdict.kind === "answer") {
      send(this.#socket, verdict.datagram, path);
      if (verdict.alert !== undefined) this.#options.refused(verdict.alert);
    }
  }

  /** A new association, from its first datagram on. */
  #open(datagram: Uint8Array, path: string, retry: StatelessRetry | undefined): void {
    const { connectionIdLength, listen } = this.#options;
    const { random } = this.#config.crypto;
    const issued: string[] = [];
    let current: Path = path;
    const newConnectionId = () => {
      const id = random(connectionIdLength!);
      issued.push(toHex(id));
      return id;
    };
    const association = new Association(
      asServer(this.#config, retry),
      {
        path,
        pathValidated: retry !== undefined,
        ...(connectionIdLength === undefined ? {} : { connectionId: newConnectionId() }),
      },
      {
        transmit: (datagram, to) => send(this.#socket, datagram, to),
        newConnectionId: () => {
          const id = newConnectionId();
          this.#byConnectionId.set(toHex(id), association);
          return id;
        },
        moved: (to) => {
          this.#byPath.delete(current);
          this.#byPath.set(to, association);
          current = to;
        },
        closed: () => {
          this.#byPath.delete(current);
          for (const id of issued) this.#byConnectionId.delete(id);
        },
      },
      listen,
    );
    this.#byPath.set(path, association);
    for (const id of issued) this.#byConnectionId.set(id, association);
    association.run((connection) => connection.handleDatagram(datagram, path));
  }
}

/** 001C in front of a record's header, C being set (RFC 9147 §4). */
const UNIFIED_HEADER_WITH_CID = 0b0011;

/** An address as a path: the same text for the same address. */
const pathOf = ({ address, port }: AddressInfo | RemoteInfo): string => `${address}:${port}`;

function bind(family: string, address: AddressInfo | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: family === "IPv6" ? "udp6" : "udp4",
      // Addresses are literal: without a look-up a datagram is on its way when `send` returns.
      lookup: (hostname, _options, callback) => callback(null, hostname, 4),
    });
    socket.once("error", reject);
    socket.bind(address?.port ?? 0, address?.address, () => resolve(socket));
  });
}

function send(socket: Socket, datagram: Bytes, path: Path): void {
  const [, address, port] = /^(.*):(\d+)$/.exec(path as string)!;
  // What cannot be sent is as good as lost.
  socket.send(datagram.slice(), Number(port), address, () => {});
}

/** Without Buffer's own idea of `slice`. */
const bytesOf = (datagram: Buffer): Bytes =>
  new Uint8Array(datagram.buffer as ArrayBuffer, datagram.byteOffset, datagram.length);
