import { connect, core, crypto, type End, pskClient, pskServer } from "./connection-pair.ts";
import type { Context, Figures, Group } from "./harness.ts";

// Many established, idle connections of a server: what each of them costs in memory, all of it counted. Their clients
// are gone; each has a connection ID, a PSK identity and the keys of both directions.

const connections: Group = {
  everyRuntime: false,
  async run({ quick }: Context): Promise<Figures> {
    const count = quick ? 5_000 : 100_000;
    for (let i = 0; i < 100; i++) await establish();
    const before = await memory();
    const kept: End[] = [];
    for (let i = 0; i < count; i++) kept.push(await establish());
    const after = await memory();
    if (!kept.every(({ connection }) => connection.state === "established"))
      throw new Error("not established");
    const each = (total: number) => Math.round(total / count);
    return {
      count,
      bytes_each: each(after.rss - before.rss),
      heap_bytes_each: each(after.heapUsed - before.heapUsed),
      external_bytes_each: each(after.external - before.external),
      linear_memory_bytes_each: each(after.linear - before.linear),
      rss_total_bytes: after.rss,
    };
  },
};

export default connections;

async function establish(): Promise<End> {
  const { client, server } = await connect(pskClient, pskServer, crypto.random(8));
  server.peer = undefined;
  client.peer = undefined;
  client.connection.close();
  return server;
}

async function memory() {
  // Twice, and a turn of the event loop between: finalizers free native memory only then.
  for (let i = 0; i < 2; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external, linear: core.statistics.memoryBytes };
}
