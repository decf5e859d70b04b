/** {@link Outside} in Node, with what other runtimes have to do in programs of theirs. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as endpoint from "../../src/endpoint/node-index.ts";
import { type Gateway, openGateway } from "../../src/gateway/node-index.ts";
import { type Outside, SERVER_RUNTIMES, type ServerRuntime, type Servers } from "./outside.ts";
import { openServers } from "./servers.ts";

/** A program and its arguments. */
export type CommandLine = readonly [string, ...string[]];

export interface Programs {
  /** Runs the gateway of WebTransport. */
  readonly webTransport?: CommandLine;
  /** Run the servers in other runtimes than this. */
  readonly servers: Readonly<Record<Exclude<ServerRuntime, "node">, CommandLine>>;
}

export interface OpenedOutside extends Outside {
  close(): Promise<void>;
}

export async function openOutside(programs: Programs): Promise<OpenedOutside> {
  const others = Object.entries(programs.servers);
  const [{ close, ...inNode }, ...started] = await Promise.all([
    openServers(endpoint, openGateway),
    ...others.map(([, program]) => start<Servers>(program)),
  ]);
  const inOthers = others.map(([runtime], i) => [runtime, started[i]!.said] as const);
  const servers = Object.fromEntries([["node", inNode], ...inOthers]) as Record<ServerRuntime, Servers>;
  const targets: Record<string, string> = { ...inNode.urls, dead: await deadUrl() };
  for (const runtime of SERVER_RUNTIMES) {
    for (const [login, url] of Object.entries(servers[runtime].urls)) targets[`${runtime}-${login}`] = url;
  }
  const limits = { clientsPerAddress: 1000 };
  let webSocket = await openGateway("http://127.0.0.1:0", { targets, limits });
  const webTransport = programs.webTransport && (await DenoGateway.open(programs.webTransport, targets));

  const control = createServer(async ({ url }, response) => {
    if (url === "/webSocket")
      webSocket = await reopen(webSocket, () => openGateway(webSocket.url, { targets, limits }));
    else await webTransport?.restart();
    response.writeHead(200, { "access-control-allow-origin": "*" }).end();
  });
  control.listen(0, "127.0.0.1");
  await once(control, "listening");
  return {
    webSocket: webSocket.url.replace("http", "ws"),
    webTransport: webTransport?.urls,
    restart: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
    servers,
    async close() {
      control.close();
      control.closeAllConnections();
      await Promise.all([webSocket.close(), webTransport?.close()]);
      await Promise.all([close(), ...started.map(({ child }) => stop(child))]);
    },
  };
}

/** Where nobody listens, as far as that can be known. */
async function deadUrl(): Promise<string> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return `udp://127.0.0.1:${port}`;
}

async function reopen(gateway: Gateway, open: () => Promise<Gateway>): Promise<Gateway> {
  await gateway.close();
  return open();
}

interface GatewayUrls {
  readonly url: string;
  readonly hashes: string;
}

/** The gateway in Deno, a program of its own. */
class DenoGateway {
  readonly urls: GatewayUrls;
  readonly #program: CommandLine;
  readonly #targets: Readonly<Record<string, string>>;
  readonly #folder: string;
  #child: ChildProcess;

  private constructor(
    program: CommandLine,
    targets: Readonly<Record<string, string>>,
    folder: string,
    { child, said }: Started<GatewayUrls>,
  ) {
    this.#program = program;
    this.#targets = targets;
    this.#folder = folder;
    this.#child = child;
    this.urls = said;
  }

  static async open(program: CommandLine, targets: Readonly<Record<string, string>>): Promise<DenoGateway> {
    const folder = await mkdtemp(join(tmpdir(), "sealgram-"));
    const urls = { url: "https://127.0.0.1:0", hashes: "http://127.0.0.1:0" };
    return new DenoGateway(program, targets, folder, await start(program, { ...urls, targets, folder }));
  }

  /** At the same ports, with the same certificates. */
  async restart(): Promise<void> {
    await stop(this.#child);
    const options = { ...this.urls, targets: this.#targets, folder: this.#folder };
    ({ child: this.#child } = await start(this.#program, options));
  }

  async close(): Promise<void> {
    await stop(this.#child);
    await rm(this.#folder, { recursive: true });
  }
}

interface Started<T> {
  readonly child: ChildProcess;
  /** Its first line, which is JSON. */
  readonly said: T;
}

async function start<T>([command, ...args]: CommandLine, options: object = {}): Promise<Started<T>> {
  const child = spawn(command, [...args, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface(child.stdout)) return { child, said: JSON.parse(line) };
  throw new Error(`a program said nothing: ${[command, ...args].join(" ")}`);
}

/** It stops by itself when nobody can tell it anything any more. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin!.end();
  await ended;
}
