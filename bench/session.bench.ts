import { createHash } from "node:crypto";
import { type AddressInfo, createServer } from "node:net";
import { connect as connectTls, type TLSSocket, TLSSocket as Tls } from "node:tls";
import { connect, listen, psk, type Session } from "../src/endpoint/node-index.ts";
import { type EchoServer, rawEcho } from "./echo-raw.ts";
import { type Context, type Figures, type Group, median } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// Streams of a session over loopback UDP, two processes of Node: a bulk transfer beside the same bytes over Node's own TLS
// on TCP, and requests of 1 kB beside the round trip of a bare UDP datagram of that size. Those compared take turns.

const KEY = new Uint8Array(32).fill(7);
const IDENTITY = "bench";
const CHUNK_BYTES = 65_536;
const MESSAGE = new Uint8Array(1024).fill(9);
const TLS_SUITE = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;

interface Ports {
  readonly session: string;
  readonly tls: number;
  readonly raw: number;
}

/** What the other process has received in the last transfer. */
interface Received {
  readonly bytes: number;
  /** Unless they are only counted. */
  readonly sha256?: string;
}

const session: Group = {
  everyRuntime: false,
  roles: { server },
  async run({ quick }: Context): Promise<Figures> {
    const other = new OtherProcess("session", "server");
    const ports = await other.ask<Ports>("ports");
    const client = await connect(ports.session, { auth: psk({ identity: IDENTITY, key: KEY }) });
    await client.ready;
    const figures = {
      ...(await bulk(client, ports, other, quick)),
      ...(await requests(client, ports, quick)),
    };
    client.close();
    other.close();
    return figures;
  },
};

export default session;

async function bulk(client: Session, { tls }: Ports, other: OtherProcess, quick: boolean): Promise<Figures> {
  const totalBytes = quick ? 20_000_000 : 100_000_000;
  const chunk = new Uint8Array(CHUNK_BYTES).map((_, i) => i * 7);
  const chunks = Math.ceil(totalBytes / CHUNK_BYTES);
  const expected = createHash("sha256");
  for (let i = 0; i < chunks; i++) expected.update(chunk);
  const sha256 = expected.digest("hex");
  const turns: Record<"session" | "tls" | "ratio" | "cpu", number[]> = {
    session: [],
    tls: [],
    ratio: [],
    cpu: [],
  };
  // What arrives is verified first, and only counted while it is timed.
  for (const transfer of [overSession, () => overTls(tls, chunk, chunks)]) {
    await transfer(client, chunk, chunks);
    await check(other, chunks, sha256);
  }
  await other.ask("count");
  for (let round = 0; round < (quick ? 3 : 7); round++) {
    const cpuBefore = cpuUs();
    const ours = await megabytesPerSecond(chunks, () => overSession(client, chunk, chunks));
    turns.cpu.push((cpuUs() - cpuBefore) / ((chunks * CHUNK_BYTES) / 1e6));
    await check(other, chunks);
    const theirs = await megabytesPerSecond(chunks, () => overTls(tls, chunk, chunks));
    await check(other, chunks);
    turns.session.push(ours);
    turns.tls.push(theirs);
    turns.ratio.push(ours / theirs);
  }
  const { path } = await client.getStats();
  return {
    bulk_MBps: tenths(median(turns.session)),
    tls_tcp_MBps: tenths(median(turns.tls)),
    bulk_percent: tenths(100 * median(turns.ratio)),
    sender_cpu_us_per_MB: tenths(median(turns.cpu)),
    mtu_bytes: path!.mtuBytes,
    packets_lost: path!.packetsLost,
  };
}

async function check(other: OtherProcess, chunks: number, sha256?: string): Promise<void> {
  const received = await other.ask<Received>("received");
  if (received.bytes !== chunks * CHUNK_BYTES || received.sha256 !== sha256) {
    throw new Error(`of ${chunks * CHUNK_BYTES} bytes, ${received.bytes} arrived, or others`);
  }
}

