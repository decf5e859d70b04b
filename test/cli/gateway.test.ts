import { expect, test } from "vitest";
import { selfSigned } from "../runtime/self-signed.ts";
import { Cli, runtime, secretFile, startServer } from "./support.ts";

const psk = secretFile("alice.psk", `alice:${"5a".repeat(32)}\n`);

async function gatewayTo(url: string, ...args: string[]) {
  const listen = ["--listen", "http://127.0.0.1:0"];
  const gateway = new Cli(["gateway", "--json", ...listen, "--target", `game=${url}`, ...args]);
  const listening = await gateway.event("listening");
  return { gateway, listening, webSocket: String(listening.url).replace("http", "ws") };
}

test("a session by WebSocket through the gateway to a server on UDP", async () => {
  const { url, server } = await startServer("echo", "--psk-file", psk);
  const { gateway, listening, webSocket } = await gatewayTo(url, "--stats");
  expect(listening.targets).toEqual(["game"]);
  const client = new Cli(["connect", `${webSocket}/game`, "--psk-file", psk, "--json", "--linger", "0.3"]);
  expect(await client.finish("hello\n")).toEqual({ code: 0, signal: null });
  expect(client.stdout.toString()).toBe("hello\n");
  expect(await server.event("closed")).not.toHaveProperty("code");

  const lost = new Cli(["connect", `${webSocket}/other`, "--psk-file", psk, "--json"]);
  expect(await lost.ended).toEqual({ code: 4, signal: null });
  expect(await lost.event("error")).toMatchObject({ code: "unknown_target" });

  expect(await gateway.kill("SIGTERM")).toEqual({ code: 143, signal: null });
  expect(await gateway.event("stats")).toMatchObject({ accepted: 1, refusals: { unknown_target: 1 } });
});

test("limits are the gateway's", async () => {
  const { url } = await startServer("echo", "--psk-file", psk);
  const { webSocket } = await gatewayTo(url, "--limit", "clients=1");
  const first = new Cli(["connect", `${webSocket}/game`, "--psk-file", psk, "--json"]);
  await first.event("connected");
  const second = new Cli(["connect", `${webSocket}/game`, "--psk-file", psk, "--json"]);
  expect(await second.ended).toEqual({ code: 4, signal: null });
  expect(await second.event("error")).toMatchObject({ code: "gateway_busy" });
});

test.each(["deno", "bun"])("the same command in %s", async (name) => {
  const command = await runtime(name);
  const server = new Cli(["echo", "udp://127.0.0.1:0", "--psk-file", psk, "--json"], {}, command);
  const { url } = await server.event("listening");
  const second = new Cli(["echo", String(url), "--psk-file", psk, "--json"], {}, command);
  expect(await second.ended).toEqual({ code: 1, signal: null });
  expect(await second.event("error")).toEqual({
    event: "error",
    code: "EADDRINUSE",
    message: `cannot listen at ${url}: the port is taken`,
  });
  const gateway = new Cli(
    ["gateway", "--json", "--listen", "http://127.0.0.1:0", "--target", `game=${url}`],
    {},
    command,
  );
  const webSocket = String((await gateway.event("listening")).url).replace("http", "ws");
  for (const address of [String(url), `${webSocket}/game`]) {
    const client = new Cli(["connect", address, "--psk-file", psk, "--json", "--linger", "0.5"], {}, command);
    expect(await client.finish(`by ${address}\n`)).toEqual({ code: 0, signal: null });
    expect(client.stdout.toString()).toBe(`by ${address}\n`);
  }
  expect(await server.kill("SIGINT")).toEqual({ code: 130, signal: null });
  expect(await gateway.kill("SIGINT")).toEqual({ code: 130, signal: null });
});

test.each(["node", "deno", "bun"])("in %s, --until-eof ends it when its input ends", async (name) => {
  const command = name === "node" ? [process.execPath] : await runtime(name);
  const args = ["--listen", "http://127.0.0.1:0", "--target", "game=udp://127.0.0.1:9", "--until-eof"];
  const gateway = new Cli(["gateway", "--json", ...args], {}, command);
  await gateway.event("listening");
  expect(await gateway.finish()).toEqual({ code: 0, signal: null });
});

test.each(["node24", "deno", "bun"])("wss: with a certificate of one's own in %s", async (name) => {
  const command = await runtime(name);
  const { cert, key } = await selfSigned();
  const certificate = secretFile(`${name}.cert.pem`, cert);
  const { url, server } = await startServer("echo", "--psk-file", psk);
  const gateway = new Cli(
    [
      ...["gateway", "--json", "--listen", "https://127.0.0.1:0", "--target", `game=${url}`],
      ...["--certificate", certificate, "--key", secretFile(`${name}.key.pem`, key)],
    ],
    {},
    command,
  );
  const address = `${String((await gateway.event("listening")).url).replace("https", "wss")}/game`;
  const connecting = ["connect", address, "--psk-file", psk, "--json", "--linger", "0.5"];
  const trusting = { NODE_EXTRA_CA_CERTS: certificate, DENO_CERT: certificate };
  const client = new Cli(connecting, trusting, command);
  expect(await client.finish("sealed twice\n")).toEqual({ code: 0, signal: null });
  expect(client.stdout.toString()).toBe("sealed twice\n");

  const wary = new Cli(connecting, {}, command);
  expect(await wary.finish()).toEqual({ code: 4, signal: null });
  expect(await wary.event("error")).toMatchObject({
    // Deno tells only of its second attempt, by HTTP/2.
    code: name === "deno" ? "gateway_unreachable" : "untrusted_gateway",
  });
  expect(await gateway.kill("SIGINT")).toEqual({ code: 130, signal: null });
  expect(await server.kill("SIGINT")).toEqual({ code: 130, signal: null });
});
