/** {@link Outside} in Node, which has a Deno of its own for WebTransport if it is told where that is. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { toBase64 } from "../../src/crypto/bytes.ts";
import { generatePkcs8, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import {
  type Auth,
  LoginThrottle,
  listen,
  MemoryRecordStore,
  password,
  psk,
  publicKey,
  register,
} from "../../src/endpoint/node-index.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { type Gateway, openGateway } from "../../src/gateway/node-index.ts";
import { identity, type Outside, sharedKey, sharedPassword, type TargetName } from "./outside.ts";

export interface OpenedOutside extends Outside {
  close(): Promise<void>;
}

/** @param deno program and arguments that run the WebTransport gateway */
export async function openOutside(deno?: readonly string[]): Promise<OpenedOutside> {
  const serverKey = await generatePkcs8("Ed25519");
  const record = await register({ identity, password: sharedPassword, iterations: 30_000 });
  // Every runtime comes with wrong passwords too.
  const throttle = new LoginThrottle({ placeFailures: 1000, identityFailures: 1000, addressFailures: 1000 });
  const [ofPsk, ofPassword, ofKey] = await Promise.all([
    echo(psk({ identity, key: sharedKey })),
    echo(password(new MemoryRecordStore([record]), { throttle })),
    echo(publicKey({ key: serverKey })),
  ]);
  const targets: Record<TargetName, string> = {
    psk: ofPsk.url,
    password: ofPassword.url,
    key: ofKey.url,
    dead: await deadUrl(),
  };
  const limits = { clientsPerAddress: 1000 };
  let webSocket = await openGateway("http://127.0.0.1:0", { targets, limits });
  const webTransport = deno && (await DenoGateway.open(deno, targets));

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
    publicKey: toBase64((await signerFromPkcs8(serverKey)).publicKey),
    async close() {
      control.close();
      control.closeAllConnections();
      await Promise.all([webSocket.close(), webTransport?.close()]);
      await Promise.all([ofPsk, ofPassword, ofKey].map((server) => server.close()));
    },
  };
}

function echo(auth: Auth): Promise<Server> {
  return listen("udp://127.0.0.1:0", {
    auth,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
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

/** The gateway in Deno, a program of its own. */
class DenoGateway {
  readonly urls: { readonly url: string; readonly hashes: string };
  readonly #command: readonly string[];
  readonly #targets: Readonly<Record<string, string>>;
  readonly #folder: string;
  #child: ChildProcess;

  private constructor(
    command: readonly string[],
    targets: Readonly<Record<string, string>>,
    folder: string,
    { child, urls }: Started,
  ) {
    this.#command = command;
    this.#targets = targets;
    this.#folder = folder;
    this.#child = child;
    this.urls = urls;
  }

  static async open(
    command: readonly string[],
    targets: Readonly<Record<string, string>>,
  ): Promise<DenoGateway> {
    const folder = await mkdtemp(join(tmpdir(), "sealgram-"));
    const urls = { url: "https://127.0.0.1:0", hashes: "http://127.0.0.1:0" };
    return new DenoGateway(command, targets, folder, await start(command, targets, folder, urls));
  }

  /** At the same ports, with the same certificates. */
  async restart(): Promise<void> {
    await stop(this.#child);
    ({ child: this.#child } = await start(this.#command, this.#targets, this.#folder, this.urls));
  }

  async close(): Promise<void> {
    await stop(this.#child);
    await rm(this.#folder, { recursive: true });
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly urls: DenoGateway["urls"];
}

async function start(
  [command, ...args]: readonly string[],
  targets: Readonly<Record<string, string>>,
  folder: string,
  urls: DenoGateway["urls"],
): Promise<Started> {
  const options = JSON.stringify({ ...urls, targets, folder });
  const child = spawn(command!, [...args, options], { stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface(child.stdout)) return { child, urls: JSON.parse(line) };
  throw new Error("the gateway in Deno did not start");
}

/** It stops by itself when nobody can tell it anything any more. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin!.end();
  await ended;
}
