/** TCP connections to a gateway that are no clients, or not yet. */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { GatewayCode } from "../../src/transport/gateway-codes.ts";
import { closeCode, selfSigned, world } from "./world.ts";

test.each(["http", "https"])(
  "%s: connections that say nothing, or not all, are few for one address, and closed in time",
  async (protocol) => {
    const tls = await selfSigned();
    const { gateway, ws } = await world(
      { ...(protocol === "https" ? { tls } : {}), limits: { clients: 10, clientsPerAddress: 3 } },
      `${protocol}://127.0.0.1:0`,
    );
    const game = `${ws}/game`;
    const trusting: object = { ca: tls.cert, servername: "localhost" };
    const client = new WebSocket(game, trusting);
    await once(client, "open");
    const begin = performance.now();
    const { port } = new URL(gateway.url);
    const silent = Array.from({ length: 125 }, (_, i) => {
      const socket = connectTcp(Number(port), "127.0.0.1").on("error", () => {});
      if (i % 2 === 0) socket.write(protocol === "http" ? "GET / HTTP/1.1\r\nHo" : "\x16\x03\x01");
      return new Promise((resolve) => socket.resume().once("close", resolve));
    });
    // The first come first, and have their time.
    await Promise.all(silent.slice(22));
    expect(performance.now() - begin).toBeLessThan(5_000);
    // Another address is not concerned.
    const elsewhere = { ...trusting, localAddress: "127.0.0.2" };
    expect(await closeCode(`${ws}/other`, elsewhere)).toBe(GatewayCode.unknown_target);
    await Promise.all(silent);
    expect(performance.now() - begin).toBeGreaterThan(9_000);
    // Those who have gone do not count any more; who said what was to be said may be silent.
    for (let i = 0; i < 30; i++) {
      expect(await closeCode(`${ws}/other`, trusting)).toBe(GatewayCode.unknown_target);
    }
    expect(client.readyState).toBe(WebSocket.OPEN);
    client.terminate();
  },
);

test("connections are limited in all, whatever their addresses", async () => {
  const { gateway } = await world({ limits: { clients: 1 } });
  const { port, hostname } = new URL(gateway.url);
  // Twice the clients, and a hundred for those who ask for something else.
  const most = 102;
  const sockets = Array.from({ length: most + 8 }, (_, i) => {
    const localAddress = `127.0.0.${1 + (i % 4)}`;
    const socket = connectTcp({ port: Number(port), host: hostname, localAddress }).on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    return socket;
  });
  const outcomes = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve) => {
          socket.once("data", () => resolve("answered"));
          socket.once("close", () => resolve("closed"));
        }),
    ),
  );
  for (const socket of sockets) socket.destroy();
  expect(outcomes.filter((each) => each === "answered")).toHaveLength(most);
});
