import { connect, listen, psk, type Session } from "../src/endpoint/node-index.ts";
import { type Answers, OtherProcess } from "./other-process.ts";

// Sessions of one server that do nothing at present: what each of them costs it in memory, all of it counted. The server has
// a process of its own; its clients are all in the other.

const auth = psk({ identity: "bench", key: new Uint8Array(32).fill(9) });
/** Longer than a run takes. */
const idleTimeoutMs = 3_600_000;
const AT_A_TIME = 50;
const WARM_UP = 200;
const MESSAGE = new Uint8Array(1024).fill(9);

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly arrayBuffers: number;
}

/** Sessions without streams; with streams, once they are ready; and the latter after a request on each. */
export interface IdleSessions {
  readonly plain_bytes_each: number;
  readonly plain_heap_bytes_each: number;
  readonly streams_bytes_each: number;
  readonly streams_heap_bytes_each: number;
  readonly streams_buffer_bytes_each: number;
  readonly used_bytes_each: number;
}

export async function idleSessions(group: string, count: number): Promise<IdleSessions> {
  const other = new OtherProcess(group, "server");
  const url = await other.ask<string>("url");
  const sessions: Session[] = [];
  const add = async (more: number, streams: false | Record<string, never>) => {
    for (let i = 0; i < more; i += AT_A_TIME) {
      const batch = await Promise.all(
        Array.from({ length: AT_A_TIME }, () => connect(url, { auth, idleTimeoutMs, streams })),
      );
      await Promise.all(batch.map(({ ready }) => ready));
      sessions.push(...batch);
    }
  };
  const each = (after: Memory, before: Memory, what: keyof Memory) =>
    Math.round((after[what] - before[what]) / count);
  for (const streams of [{}, false] as const) await add(WARM_UP, streams);
  const empty = await other.ask<Memory>("memory");
  await add(count, false);
  const plain = await other.ask<Memory>("memory");
  await add(count, {});
  const idle = await other.ask<Memory>("memory");
  const used = sessions.slice(-count);
  for (const session of used) {
    const { length } = await session.request(MESSAGE);
    if (length !== MESSAGE.length) throw new Error(`${length} bytes came back`);
  }
  const after = await other.ask<Memory>("memory");
  const open = await other.ask<number>("sessions");
  if (open !== sessions.length) throw new Error(`of ${sessions.length} sessions ${open} are left`);
  other.close();
  for (const session of sessions) session.close();
  return {
    plain_bytes_each: each(plain, empty, "rss"),
    plain_heap_bytes_each: each(plain, empty, "heapUsed"),
    streams_bytes_each: each(idle, plain, "rss"),
    streams_heap_bytes_each: each(idle, plain, "heapUsed"),
    streams_buffer_bytes_each: each(idle, plain, "arrayBuffers"),
    used_bytes_each: each(after, plain, "rss"),
  };
}

/** The server: it answers requests. */
export async function idleServer(): Promise<Answers> {
  const server = await listen("udp://127.0.0.1:0", {
    auth,
    idleTimeoutMs,
    limits: { sessionsPerAddress: 100_000, sessionsPerIdentity: 100_000 },
    onsession: (session) => {
      if (session.hasStreams) session.onrequest = (request) => request;
    },
  });
  return {
    url: () => String(server.url),
    sessions: () => server.getStats().sessions,
    memory: async (): Promise<Memory> => {
      // Acknowledgements that wait are sent, and what has come to its end is let go.
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        (globalThis as { gc?: () => void }).gc?.();
      }
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
      return { rss, heapUsed, arrayBuffers };
    },
  };
}
