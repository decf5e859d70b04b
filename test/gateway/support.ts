/** A gateway's forwarding between connections and UDP sockets that are both in memory. */
import { Deadlines } from "../../src/endpoint/deadlines.ts";
import type { ForwardedClient } from "../../src/gateway/client.ts";
import { type ClientConnection, type ClientRequest, Forwarder } from "../../src/gateway/forwarder.ts";
import { forwarderSettings, type GatewayOptions } from "../../src/gateway/options.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { RemoteAddress } from "../../src/transport/types.ts";

/** A client's end of a connection to the gateway. */
export class FakeConnection implements ClientConnection {
  queuedBytes = 0;
  readonly received: Uint8Array[] = [];
  code: number | undefined;

  send(datagram: Uint8Array): void {
    this.received.push(datagram.slice());
  }

  end(code: number): void {
    this.code = code;
  }
}

export const gameServer: RemoteAddress = { host: "10.0.0.5", port: 4433 };

/** A datagram as DTLS sends them: it begins like a record, and is numbered. */
export function sealed(number: number, length = 20): Uint8Array {
  const datagram = new Uint8Array(length);
  datagram[0] = 0x2f;
  datagram[1] = number;
  return datagram;
}

/** On the clock that vitest may have put in place of the real one. */
export class TestDeadlines extends Deadlines {
  override now(): number {
    return performance.now();
  }
}

export class Bench {
  readonly network: MemoryNetwork = new MemoryNetwork();
  readonly forwarder: Forwarder;
  /** What has reached the game server, and where from. */
  readonly arrived: { readonly number: number; readonly port: number }[] = [];
  #reply: ((datagram: Uint8Array, to: RemoteAddress) => void) | undefined;

  constructor(options: Partial<GatewayOptions> = {}) {
    const targets = { game: "udp://10.0.0.5:4433" };
    this.forwarder = new Forwarder(
      forwarderSettings({ targets, ...options }),
      this.network,
      new TestDeadlines(),
    );
  }

  /** Lets the game server listen. */
  async listen(): Promise<void> {
    const socket = await this.network.bind(gameServer, {
      datagram: (datagram, _host, port) => void this.arrived.push({ number: datagram[1]!, port }),
      drained() {},
      refused() {},
      failed() {},
    });
    this.#reply = (datagram, to) => void socket.send(datagram, to);
  }

  /** A client that comes, and may be turned away. */
  come(request: Partial<ClientRequest> = {}): {
    connection: FakeConnection;
    client: ForwardedClient | undefined;
  } {
    const connection = new FakeConnection();
    const asked = { path: "/game", origin: undefined, address: "192.0.2.1", ...request };
    return { connection, client: this.forwarder.accept(asked, connection) };
  }

  /** The server sends to the client that has sent it this datagram. */
  reply(number: number, datagram: Uint8Array): void {
    const { port } = this.arrived.find((each) => each.number === number)!;
    this.#reply!(datagram, { host: gameServer.host, port });
  }
}

/** Lets everything in memory arrive. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
