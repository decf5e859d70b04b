import { expect, test } from "vitest";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { RemoteAddress } from "../../src/transport/types.ts";
import { event, memory, Party } from "./support.ts";

test("a recording of a whole session, played again to the server, gets nothing and does nothing", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const auth = await party.register({ name: "bob", password: "correct horse" });
  const server: RemoteAddress = {
    host: "127.0.0.1",
    port: Number(new URL(party.server.url.replace("udp:", "http:")).port),
  };
  const others = new Set<number>();
  const recording: { datagram: Uint8Array; from: RemoteAddress }[] = [];
  let isRecording = false;
  network.filter = (datagram, from, to) => {
    if (!isRecording) others.add(from.port);
    else if (to.port === server.port && !others.has(from.port))
      recording.push({ datagram: datagram.slice(), from });
    return [{ datagram, from, to }];
  };
  // Those that are there already.
  await room.send("before");
  isRecording = true;
  const bob = await party.connect(auth);
  const bobs = await bob.join(room.id);
  const seen = event(olga, "message", ({ message }) => message.author === "bob");
  await bobs.send("once");
  await seen;
  await bob.close();
  isRecording = false;
  expect(recording.length).toBeGreaterThan(8);

  const replay = async (port?: number) => {
    let bytesIn = 0;
    let bytesOut = 0;
    const attacker = await network.bind(
      { host: "127.0.0.1", port: port ?? 0 },
      {
        datagram(datagram) {
          bytesOut += datagram.length;
        },
        failed() {},
        drained() {},
        refused() {},
      },
    );
    const before = party.server.stats;
    for (const { datagram } of recording) {
      bytesIn += datagram.length;
      attacker.send(datagram, server);
    }
    // Whoever comes behind it is served.
    const eve = await party.connect(auth);
    await eve.close();
    const after = party.server.stats;
    expect(after.accepted - before.accepted).toBe(1);
    expect(bytesOut).toBeLessThanOrEqual(3 * bytesIn);
    await attacker.close();
  };
  // From the address that it was recorded at, from another one, and to a server that knows nothing of it.
  await replay(recording[0]!.from.port);
  await replay();
  const isBack = event(olga, "connected");
  await party.restart();
  await isBack;
  await replay();
  const { entries } = await room.history();
  expect(entries.filter(({ kind }) => kind === "message")).toHaveLength(2);
  expect((await room.members()).map(({ user }) => user)).toEqual(["bob", "olga"]);
});
