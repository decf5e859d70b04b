import { ContentType, Protection } from "../src/core/index.ts";
import { connect, core, crypto, type End, pskClient, pskServer } from "./connection-pair.ts";
import type { Case, Context, Figures, Group } from "./harness.ts";
import { idleServer, idleSessions } from "./idle-sessions.ts";

// Many established, idle connections of a server: what each of them costs in memory, all of it counted. Their clients
// are gone; each has a connection ID, a PSK identity and the keys of both directions. What a whole session costs, with
// streams and without. And what a connection adds to the record core when it sends.

const connections: Group = {
  everyRuntime: false,
  roles: { server: idleServer },
  async run({ quick, measure }: Context): Promise<Figures> {
    const count = quick ? 5_000 : 100_000;
    for (let i = 0; i < 100; i++) await establish();
    const before = await memory();
    const kept: End[] = [];
    for (let i = 0; i < count; i++) kept.push(await establish());
    const after = await memory();
    if (!kept.every(({ connection }) => connection.state === "established"))
      throw new Error("not established");
    const sending = await measure([await throughConnection(), throughCore()]);
    const [connectionUs, coreUs] = [...sending.values()].map(({ medianUs }) => medianUs);
    const each = (total: number) => Math.round(total / count);
    return {
      count,
      bytes_each: each(after.rss - before.rss),
      heap_bytes_each: each(after.heapUsed - before.heapUsed),
      external_bytes_each: each(after.external - before.external),
      linear_memory_bytes_each: each(after.linear - before.linear),
      rss_total_bytes: after.rss,
      send_1200_us: Math.round(connectionUs! * 100) / 100,
      core_seal_1200_us: Math.round(coreUs! * 100) / 100,
      sessions: { ...(await idleSessions("connections", quick ? 1000 : 8000)) },
    };
  },
};

export default connections;

/** So that the record has 1,200 bytes in all. */
const CONTENT_BYTES = 1200 - 22;

async function throughConnection(): Promise<Case> {
  const { client, server } = await connect(pskClient, pskServer);
  const content = new Uint8Array(CONTENT_BYTES).fill(7);
  const { connection } = client;
  return {
    name: "connection",
    verify() {
      connection.send(content);
      server.takeAll();
      if (server.receivedBytes !== CONTENT_BYTES) throw new Error("the data did not arrive");
      client.peer = undefined;
    },
    run(count) {
      for (let i = 0; i < count; i++) connection.send(content);
    },
  };
}

function throughCore(): Case {
  const keys = {
    protection: Protection.chacha20_poly1305,
    key: crypto.random(32),
    iv: crypto.random(12),
    snKey: crypto.random(32),
  };
  const sealer = core.createSealer(keys, { epoch: 3 });
  const opener = core.createOpener(keys, { epoch: 3 });
  const content = new Uint8Array(CONTENT_BYTES).fill(7);
  const datagram = new Uint8Array(1200);
  return {
    name: "core",
    async verify() {
      await sealer.seal(ContentType.application_data, content, 0, datagram, 0);
      core.reader.begin(datagram, 0);
      core.reader.next();
      const { drop, length } = await opener.open();
      if (drop !== 0 || length !== CONTENT_BYTES) throw new Error("the record does not open");
    },
    run(count) {
      for (let i = 0; i < count; i++) sealer.seal(ContentType.application_data, content, 0, datagram, 0);
    },
  };
}

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
