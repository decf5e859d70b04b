/** A UDP relay between client and server: it observes, loses datagrams and moves the client to another address. */
import { createSocket, type Socket } from "node:dgram";
import type { Network } from "./matrix.ts";
import { nothingSeen, observe as observeRecords, type Seen } from "./observer.ts";

export interface Relay {
  /** Where the client is to send. */
  port: number;
  seen: Seen;
  close(): void;
}

export async function openRelay(serverPort: number, network: Network = {}): Promise<Relay> {
  const seen = nothingSeen();
  const front = await bind();
  const backs: Socket[] = [];
  const random = generator(network.seed ?? 1);
  const isLost = (): boolean => random() < (network.loss ?? 0);
  let clientPort = 0;

  const openBack = async (): Promise<void> => {
    const back = await bind();
    backs.push(back);
    back.on("message", (datagram) => {
      observe(seen, "toClient", datagram);
      if (!isLost()) front.send(datagram, clientPort, "127.0.0.1");
    });
  };
  await openBack();
  if (network.rebindAfter !== undefined) await openBack();

  front.on("message", (datagram, from) => {
    clientPort = from.port;
    const moved = network.rebindAfter !== undefined && seen.toServer.datagrams >= network.rebindAfter;
    observe(seen, "toServer", datagram);
    if (!isLost()) backs[moved ? 1 : 0]!.send(datagram, serverPort, "127.0.0.1");
  });

  return {
    port: front.address().port,
    seen,
    close: () => {
      for (const socket of [front, ...backs]) socket.close();
    },
  };
}

/** A datagram that cannot be walked as DTLS 1.3 records is counted, and passed on like any other. */
function observe(seen: Seen, way: "toServer" | "toClient", datagram: Buffer): void {
  try {
    observeRecords(seen, way, datagram);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    seen.malformed++;
  }
}

function bind(): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    // A peer that has gone leaves ICMP errors behind; the datagram is as good as lost.
    socket.on("error", () => {});
    socket.bind(0, "127.0.0.1", () => resolve(socket));
  });
}

/** Marsaglia's xorshift32, as numbers from 0 to 1. */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
