/** Servers on the gateway's machine count failures for each of its clients, not for all of them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connectFor, loopbackOf } from "../../src/gateway/loopback.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { Carrier, RemoteAddress, UdpCarriers } from "../../src/transport/types.ts";
import { bareSocket } from "../endpoint/support.ts";

// Has no declarations.
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

test("an address is always the same for one client, or one network of IPv6, and hardly ever for two", () => {
  const addresses = Array.from({ length: 1000 }, (_, i) => loopbackOf(`192.0.${i >> 8}.${i & 255}`));
  expect(new Set(addresses).size).toBeGreaterThan(990);
  for (const address of addresses) expect(address).toMatch(/^127\.[1-9]\d*\.\d+\.[1-9]\d*$/);
  expect(addresses.some((address) => /\.255$/.test(address))).toBe(false);
  expect(loopbackOf("192.0.0.7")).toBe(addresses[7]);
  expect(loopbackOf("::ffff:192.0.0.7")).toBe(addresses[7]);
  expect(loopbackOf("2001:db8::1")).toBe(loopbackOf("2001:db8:0:0:5::2"));
});

const handler = { datagram() {}, drained() {}, refused() {}, failed() {} };

test("other servers see what address the system chooses, and so does this machine where it has one only", async () => {
  const asked: (string | undefined)[] = [];
  const carrier = {} as Carrier;
  const udp = {
    connect: async (_remote: RemoteAddress, _handler: unknown, localHost?: string) => {
      asked.push(localHost);
      if (localHost !== undefined) throw Object.assign(new Error(), { code: "EADDRNOTAVAIL" });
      return carrier;
    },
  } as unknown as UdpCarriers;
  expect(await connectFor("192.0.2.1", udp, { host: "10.0.0.5", port: 1 }, handler)).toBe(carrier);
  expect(asked.splice(0)).toEqual([undefined]);
  expect(await connectFor("192.0.2.1", udp, { host: "127.0.0.1", port: 1 }, handler)).toBe(carrier);
  expect(asked).toEqual([loopbackOf("192.0.2.1"), undefined]);
});

test("in memory", async () => {
  const network = new MemoryNetwork();
  const { host } = (await connectFor("192.0.2.1", network, { host: "127.0.0.1", port: 1 }, handler)) as never;
  expect(host).toBe(loopbackOf("192.0.2.1"));
});

/** Opens a client behind each of these addresses, and answers where the server has got its datagram from. */
async function seenFrom(url: string, server: Awaited<ReturnType<typeof bareSocket>>, clients: string[]) {
  const seen: string[] = [];
  for (const client of clients) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/game`, {
      headers: { "x-forwarded-for": client },
    });
    onTestFinished(() => socket.terminate());
    await once(socket, "open");
    socket.send(Uint8Array.of(0x2f, 0, 1, 2, 3));
    const [datagram, { address, port }] = await once(server, "message");
    seen.push(address);
    // The way back.
    server.send(datagram, port, address);
    expect(Buffer.from((await once(socket, "message"))[0])).toEqual(Buffer.from(datagram));
  }
  return seen;
}

test("in Node: a client comes from the same address each time, and another one from another", async () => {
  const server = await bareSocket();
  onTestFinished(() => void server.close());
  const gateway = await openGateway("http://127.0.0.1:0", {
    targets: { game: `udp://127.0.0.1:${server.address().port}` },
    trustedProxies: ["loopback"],
  });
  onTestFinished(() => gateway.close());
  const clients = ["192.0.2.1", "192.0.2.2", "192.0.2.1"];
  expect(await seenFrom(gateway.url, server, clients)).toEqual(clients.map(loopbackOf));
});

test.each(["deno", "bun"])("in %s as well", async (runtime) => {
  const server = await bareSocket();
  onTestFinished(() => void server.close());
  const { command, args } = await findRuntime(runtime);
  const program = fileURLToPath(new URL("paged-gateway.ts", import.meta.url));
  const target = `udp://127.0.0.1:${server.address().port}`;
  const child = spawn(command, [...args, program, target], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  const [first, second, again] = await seenFrom(String(line).trim(), server, [
    "192.0.2.1",
    "192.0.2.2",
    "192.0.2.1",
  ]);
  expect(first).toMatch(/^127\.[1-9]/);
  expect(first).not.toBe("127.0.0.1");
  expect(second).not.toBe(first);
  expect(again).toBe(first);
});
