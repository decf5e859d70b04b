import { connect, listen } from "../src/endpoint/node-index.ts";
import type { Session } from "../src/endpoint/session.ts";
import { LOOPBACK } from "./echo-raw.ts";
import { options } from "./echo-sealed.ts";
import type { Figures } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// A server in Node with many clients, each sending a datagram a second, which the server sends back: what gets lost, and
// how much of one core that takes. The clients are in this process, each a session on a socket of its own.

/** How many handshakes are under way at a time. */
const AT_ONCE = 16;
/** Where handshakes had to wait, so that flights were repeated, sessions send no more than 1,024 bytes at a time. */
const DATAGRAM_BYTES = 900;
/** How often some of the clients take their turn, in milliseconds. */
const TICK_MS = 2;
/** How many times as many may send in one turn if turns were missed. */
const CATCH_UP = 4;
/** How long the last handshake and the last answers may take. */
const LAST_MS = 5_000;

export async function clientsServer(): Promise<Answers> {
  const many = 1_000_000;
  const server = await listen(`udp://${LOOPBACK}:0`, {
    ...options,
    limits: { sessionsPerAddress: many, sessionsPerIdentity: many },
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  return { port: () => server.address.port, sessions: () => server.getStats().sessions, cpu: cpuUs };
}

/** @param role of {@link clientsServer} */
export async function clients(role: string, count: number, seconds: number): Promise<Figures> {
  const server = new OtherProcess("echo", role);
  const url = `udp://${LOOPBACK}:${await server.ask<number>("port")}`;
  const dialled = performance.now();
  const cpuDialled = await server.ask<number>("cpu");
  const all = await dial(url, count);
  // A client is done before the server has its last flight.
  for (let waited = 0; (await server.ask<number>("sessions")) < count && waited < LAST_MS; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const dialSeconds = (performance.now() - dialled) / 1000;
  const handshakeCpuUs = ((await server.ask<number>("cpu")) - cpuDialled) / count;
  const sessions = await server.ask<number>("sessions");
  if (sessions !== count) throw new Error(`the server has ${sessions} of ${count} sessions`);

  // Once unmeasured, for the engine's last tier.
  await everySecond(all, Math.ceil(seconds / 2));
  const started = performance.now();
  const cpuStarted = await server.ask<number>("cpu");
  const { sent, answered } = await everySecond(all, seconds);
  const cpu = ((await server.ask<number>("cpu")) - cpuStarted) / 1000 / (performance.now() - started);
  const stillThere = await server.ask<number>("sessions");
  if (stillThere !== count) throw new Error(`${stillThere} of ${count} sessions are left`);
  server.close();
  for (const session of all) session.close();
  return {
    count,
    sent,
    loss: sent - answered,
    cpu: Math.round(cpu * 1000) / 1000,
    cpu_us_each: Math.round((cpu * 1e7 * seconds) / sent) / 10,
    connections_per_second: Math.round(count / dialSeconds),
    handshake_cpu_us: Math.round(handshakeCpuUs),
  };
}

async function dial(url: string, count: number): Promise<Session[]> {
  const all: Session[] = [];
  let begun = 0;
  const one = async () => {
    while (begun++ < count) all.push(await connect(url, { ...options, streams: false, timeoutMs: 60_000 }));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return all;
}

/** Every client sends a datagram a second for so many seconds, evenly spread; each answer has to be what was sent. */
async function everySecond(
  all: readonly Session[],
  seconds: number,
): Promise<{ sent: number; answered: number }> {
  const datagram = new Uint8Array(DATAGRAM_BYTES).fill(7);
  const view = new DataView(datagram.buffer);
  /** By client: what it sent last, and what came back last. */
  const sentBy = new Uint32Array(all.length);
  let sent = 0;
  let answered = 0;
  let wrong: string | undefined;
  for (const [client, session] of all.entries()) {
    let last = 0;
    session.ondatagram = (answer) => {
      const numbers = new DataView(answer.buffer, answer.byteOffset, answer.length);
      const isOwn = answer.length === DATAGRAM_BYTES && numbers.getUint32(0) === client;
      const number = isOwn ? numbers.getUint32(4) : 0;
      if (number <= last || number > sentBy[client]!) wrong = `client ${client} gets what is not its own`;
      last = number;
      answered++;
    };
  }
  const total = all.length * seconds;
  const perTick = Math.ceil((all.length * TICK_MS) / 1000);
  const started = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = Math.floor(((performance.now() - started) / 1000) * all.length);
      // So many clients do not all come late at once: whoever was kept from sending catches up by and by.
      const due = Math.min(total, now, sent + perTick * CATCH_UP);
      while (sent < due) {
        const client = sent++ % all.length;
        view.setUint32(0, client);
        view.setUint32(4, ++sentBy[client]!);
        all[client]!.sendDatagram(datagram);
      }
      if (sent < total) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  for (let waited = 0; answered < sent && waited < LAST_MS; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (wrong !== undefined) throw new Error(wrong);
  return { sent, answered };
}
