/** Servers and clients on real sockets of this machine, and ways to wait for what they do. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Bytes } from "../../src/core/bytes.ts";
import type { SessionTicket } from "../../src/dtls/config.ts";
import {
  type Auth,
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  psk,
  SealgramError,
} from "../../src/endpoint/node-index.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";

export const key: Uint8Array = new Uint8Array(32).fill(9);
export const alice: Auth = psk({ identity: "alice", key });

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A server that sends everything back. */
export function echoServer(options: Partial<ListenOptions> = {}, url = "udp://127.0.0.1:0"): Promise<Server> {
  return listen(url, {
    auth: alice,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
    ...options,
  });
}

export function dial(server: Server, options: Partial<ConnectOptions> = {}): Promise<Session> {
  return connect(server.url, { auth: alice, ...options });
}

/** The answer to a datagram, which is sent again while there is none: even here, full sockets lose some. */
export function ask(session: Session, datagram: Uint8Array): Promise<Bytes> {
  return new Promise((resolve) => {
    const again = setInterval(() => session.sendDatagram(datagram), 100);
    session.ondatagram = (answer) => {
      clearInterval(again);
      resolve(answer.slice());
    };
    session.sendDatagram(datagram);
  });
}

/** The session's first ticket, once it is there. */
export function ticketOf(session: Session): Promise<SessionTicket> {
  return new Promise((resolve) => {
    if (session.ticket !== undefined) resolve(session.ticket);
    else session.onticket = resolve;
  });
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<SealgramError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SealgramError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** A bare socket on this machine, for those who do not keep to the rules. */
export async function bareSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Sends, and settles once the system has it. */
export function sendTo(socket: Socket, datagram: Uint8Array, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(datagram, port, "127.0.0.1", (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * A box between a client and a server, as a NAT is: it has a port of its own towards the server, which it can change,
 * and it sees all datagrams.
 */
export class Middlebox {
  readonly #serverPort: number;
  readonly #inside: Socket;
  #outside: Socket;
  #clientPort = 0;
  /** What the client has sent, oldest first. */
  readonly sent: Bytes[] = [];
  /** Whether to pass a datagram of the client's on; the first has index 0. */
  letThrough: (datagram: Bytes, index: number) => boolean = () => true;
  #receivedCount = 0;
  #onReceived: (() => void) | undefined;

  private constructor(serverPort: number, inside: Socket, outside: Socket) {
    this.#serverPort = serverPort;
    this.#inside = inside;
    this.#outside = outside;
    inside.on("message", (datagram, { port }) => {
      this.#clientPort = port;
      const copy = new Uint8Array(datagram);
      if (this.letThrough(copy, this.sent.push(copy) - 1)) {
        this.#outside.send(copy, serverPort, "127.0.0.1");
      }
    });
    this.#listen(outside);
  }

  static async to(server: Server): Promise<Middlebox> {
    return new Middlebox(server.address.port, await bareSocket(), await bareSocket());
  }

  #listen(socket: Socket): void {
    socket.on("message", (datagram) => {
      this.#inside.send(datagram, this.#clientPort, "127.0.0.1");
      this.#receivedCount++;
      this.#onReceived?.();
    });
  }

  /** What a client connects to. */
  get url(): string {
    return `udp://127.0.0.1:${this.#inside.address().port}`;
  }

  /** Its port towards the server. */
  get port(): number {
    return this.#outside.address().port;
  }

  /** Forgets the port it had towards the server, and takes another. */
  async rebind(): Promise<void> {
    const before = this.#outside;
    this.#outside = await bareSocket();
    this.#listen(this.#outside);
    before.close();
  }

  /** Settles once the server has sent so many datagrams. */
  async received(count: number): Promise<void> {
    while (this.#receivedCount < count) {
      await new Promise<void>((resolve) => {
        this.#onReceived = resolve;
      });
    }
  }

  /** Sends a datagram to the server once more. */
  replay(datagram: Uint8Array): Promise<void> {
    return sendTo(this.#outside, datagram, this.#serverPort);
  }

  /** Sends a datagram to the server from an address that is nobody's. */
  async spoof(datagram: Uint8Array): Promise<void> {
    const elsewhere = await bareSocket();
    await sendTo(elsewhere, datagram, this.#serverPort);
    elsewhere.close();
  }

  close(): void {
    this.#inside.close();
    this.#outside.close();
  }
}
