/** Gateways on HTTP servers that are there already. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connect } from "../../src/endpoint/node-index.ts";
import { type AttachOptions, attachGateway, type HttpAttachedGateway } from "../../src/gateway/node-index.ts";
import { GatewayCode } from "../../src/transport/gateway-codes.ts";
import { alice, ask, echoServer, failure, text, utf8 } from "../endpoint/support.ts";
import { closeCode } from "./world.ts";

// Has no declarations.
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

async function target(): Promise<string> {
  const server = await echoServer();
  onTestFinished(() => server.close());
  return server.url;
}

async function onNode(options: Omit<AttachOptions, "targets"> = {}): Promise<{
  gateway: HttpAttachedGateway;
  url: string;
}> {
  const gateway = attachGateway({ targets: { game: await target() }, ...options });
  const server = createServer((_, response) => void response.end("a page"));
  server.on("upgrade", (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    gateway.close();
    server.closeAllConnections();
    server.close();
  });
  return { gateway, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What holds of each: sessions under its path, and all else is the program's. */
async function checkSessions(url: string): Promise<void> {
  const ws = `${url.replace("http", "ws")}`;
  const session = await connect(`${ws}/gateway/game`, { auth: alice });
  expect(text(await ask(session, utf8("through")))).toBe("through");
  expect(await (await fetch(url)).text()).toBe("a page");
  expect(await closeCode(`${ws}/gateway/other`)).toBe(GatewayCode.unknown_target);
  expect(await closeCode(`${ws}/gateway/game`, {}, "text")).toBe(GatewayCode.not_binary);
  for (const path of ["/game", "/gateway", "/gatewayx/game", "/other/gateway/game"]) {
    expect((await failure(connect(ws + path, { auth: alice }))).code, path).toBe("gateway_unreachable");
  }
  session.close();
  await session.closed;
}

test("a server of node:http has sessions under a path, and its pages", async () => {
  const { gateway, url } = await onNode({ path: "/gateway" });
  await checkSessions(url);
  expect(gateway.getStats()).toMatchObject({ accepted: 2, refusals: { unknown_target: 1 } });
});

test("its clients are limited and told apart as on a gateway's own server, and told of its end", async () => {
  const limits = { clientsPerAddress: 1 };
  const { gateway, url } = await onNode({ trustedProxies: ["127.0.0.1"], limits });
  const from = (address: string) =>
    new WebSocket(`${url.replace("http", "ws")}/game`, { headers: { "x-forwarded-for": address } });
  const held = [from("192.0.2.1"), from("192.0.2.2")];
  await Promise.all(held.map((socket) => once(socket, "open")));
  expect((await once(from("192.0.2.1"), "close"))[0]).toBe(GatewayCode.busy);
  const ends = held.map((socket) => once(socket, "close"));
  gateway.close();
  gateway.close();
  for (const [code] of await Promise.all(ends)) expect(code).toBe(GatewayCode.going_away);
  expect((await once(from("192.0.2.3"), "close"))[0]).toBe(GatewayCode.going_away);
  expect(gateway.getStats().clients).toBe(0);
});

test("wrong paths are told, and a signal ends it", () => {
  for (const path of ["gateway", "/gateway/", "/a b", "//x"]) {
    expect(() => attachGateway({ targets: {}, path }), path).toThrow(TypeError);
  }
  expect(() => attachGateway({ targets: {}, signal: AbortSignal.abort(new Error("no")) })).toThrow("no");
});

test.each(["deno", "bun"])("a fetch handler in %s", async (name) => {
  const { command, args } = await findRuntime(name);
  const program = fileURLToPath(new URL("attached-gateway.ts", import.meta.url));
  const child = spawn(command, [...args, program, await target()], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [port] = await once(child.stdout, "data");
  const url = `http://127.0.0.1:${Number(String(port))}`;
  await checkSessions(url);
  expect((await fetch(`${url}/gateway/game`)).status).toBe(426);
  const held = new WebSocket(`${url.replace("http", "ws")}/gateway/game`);
  await once(held, "open");
  const ended = once(held, "close");
  child.stdin.write("\n");
  expect((await ended)[0]).toBe(GatewayCode.going_away);
  child.stdin.end();
  await once(child, "exit");
});