async function megabytesPerSecond(chunks: number, transfer: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await transfer();
  return (chunks * CHUNK_BYTES) / 1000 / (performance.now() - startMs);
}

async function overSession(client: Session, chunk: Uint8Array, chunks: number): Promise<void> {
  const writer = (await client.createUnidirectionalStream()).getWriter();
  for (let i = 0; i < chunks; i++) {
    await writer.ready;
    void writer.write(chunk);
  }
  await writer.close();
}

async function overTls(port: number, chunk: Uint8Array, chunks: number): Promise<void> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ...TLS_SUITE,
    pskCallback: () => ({ psk: KEY, identity: IDENTITY }),
    checkServerIdentity: () => undefined,
  });
  for (let i = 0; i < chunks; i++) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  await new Promise((resolve) => {
    socket.once("close", resolve);
    socket.end();
    socket.resume();
  });
}

async function requests(client: Session, { raw }: Ports, quick: boolean): Promise<Figures> {
  const socket = await rawEcho("node").connect(raw);
  const roundTrip = () =>
    new Promise<void>((resolve) => {
      socket.onanswer = () => resolve();
      socket.send(MESSAGE);
    });
  const ask = async () => {
    const { length } = await client.request(MESSAGE);
    if (length !== MESSAGE.length) throw new Error(`${length} bytes came back`);
  };
  const count = 500;
  const turns: Record<"raw" | "request" | "ratio", number[]> = { raw: [], request: [], ratio: [] };
  for (let round = -4; round < (quick ? 5 : 25); round++) {
    const rawUs = await microseconds(roundTrip, count);
    const requestUs = await microseconds(ask, count);
    // To warm up.
    if (round < 0) continue;
    turns.raw.push(rawUs);
    turns.request.push(requestUs);
    turns.ratio.push(requestUs / rawUs);
  }
  socket.close();
  return {
    request_us: tenths(median(turns.request)),
    raw_rtt_us: tenths(median(turns.raw)),
    request_percent: tenths(100 * median(turns.ratio)),
  };
}

async function microseconds(action: () => Promise<void>, count: number): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < count; i++) await action();
  return ((performance.now() - startMs) * 1000) / count;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

async function server(): Promise<Answers> {
  const raw: EchoServer = await rawEcho("node").serve();
  // One transfer at a time: its outcome waits for the question, or the question for it.
  let received: Promise<Received> = new Promise(() => {});
  let settle: (received: Received) => void = () => {};
  const expectNext = () => {
    received = new Promise((resolve) => {
      settle = resolve;
    });
  };
  expectNext();
  let isCounting = false;
  const take = async (chunks: AsyncIterable<Uint8Array>) => {
    const hash = isCounting ? undefined : createHash("sha256");
    let bytes = 0;
    for await (const chunk of chunks) {
      hash?.update(chunk);
      bytes += chunk.length;
    }
    settle({ bytes, ...(hash === undefined ? {} : { sha256: hash.digest("hex") }) });
  };
  const sessions = await listen("udp://127.0.0.1:0", {
    auth: psk({ identity: IDENTITY, key: KEY }),
    onsession: async (each) => {
      each.onrequest = (request) => request;
      for await (const stream of each.incomingUnidirectionalStreams) await take(stream);
    },
  });
  const tls = createServer((plain) => {
    const socket: TLSSocket = new Tls(plain, {
      isServer: true,
      ...TLS_SUITE,
      pskCallback: () => KEY,
    } as ConstructorParameters<typeof Tls>[1]);
    void take(socket).then(() => socket.end());
  });
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const ports: Ports = {
    session: String(sessions.url),
    tls: (tls.address() as AddressInfo).port,
    raw: raw.port,
  };
  return {
    ports: () => ports,
    count: () => {
      isCounting = true;
    },
    received: async () => {
      const outcome = await received;
      expectNext();
      return outcome;
    },
  };
}
