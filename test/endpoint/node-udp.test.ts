import { Socket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { nodeUdp } from "../../src/transport/node-udp.ts";
import { SendRing } from "../../src/transport/send-ring.ts";

// The node:dgram of other runtimes.

const handler = { datagram() {}, drained() {}, refused() {}, failed() {} };
const here = { host: "127.0.0.1", port: 0 };

/** What other runtimes have in its place. */
const others: Record<string, unknown> = {
  nothing: undefined,
  "what throws": () => {
    throw new Error("not implemented");
  },
};

describe.each(Object.entries(others))("where instead of getSendQueueCount there is %s", (_name, instead) => {
  const own = Socket.prototype.getSendQueueCount;
  beforeEach(() => {
    Socket.prototype.getSendQueueCount = instead as typeof own;
  });
  afterEach(() => {
    Socket.prototype.getSendQueueCount = own;
  });

  test("as many datagrams as there is room for are taken, and arrive; then there is room again", async () => {
    const arrived: number[] = [];
    const server = await nodeUdp.bind(here, {
      ...handler,
      datagram: (bytes) => void arrived.push(bytes[0]! * 256 + bytes[1]!),
    });
    onTestFinished(() => server.close());
    let hasRoom = () => {};
    const room = new Promise<void>((resolve) => {
      hasRoom = resolve;
    });
    const client = await nodeUdp.connect(server, { ...handler, drained: () => hasRoom() });
    const numbered = (number: number) => new Uint8Array([number >> 8, number & 0xff]);
    const taken = Array.from({ length: 300 }, (_, i) => client.send(numbered(i), server));
    expect(taken.filter((each) => each)).toHaveLength(SendRing.capacity);
    expect(client.statistics).toMatchObject({ sent: SendRing.capacity, refusedByQueue: 45, errors: 0 });
    await room;
    expect(client.send(numbered(300), server)).toBe(true);
    await client.close();
    const expected = [...Array.from({ length: SendRing.capacity }, (_, i) => i), 300];
    await vi.waitFor(() => expect(arrived).toEqual(expected), 10_000);
  });

  test("a server's socket survives what cannot be sent", async () => {
    const server = await nodeUdp.bind(here, handler);
    onTestFinished(() => server.close());
    server.send(new Uint8Array(65_508), { host: "127.0.0.1", port: 9 });
    await vi.waitFor(() => expect(server.statistics.errors).toBe(1), 10_000);
  });
});
