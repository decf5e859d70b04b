/** WebTransport sessions of the gateway, on Deno's QUIC, which needs --unstable-net. */
import { pause } from "../pause.ts";
import type { GatewayCode } from "../transport/gateway-codes.ts";
import { heardElsewhere } from "../transport/heard-elsewhere.ts";
import { AddressCounts } from "./address-counts.ts";
import type { ClientConnection } from "./forwarder.ts";
import type { GatewayCore, WebTransportServer } from "./gateway.ts";
import type { GatewayPlace, TlsKeyPair } from "./options.ts";

interface CloseInfo {
  readonly closeCode: number;
  readonly reason: string;
}

/** As much of Deno as is used here. */
interface QuicConnection {
  readonly remoteAddr: { readonly hostname: string };
  readonly closed: Promise<unknown>;
  close(info: CloseInfo): void;
}
interface QuicIncoming {
  accept(): Promise<QuicConnection>;
  refuse(): void;
}
interface QuicListener {
  incoming(): Promise<QuicIncoming>;
}
interface QuicEndpoint {
  readonly addr: { readonly port: number };
  listen(options: object): QuicListener;
  close(info: CloseInfo): void;
}
interface DenoQuic {
  readonly QuicEndpoint?: new (options: { readonly hostname: string; readonly port: number }) => QuicEndpoint;
  upgradeWebTransport(connection: QuicConnection): Promise<Session>;
}
type Session = WebTransport & { readonly url: string };

/** A session takes one bidirectional stream of the client, and HTTP/3 up to three others. */
const STREAMS = { maxConcurrentBidirectionalStreams: 2, maxConcurrentUnidirectionalStreams: 4 };
const TIMES = { maxIdleTimeout: 30_000, keepAliveInterval: 10_000 };
/** Connections that are not sessions yet. */
const MAX_ARRIVING = 1000;
const ARRIVAL_TIMEOUT_MS = 10_000;
/** Connections of one address beside those of its clients: those that are to be refused. */
const SPARE_CONNECTIONS = 20;
/** For how long a client is waited for that was told to go. */
const CLOSE_TIMEOUT_MS = 1000;
const CLOSED = { closeCode: 0, reason: "" };

export async function serveDenoWebTransport(
  place: GatewayPlace,
  tls: TlsKeyPair,
  core: GatewayCore,
): Promise<WebTransportServer> {
  const { Deno } = globalThis as unknown as { Deno: DenoQuic };
  if (Deno.QuicEndpoint === undefined) {
    throw new TypeError("Deno has QUIC only when it runs with --unstable-net");
  }
  const endpoint = new Deno.QuicEndpoint({ hostname: place.host, port: place.port });
  const listen = (keyPair: TlsKeyPair): QuicListener =>
    endpoint.listen({ cert: keyPair.cert, key: keyPair.key, alpnProtocols: ["h3"], ...STREAMS, ...TIMES });
  let listener = listen(tls);
  const serving = new Set<Promise<void>>();
  let arriving = 0;
  let isClosing = false;
  const addresses = new AddressCounts(core.limits.clientsPerAddress + SPARE_CONNECTIONS);

  /** Answers once the connection is a session; throws if it does not become one. */
  const arrive = async (connection: QuicConnection): Promise<Session> => {
    const timer = setTimeout(() => close(connection, CLOSED), ARRIVAL_TIMEOUT_MS);
    try {
      const transport = await Deno.upgradeWebTransport(connection);
      heardElsewhere(transport.ready, transport.closed);
      await transport.ready;
      return transport;
    } finally {
      clearTimeout(timer);
    }
  };

  const accept = async (incoming: QuicIncoming): Promise<[QuicConnection, Session] | undefined> => {
    arriving++;
    let connection: QuicConnection | undefined;
    try {
      // Deno 2.9 answers nothing else about an incoming connection that is to be accepted.
      connection = await incoming.accept();
      const { closed } = connection;
      heardElsewhere(closed);
      const address = connection.remoteAddr.hostname;
      if (addresses.isFull(address)) throw new Error("too many from there");
      addresses.add(address);
      const gone = () => addresses.remove(address);
      closed.then(gone, gone);
      return [connection, await arrive(connection)];
    } catch {
      // Connections fail in many ways, all of them the client's.
      close(connection, CLOSED);
      return undefined;
    } finally {
      arriving--;
    }
  };

  const serve = async (incoming: QuicIncoming): Promise<void> => {
    if (isClosing || arriving >= MAX_ARRIVING) return refuse(incoming);
    const accepted = await accept(incoming);
    if (accepted === undefined) return;
    const [connection, transport] = accepted;
    try {
      await serveClient(core, connection, transport);
    } catch {
      // As before.
    } finally {
      close(connection, CLOSED);
    }
  };

  const run = async (): Promise<void> => {
    while (!isClosing) {
      let incoming: QuicIncoming;
      try {
        incoming = await listener.incoming();
      } catch {
        // Whatever it was, unless it is the end; but not as fast as possible.
        await pause(100);
        continue;
      }
      const served = serve(incoming);
      serving.add(served);
      void served.finally(() => serving.delete(served));
    }
  };
  void run();

  return {
    place: { ...place, port: endpoint.addr.port },
    renew(keyPair) {
      // The endpoint's next connections get it; those there are stay.
      listener = listen(keyPair);
    },
    async close() {
      isClosing = true;
      await Promise.all(serving);
      endpoint.close(CLOSED);
    },
  };
}

/** What is not there any more cannot be closed, and is not to be. */
function close(connection: QuicConnection | undefined, info: CloseInfo): void {
  try {
    connection?.close(info);
  } catch {
    // As said.
  }
}

function refuse(incoming: QuicIncoming): void {
  try {
    incoming.refuse();
  } catch {
    // It has gone by itself.
  }
}

async function serveClient(core: GatewayCore, quic: QuicConnection, transport: Session): Promise<void> {
  const writer = transport.datagrams.writable.getWriter();
  heardElsewhere(writer.closed);
  let queuedBytes = 0;
  let ending: Promise<void> | undefined;
  const connection: ClientConnection = {
    get queuedBytes() {
      return queuedBytes;
    },
    send(datagram) {
      const { length } = datagram;
      queuedBytes += length;
      const done = () => {
        queuedBytes -= length;
      };
      writer.write(datagram.slice()).then(done, done);
    },
    end(code) {
      ending ??= end(quic, transport, code);
    },
  };
  const path = new URL(transport.url).pathname;
  const address = core.clientAddress(undefined, quic.remoteAddr.hostname);
  const client = core.forwarder.accept({ path, origin: undefined, address }, connection);
  const reader: ReadableStreamDefaultReader<Uint8Array> = transport.datagrams.readable.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      client?.receive(value);
    }
  } catch {
    // The session's end.
  }
  client?.gone();
  await ending;
}

/**
 * Ends a session. Deno closes the connection under it, which browsers report without the code: the four digits of the
 * code come before, in a stream.
 */
async function end(quic: QuicConnection, transport: Session, code: GatewayCode): Promise<void> {
  try {
    const writer = (await transport.createUnidirectionalStream()).getWriter();
    await writer.write(new TextEncoder().encode(`${code}`));
    await Promise.race([quic.closed, pause(CLOSE_TIMEOUT_MS)]);
  } catch {
    // It is closed already.
  }
  close(quic, { closeCode: code, reason: "" });
}
