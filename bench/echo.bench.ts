import { clients, clientsServer } from "./echo-clients.ts";
import { peers } from "./echo-peers.ts";
import { type EchoClient, type EchoServer, rawEcho } from "./echo-raw.ts";
import { sealedEcho } from "./echo-sealed.ts";
import { Exchange } from "./exchange.ts";
import { type Context, type Figures, type Group, median } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// Echo of 1,200-byte datagrams over loopback: bare sockets, and sealed sessions on the same kind of sockets. 64 datagrams
// under way, and one at a time as ping-pong. Client and server are two processes; then both ends in one process, where
// nobody waits for another core to wake up and the cost of sealing shows most. Bare and sealed take turns of some tens
// of milliseconds; what is compared is neighbouring turns, so that what else the machine does cancels out. "sealed" are
// sessions of datagrams alone, "streams" those that have streams too.

const UNDER_WAY = 64;

/** The servers, wherever they are. */
interface Servers {
  readonly rawPort: number;
  readonly sealedPort: number;
  /** CPU time of the process that they are in, unless it is this one. */
  cpuUs(): Promise<number>;
}

const echo: Group = {
  everyRuntime: true,
  roles: {
    "echo-servers": answers,
    "clients-server": clientsServer,
  },
  async run(context: Context): Promise<Figures> {
    const { runtime } = context;
    const other = new OtherProcess("echo", "echo-servers");
    const ports = await other.ask<{ rawPort: number; sealedPort: number }>("ports");
    const twoProcesses = await compare(context, { ...ports, cpuUs: () => other.ask<number>("cpu") });
    other.close();

    const [raw, sealed] = [await rawEcho(runtime).serve(), await sealedEcho(runtime).serve()];
    const own = { rawPort: raw.port, sealedPort: sealed.port, cpuUs: async () => 0 };
    const oneProcess = await compare(context, own);
    raw.close();
    await sealed.close();
    const withoutCpu = Object.entries(oneProcess).filter(([name]) => !name.includes("cpu"));
    return { ...twoProcesses, one_process: Object.fromEntries(withoutCpu) };
  },
  async runOnce({ quick }: Context): Promise<Figures> {
    return {
      clients: await clients("clients-server", quick ? 1_000 : 10_000, quick ? 4 : 10),
      peers: await peers(quick),
    };
  },
};

export default echo;

async function answers(runtime: string): Promise<Answers> {
  const raw: EchoServer = await rawEcho(runtime).serve();
  const sealed: EchoServer = await sealedEcho(runtime).serve();
  return { ports: () => ({ rawPort: raw.port, sealedPort: sealed.port }), cpu: cpuUs };
}

interface Turn {
  /** Microseconds an echo. */
  readonly us: number;
  readonly serverCpuUs: number;
}

async function compare({ runtime, quick }: Context, servers: Servers): Promise<Record<string, number>> {
  const clients: EchoClient[] = [
    await rawEcho(runtime).connect(servers.rawPort),
    await sealedEcho(runtime).connect(servers.sealedPort),
    await sealedEcho(runtime, "streams").connect(servers.sealedPort),
  ];
  const pipelined = clients.map((client) => new Exchange(client, UNDER_WAY));
  const pingPong = clients.map((client) => new Exchange(client, 1));
  const cases = [...pipelined, ...pingPong];
  for (const each of cases) await each.verify();
  const turnMs = quick ? 25 : 50;
  for (let i = 0; i < (quick ? 8 : 16); i++) for (const each of cases) await turn(each, turnMs, servers);

  const turns = new Map<Exchange, Turn[]>(cases.map((each) => [each, []]));
  for (let round = 0; round < (quick ? 9 : 31); round++) {
    // Who is first in a round is last in the next.
    const order = round % 2 === 0 ? cases : cases.toReversed();
    for (const each of order) turns.get(each)!.push(await turn(each, turnMs, servers));
  }
  for (const client of clients) client.close();

  const of = (each: Exchange) => turns.get(each)!;
  const us = (each: Exchange) => median(of(each).map((turn) => turn.us));
  const perSecond = (each: Exchange) => Math.round(1e6 / us(each));
  const percent = (a: Exchange, b: Exchange) =>
    tenths(100 * median(of(a).map((turn, round) => turn.us / of(b)[round]!.us)));
  const cpu = (each: Exchange) => tenths(median(of(each).map(({ serverCpuUs }) => serverCpuUs)));
  const [raw, sealed, streams] = pipelined as [Exchange, Exchange, Exchange];
  const [rawPing, sealedPing, streamsPing] = pingPong as [Exchange, Exchange, Exchange];
  return {
    raw_per_second: perSecond(raw),
    sealed_per_second: perSecond(sealed),
    streams_per_second: perSecond(streams),
    rate_percent: percent(raw, sealed),
    streams_rate_percent: percent(raw, streams),
    raw_rtt_us: tenths(us(rawPing)),
    sealed_rtt_us: tenths(us(sealedPing)),
    streams_rtt_us: tenths(us(streamsPing)),
    rtt_percent: percent(sealedPing, rawPing),
    streams_rtt_percent: percent(streamsPing, rawPing),
    raw_server_cpu_us: cpu(raw),
    sealed_server_cpu_us: cpu(sealed),
    streams_server_cpu_us: cpu(streams),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

async function turn(each: Exchange, ms: number, servers: Servers): Promise<Turn> {
  const cpuBefore = await servers.cpuUs();
  const { count, elapsedMs } = await each.runFor(ms);
  return {
    us: (elapsedMs * 1000) / count,
    serverCpuUs: ((await servers.cpuUs()) - cpuBefore) / count,
  };
}
