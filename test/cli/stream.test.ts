import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Cli, runtime, secretFile, startServer } from "./support.ts";

const psk = secretFile("alice.psk", `alice:${"5a".repeat(32)}\n`);
const serve = () => startServer("serve", "--psk-file", psk, "--stream");
const connect = (url: unknown, ...args: string[]) =>
  new Cli(["connect", String(url), "--json", "--psk-file", psk, "--stream", ...args]);
const done = { code: 0, signal: null };

test.each([
  ["both ways", 5_000_000, 3_000_000],
  ["to the server", 2_000_000, 0],
  ["to the client", 0, 2_000_000],
  ["nothing", 0, 0],
])("any bytes arrive, all and in order: %s", async (_, up, down) => {
  const { url, server } = await serve();
  const [sent, answered] = [randomBytes(up), randomBytes(down)];
  const client = connect(url);
  const ends = [client.finish(sent), server.finish(answered)];
  expect(await Promise.all(ends)).toEqual([done, done]);
  expect(server.stdout.equals(sent)).toBe(true);
  expect(client.stdout.equals(answered)).toBe(true);
  expect(await server.event("closed")).not.toHaveProperty("code");
});

test("the end of one input is told, and the other goes on; a side may begin that was not asked", async () => {
  const { url, server } = await serve();
  const client = connect(url);
  server.write("who is there?");
  await client.printed("who is there?");
  client.child.stdin.end("a client");
  await server.printed("a client");
  server.write(" and what do you want?");
  await client.printed(" and what do you want?");
  expect(await Promise.all([server.finish(), client.ended])).toEqual([done, done]);
});

test("a reader that takes its time gets everything: the session waits for it", async () => {
  const { url, server } = await serve();
  server.child.stdin.end();
  server.child.stdout.pause();
  const client = connect(url, "--stats-interval", "0.05");
  const bytes = randomBytes(450_000);
  client.child.stdin.end(bytes);
  // All of it has arrived, and much of it waits in the session: pipes do not hold as much.
  interface Path {
    readonly bytesSent: number;
    readonly bytesInFlight: number;
  }
  const paths = () => client.events.filter(({ event }) => event === "stats").map(({ path }) => path as Path);
  const isThere = ({ bytesSent, bytesInFlight }: Path) => bytesSent > bytes.length && bytesInFlight === 0;
  await client.until(() => (paths().filter(isThere).length > 3 ? true : undefined));
  server.child.stdout.resume();
  expect(await Promise.all([client.ended, server.ended])).toEqual([done, done]);
  expect(server.stdout.equals(bytes)).toBe(true);
});

test("others are turned away", async () => {
  const { url, server } = await serve();
  const first = connect(url);
  await server.event("session");
  const second = connect(url);
  expect((await second.ended).code).toBe(1);
  expect((await second.event("error")).message).toContain("ended the session before");
  expect(await Promise.all([first.finish("me"), server.finish()])).toEqual([done, done]);
  expect(server.stdout.toString()).toBe("me");
});

test.each(["client", "server"])("what the %s gives up is no success on the other side", async (name) => {
  const { url, server } = await serve();
  const client = connect(url);
  client.write("the first part");
  await server.printed("the first part");
  const [one, other] = name === "client" ? [client, server] : [server, client];
  expect(await one!.kill("SIGINT")).toEqual({ code: 130, signal: null });
  expect(await other!.ended).toEqual({ code: 1, signal: null });
  expect((await other!.event("error")).message).toContain("before all had arrived");
});

test.each(["deno", "bun"])("the same command in %s", async (name) => {
  const command = await runtime(name);
  const args = ["--json", "--psk-file", psk, "--stream"];
  const server = new Cli(["serve", "udp://127.0.0.1:0", ...args], {}, command);
  const { url } = await server.event("listening");
  const client = new Cli(["connect", String(url), ...args], {}, command);
  const [sent, answered] = [randomBytes(300_000), randomBytes(300_000)];
  expect(await Promise.all([client.finish(sent), server.finish(answered)])).toEqual([done, done]);
  expect(server.stdout.equals(sent)).toBe(true);
  expect(client.stdout.equals(answered)).toBe(true);
});
