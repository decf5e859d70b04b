import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { type ChatAuth, type Client, chatBy } from "../../src/apps/chat/client/entry.ts";
import { connect } from "../../src/endpoint/node-index.ts";
import { LossyProxy } from "./lossy-proxy.ts";
import { ServerProcess, until } from "./server-process.ts";
import { temporaryFolder } from "./support.ts";

const ChatClient = chatBy(connect);

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return socket;
}

test("the bad network loses, doubles and reorders as much as it is told to, in both directions", async () => {
  const echo = await bound();
  let echoed = 0;
  echo.on("message", (datagram, { port }) => {
    echoed++;
    echo.send(datagram, port, "127.0.0.1");
  });
  const proxy = await LossyProxy.open({
    target: `udp://127.0.0.1:${echo.address().port}`,
    seed: 7,
    loss: 0.1,
    duplication: 0.05,
    reordering: 0.1,
  });
  onTestFinished(() => proxy.close());
  const client = await bound();
  const back: number[] = [];
  client.on("message", (datagram) => back.push(datagram.readUInt16BE()));
  const count = 1_000;
  const { up, down } = proxy.counts;
  for (let i = 0; i < count; i++) {
    client.send(Uint8Array.of(i >> 8, i), proxy.port, "127.0.0.1");
    // No more at a time than sockets hold.
    if (i % 20 === 19) await until(() => up.forwarded + up.lost + 20 > i);
  }
  await until(() => up.forwarded + up.lost === count + up.doubled && echoed === up.forwarded);
  await until(() => down.forwarded + down.lost === echoed + down.doubled && back.length === down.forwarded);
  for (const { lost, doubled, reordered } of [up, down]) {
    expect(lost / count).toBeGreaterThan(0.07);
    expect(lost / count).toBeLessThan(0.13);
    expect(doubled / count).toBeGreaterThan(0.03);
    expect(reordered / count).toBeGreaterThan(0.06);
  }
  expect(new Set(back).size).toBeLessThan(count * 0.87);
  expect(back.filter((number, i) => i > 0 && number < back[i - 1]!).length).toBeGreaterThan(count / 20);
});

test("with loss, doubling and reordering on the wire, and the server killed in the middle, all transcripts are complete and the same", async () => {
  const names = ["olga", "ann", "bob", "carl"];
  const each = 200;
  const idleTimeoutMs = 2_000;
  const folder = temporaryFolder();
  let server = await ServerProcess.start(folder);
  const { url } = server;
  const proxy = await LossyProxy.open({ target: url, seed: 2026, duplication: 0.02 });
  onTestFinished(() => proxy.close());
  const link = proxy.link(server.link);
  const clients: Client[] = [];
  const login = async (auth: ChatAuth) => {
    const client = await ChatClient.connect(link, { auth, idleTimeoutMs });
    onTestFinished(() => client.close());
    clients.push(client);
    return client;
  };
  const olga = await login(await ChatClient.join(link, { name: "olga" }));
  for (const name of names.slice(1)) await login(await ChatClient.join(await olga.invite(), { name }));
  const { id } = await olga.createRoom("garden");
  const rooms = await Promise.all(clients.map((client) => client.join(id)));
  const transcripts: string[][] = clients.map((client, i) => {
    const texts: string[] = [];
    client.on("message", ({ message }) =>
      texts.push(`${message.position} ${message.author} ${message.text}`),
    );
    expect(client.user.name).toBe(names[i]);
    return texts;
  });
  let stored = 0;
  const sending = rooms.map(async (room) => {
    for (let i = 0; i < each; i++) {
      const one = room.send(`${i}`).then(() => stored++);
      // Some wait in line, so that the end of a connection finds them there.
      if (i % 10 === 9) await one;
    }
  });
  const total = each * names.length;
  for (const after of [total / 4, total / 2]) {
    await until(() => stored >= after);
    await server.kill();
    server = await ServerProcess.start(folder, url);
  }
  await Promise.all(sending);
  await until(() => stored === total && transcripts.every(({ length }) => length >= total));
  const [first, ...others] = transcripts;
  for (const other of others) expect(other).toEqual(first);
  for (const name of names) {
    const own = first!.filter((line) => line.split(" ")[1] === name).map((line) => line.split(" ")[2]);
    expect(own).toEqual(Array.from({ length: each }, (_, i) => `${i}`));
  }
  const { up, down } = proxy.counts;
  expect(
    Math.min(up.lost, down.lost, up.reordered, down.reordered, up.doubled, down.doubled),
  ).toBeGreaterThan(0);
}, 180_000);
