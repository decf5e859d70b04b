// Echo over bare UDP sockets of each runtime, as its documentation shows them: what sealed sessions are measured against.

/** One client, and somebody who sends back what it sends. */
export interface Echo {
  send(datagram: Uint8Array): unknown;
  /** Called with each answer, and its length. */
  onanswer: (length: number) => void;
  close(): unknown;
}

export async function rawEcho(runtime: string): Promise<Echo> {
  if (runtime === "deno") return denoEcho();
  if (runtime === "bun") return bunEcho();
  return nodeEcho();
}

const host = "127.0.0.1";

async function nodeEcho(): Promise<Echo> {
  const { createSocket } = await import("node:dgram");
  const open = async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    return socket;
  };
  const [server, client] = [await open(), await open()];
  server.on("message", (datagram, { port, address }) => server.send(datagram, port, address));
  await new Promise<void>((resolve) => client.connect(server.address().port, host, resolve));
  const echo: Echo = {
    send: (datagram) => client.send(datagram),
    onanswer: () => {},
    close() {
      server.close();
      client.close();
    },
  };
  client.on("message", (datagram) => echo.onanswer(datagram.length));
  return echo;
}

interface BunUdp {
  readonly port: number;
  send(datagram: Uint8Array, port?: number, host?: string): boolean;
  close(): void;
}

async function bunEcho(): Promise<Echo> {
  const { Bun } = globalThis as unknown as {
    Bun: {
      udpSocket(options: {
        hostname?: string;
        port?: number;
        connect?: { hostname: string; port: number };
        socket: { data(socket: BunUdp, datagram: Uint8Array, port: number, host: string): void };
      }): Promise<BunUdp>;
    };
  };
  const server = await Bun.udpSocket({
    hostname: host,
    port: 0,
    socket: { data: (socket, datagram, port, from) => void socket.send(datagram, port, from) },
  });
  const echo: Echo = {
    send: (datagram) => client.send(datagram),
    onanswer: () => {},
    close() {
      server.close();
      client.close();
    },
  };
  const client = await Bun.udpSocket({
    connect: { hostname: host, port: server.port },
    socket: { data: (_socket, datagram) => echo.onanswer(datagram.length) },
  });
  return echo;
}

interface DenoUdp {
  readonly addr: object;
  receive(buffer?: Uint8Array): Promise<[Uint8Array, object]>;
  send(datagram: Uint8Array, to: object): Promise<number>;
  close(): void;
}

async function denoEcho(): Promise<Echo> {
  const { Deno } = globalThis as unknown as { Deno: { listenDatagram(options: object): DenoUdp } };
  const open = () => Deno.listenDatagram({ transport: "udp", hostname: host, port: 0 });
  const [server, client] = [open(), open()];
  const echo: Echo = {
    send: (datagram) => client.send(datagram, server.addr),
    onanswer: () => {},
    close() {
      server.close();
      client.close();
    },
  };
  const untilClosed = async (socket: DenoUdp, each: (datagram: Uint8Array, from: object) => unknown) => {
    const buffer = new Uint8Array(65_535);
    try {
      for (;;) {
        const [datagram, from] = await socket.receive(buffer);
        await each(datagram, from);
      }
    } catch {
      // closed
    }
  };
  void untilClosed(server, (datagram, from) => server.send(datagram, from));
  void untilClosed(client, ({ length }) => echo.onanswer(length));
  return echo;
}
