// Echo over bare UDP sockets of each runtime, as its documentation shows them: what sealed sessions are measured against.

/** Somebody who sends back what comes. */
export interface EchoServer {
  readonly port: number;
  close(): unknown;
}

/** Somebody who sends, and hears what comes back. */
export interface EchoClient {
  send(datagram: Uint8Array): unknown;
  /** Called with each answer, which is valid during the call only. */
  onanswer: (datagram: Uint8Array) => void;
  close(): unknown;
}

export interface EchoEnds {
  serve(): Promise<EchoServer>;
  connect(port: number): Promise<EchoClient>;
}

export function rawEcho(runtime: string): EchoEnds {
  if (runtime === "deno") return denoEcho;
  if (runtime === "bun") return bunEcho;
  return nodeEcho;
}

export const LOOPBACK = "127.0.0.1";

const nodeEcho: EchoEnds = {
  async serve() {
    const server = await openNode();
    server.on("message", (datagram, { port, address }) => server.send(datagram, port, address));
    return { port: server.address().port, close: () => server.close() };
  },
  async connect(port) {
    const socket = await openNode();
    await new Promise<void>((resolve) => socket.connect(port, LOOPBACK, resolve));
    const client: EchoClient = {
      send: (datagram) => socket.send(datagram),
      onanswer: () => {},
      close: () => socket.close(),
    };
    socket.on("message", (datagram) => client.onanswer(datagram));
    return client;
  },
};

async function openNode() {
  const { createSocket } = await import("node:dgram");
  // As large as those of sealed sessions.
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
  await new Promise<void>((resolve) => socket.bind(0, LOOPBACK, resolve));
  return socket;
}

interface BunUdp {
  readonly port: number;
  send(datagram: Uint8Array, port?: number, host?: string): boolean;
  close(): void;
}

interface BunNet {
  udpSocket(options: {
    hostname?: string;
    port?: number;
    connect?: { hostname: string; port: number };
    socket: { data(socket: BunUdp, datagram: Uint8Array, port: number, host: string): void };
  }): Promise<BunUdp>;
}

const bunEcho: EchoEnds = {
  async serve() {
    const { Bun } = globalThis as unknown as { Bun: BunNet };
    return Bun.udpSocket({
      hostname: LOOPBACK,
      port: 0,
      socket: { data: (socket, datagram, port, from) => void socket.send(datagram, port, from) },
    });
  },
  async connect(port) {
    const { Bun } = globalThis as unknown as { Bun: BunNet };
    const client: EchoClient = {
      send: (datagram) => socket.send(datagram),
      onanswer: () => {},
      close: () => socket.close(),
    };
    const socket = await Bun.udpSocket({
      connect: { hostname: LOOPBACK, port },
      socket: { data: (_socket, datagram) => client.onanswer(datagram) },
    });
    return client;
  },
};

interface DenoAddress {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
}

interface DenoUdp {
  readonly addr: DenoAddress;
  receive(buffer?: Uint8Array): Promise<[Uint8Array, object]>;
  send(datagram: Uint8Array, to: object): Promise<number>;
  close(): void;
}

const denoEcho: EchoEnds = {
  async serve() {
    const server = openDeno();
    void untilClosed(server, (datagram, from) => server.send(datagram, from));
    return { port: server.addr.port, close: () => server.close() };
  },
  async connect(port) {
    const socket = openDeno();
    const server = { transport: "udp", hostname: LOOPBACK, port };
    const client: EchoClient = {
      send: (datagram) => socket.send(datagram, server),
      onanswer: () => {},
      close: () => socket.close(),
    };
    void untilClosed(socket, (datagram) => client.onanswer(datagram));
    return client;
  },
};

function openDeno(): DenoUdp {
  const { Deno } = globalThis as unknown as { Deno: { listenDatagram(options: DenoAddress): DenoUdp } };
  return Deno.listenDatagram({ transport: "udp", hostname: LOOPBACK, port: 0 });
}

async function untilClosed(socket: DenoUdp, each: (datagram: Uint8Array, from: object) => unknown) {
  const buffer = new Uint8Array(65_535);
  try {
    for (;;) {
      const [datagram, from] = await socket.receive(buffer);
      await each(datagram, from);
    }
  } catch {
    // closed
  }
}
