import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { generateSigner } from "../src/crypto/signer.ts";
import { connect, listen, publicKey } from "../src/endpoint/node-index.ts";
import type { Session } from "../src/endpoint/session.ts";
import { LOOPBACK } from "./echo-raw.ts";
import { type Flood, recordHello, startFlood } from "./flood-strangers.ts";
import type { Context, Figures, Group } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// What established sessions notice of a flood: a server in a process of its own echoes a thousand datagrams a second of a
// hundred sessions, while another process sends it ClientHellos from many addresses, or begins handshakes and leaves them.

const SESSIONS = 100;
const DATAGRAMS_PER_SECOND = 1_000;
const DATAGRAM_BYTES = 200;
const TICK_MS = 2;
const LAST_MS = 2_000;

const FLOODS = {
  none: undefined,
  hellos_10000: { perSecond: 10_000, halfOpen: false },
  hellos_50000: { perSecond: 50_000, halfOpen: false },
  half_open_1000: { perSecond: 1_000, halfOpen: true },
} as const;

const flood: Group = {
  everyRuntime: false,
  roles: { "flooded-server": floodedServer, strangers },
  async run({ quick }: Context): Promise<Figures> {
    const server = new OtherProcess("flood", "flooded-server");
    const { port, key } = await server.ask<{ port: number; key: string }>("address");
    process.env.FLOOD_TARGET = `${port} ${key}`;
    const attacker = new OtherProcess("flood", "strangers");
    const sessions = await dial(port, key);
    const seconds = quick ? 3 : 10;
    await echo(sessions, 2);
    const figures: Record<string, Figures> = {};
    for (const [kind, flood] of Object.entries(FLOODS)) {
      if (flood !== undefined) await attacker.ask(kind);
      const before = await server.ask<Stats>("stats");
      const echoed = await echo(sessions, seconds);
      // A client that begins now gets in all the same.
      const newcomer = await newcomerMs(port, key);
      const after = await server.ask<Stats>("stats");
      const perSecond = flood === undefined ? 0 : await attacker.ask<number>("stop");
      figures[kind] = {
        ...echoed,
        newcomer_ms: newcomer,
        strangers_per_second: Math.round(perSecond),
        dropped: after.dropped - before.dropped,
        handshakes: after.handshakes,
        cpu: Math.round((after.cpuUs - before.cpuUs) / seconds / 1e4) / 100,
        rss_mb: after.rssMb,
      };
    }
    for (const session of sessions) session.close();
    await new Promise((resolve) => setTimeout(resolve, quick ? 2_000 : 30_000));
    const { rssMb } = await server.ask<Stats>("stats");
    const usedMb = await server.ask<number>("memory");
    attacker.close();
    server.close();
    return { ...figures, rss_mb_afterwards: rssMb, in_use_mb_afterwards: usedMb };
  },
};

export default flood;

interface Stats {
  readonly handshakes: number;
  readonly dropped: number;
  readonly cpuUs: number;
  readonly rssMb: number;
}

async function floodedServer(): Promise<Answers> {
  const key = await generateSigner();
  const many = 1_000_000;
  const server = await listen(`udp://${LOOPBACK}:0`, {
    auth: publicKey({ key }),
    limits: { sessionsPerAddress: many, sessionsPerIdentity: many },
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  return {
    address: () => ({ port: server.address.port, key: Buffer.from(key.publicKey).toString("base64") }),
    stats: (): Stats => {
      const { handshakes, drops } = server.getStats();
      const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
      return { handshakes, dropped, cpuUs: cpuUs(), rssMb: megabytes(process.memoryUsage.rss()) };
    },
    memory: memoryInUse,
  };
}

/** On the heap and beside it, without what is only not yet collected. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return megabytes(heapUsed + external);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

async function strangers(): Promise<Answers> {
  const [port, key] = process.env.FLOOD_TARGET!.split(" ") as [string, string];
  const hello = await recordHello(clientOptions(key));
  let running: Flood | undefined;
  const starts = Object.entries(FLOODS).map(([kind, flood]) => [
    kind,
    async () => {
      if (flood !== undefined)
        running = await startFlood(Number(port), hello, flood.perSecond, flood.halfOpen);
    },
  ]);
  return { ...Object.fromEntries(starts), stop: () => running!.stop() };
}

function clientOptions(key: string) {
  return { auth: publicKey({ trusted: [Buffer.from(key, "base64")] }), streams: false } as const;
}

async function dial(port: number, key: string): Promise<Session[]> {
  const sessions: Session[] = [];
  for (let i = 0; i < SESSIONS; i++)
    sessions.push(await connect(`udp://${LOOPBACK}:${port}`, clientOptions(key)));
  return sessions;
}

async function newcomerMs(port: number, key: string): Promise<number> {
  const started = performance.now();
  const session = await connect(`udp://${LOOPBACK}:${port}`, { ...clientOptions(key), timeoutMs: 60_000 });
  session.close();
  return Math.round(performance.now() - started);
}

/** Sessions in turn send a datagram each, evenly over the time; counts what comes back, and how late. */
async function echo(
  sessions: readonly Session[],
  seconds: number,
): Promise<{ sent: number; lost: number; loss_percent: number; median_ms: number; p95_ms: number }> {
  const delays: number[] = [];
  for (const session of sessions) {
    session.ondatagram = (answer) => {
      const { buffer, byteOffset } = answer;
      delays.push(performance.now() - new DataView(buffer, byteOffset).getFloat64(0));
    };
  }
  const datagram = new Uint8Array(DATAGRAM_BYTES);
  const view = new DataView(datagram.buffer);
  const total = DATAGRAMS_PER_SECOND * seconds;
  const started = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - started) / 1000) * DATAGRAMS_PER_SECOND);
      for (; sent < due; sent++) {
        view.setFloat64(0, performance.now());
        sessions[sent % sessions.length]!.sendDatagram(datagram);
      }
      if (sent < total) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  for (let waited = 0; delays.length < sent && waited < LAST_MS; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  delays.sort((a, b) => a - b);
  const at = (share: number) => Math.round((delays[Math.floor(delays.length * share)] ?? 0) * 10) / 10;
  const lost = sent - delays.length;
  return {
    sent,
    lost,
    loss_percent: Math.round((lost / sent) * 1000) / 10,
    median_ms: at(0.5),
    p95_ms: at(0.95),
  };
}
