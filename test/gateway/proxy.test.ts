/** Gateways behind a proxy, which is the one that clients connect to. */
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connectOn } from "../../src/endpoint/connect.ts";
import { gatewayHashes } from "../../src/endpoint/node-index.ts";
import { nodePlatform } from "../../src/endpoint/node-platform.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import { GatewayCode } from "../../src/transport/gateway-codes.ts";
import { nodeUdp } from "../../src/transport/node-udp.ts";
import type { WebSocketClass } from "../../src/transport/websocket.ts";
import { alice, ask, failure, text, utf8 } from "../endpoint/support.ts";
import { selfSigned, world } from "./world.ts";

test("behind a proxy, all connections are the proxy's", async () => {
  const limits = { clients: 10, clientsPerAddress: 1 };
  const { gateway } = await world({ trustedProxies: ["loopback"], limits });
  const { port } = new URL(gateway.url);
  const held = Array.from({ length: 50 }, () => connectTcp(Number(port), "127.0.0.1"));
  await Promise.all(held.map((socket) => once(socket, "connect")));
  expect(await gatewayHashes(gateway.url)).toEqual([]);
  for (const socket of held) socket.destroy();
});

test("behind a proxy, clients are told apart by what it says of them", async () => {
  const { gateway, ws } = await world({ trustedProxies: ["loopback"], limits: { clientsPerAddress: 1 } });
  const from = (address: string) => new WebSocket(`${ws}/game`, { headers: { "x-forwarded-for": address } });
  const held = [from("6.6.6.6, 192.0.2.1"), from("6.6.6.6, 192.0.2.2")];
  await Promise.all(held.map((socket) => once(socket, "open")));
  const [code] = await once(from("7.7.7.7, 192.0.2.1"), "close");
  expect(code).toBe(GatewayCode.busy);
  expect(gateway.getStats().clients).toBe(2);
  for (const socket of held) socket.terminate();
});

test.each([
  ["without a proxy", []],
  ["by others than the proxy", ["10.0.0.0/8", "127.0.0.2"]],
])("%s, what a client says of its address is nothing", async (_, trustedProxies) => {
  const { ws } = await world({ trustedProxies, limits: { clientsPerAddress: 1 } });
  const from = (address: string) => new WebSocket(`${ws}/game`, { headers: { "x-forwarded-for": address } });
  const held = from("192.0.2.1");
  await once(held, "open");
  const [code] = await once(from("192.0.2.2"), "close");
  expect(code).toBe(GatewayCode.busy);
  held.terminate();
});

/** A proxy that has the certificate, as those have that stand in front of web servers; says where it is. */
async function proxyTo(gatewayUrl: string, tls: object): Promise<string> {
  const { hostname, port } = new URL(gatewayUrl);
  const proxy = createServer(tls, ({ url, method, headers, socket }, response) => {
    const forwarded = { ...headers, "x-forwarded-for": added(headers, socket.remoteAddress) };
    request({ hostname, port, path: url, method, headers: forwarded }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    }).end();
  });
  const added = (headers: NodeJS.Dict<string | string[]>, address = "") =>
    [headers["x-forwarded-for"], address].filter(Boolean).join(", ");
  proxy.on("upgrade", ({ url, headers, socket }, outside, head) => {
    const inside = connectTcp(Number(port), hostname);
    const all = { ...headers, "x-forwarded-for": added(headers, socket.remoteAddress) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    inside.write([`GET ${url} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    inside.write(head);
    inside.pipe(outside).on("error", () => inside.destroy());
    outside.pipe(inside).on("error", () => outside.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  return `wss://localhost:${(proxy.address() as AddressInfo).port}`;
}

test("a proxy with a certificate: sessions pass it, and each address has its limit", async () => {
  const tls = await selfSigned();
  const { server, gateway } = await world({
    trustedProxies: ["127.0.0.1"],
    limits: { clientsPerAddress: 1 },
  });
  const url = `${await proxyTo(gateway.url, tls)}/game`;
  /** As a client at this address would: who claims to be another in the header tells nothing. */
  const dial = (localAddress: string, claims: string) => {
    const options = { ca: tls.cert, localAddress, headers: { "x-forwarded-for": claims } };
    const webSocket = class extends WebSocket {
      constructor(target: string) {
        super(target, options);
      }
    } as unknown as WebSocketClass;
    const platform = sharing(async () => ({
      ...(await nodePlatform(nodeUdp, false)),
      webSocket: async () => webSocket,
    }));
    return connectOn(platform, url, { auth: alice });
  };
  const one = await dial("127.0.0.3", "192.0.2.1");
  const two = await dial("127.0.0.2", "192.0.2.1");
  for (const session of [one, two]) expect(text(await ask(session, utf8("through")))).toBe("through");
  expect((await failure(dial("127.0.0.3", "192.0.2.3"))).code).toBe("gateway_busy");
  expect(server.getStats()).toMatchObject({ sessions: 2, accepted: 2 });
  for (const session of [one, two]) session.close();
  await Promise.all([one.closed, two.closed]);
});
