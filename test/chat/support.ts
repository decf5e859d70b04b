/** A chat's server and clients, on a network in memory or on real sockets. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Connect, DialOptions } from "../../src/apps/chat/client/dialer.ts";
import {
  type ChatAuth,
  type ChatEvents,
  type ChatFace,
  type Client,
  chatBy,
  type NewUser,
} from "../../src/apps/chat/client/entry.ts";
import { ChatServer, type ChatServerOptions, type Listen } from "../../src/apps/chat/server/server.ts";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { connect, listen } from "../../src/endpoint/node-index.ts";
import { nodePlatform } from "../../src/endpoint/node-platform.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";

export interface Net {
  readonly connect: Connect;
  readonly listen: Listen;
}

export const udp: Net = { connect, listen };

export function memory(network: MemoryNetwork = new MemoryNetwork()): Net {
  const load = sharing(() => nodePlatform(network, false));
  return {
    connect: (url, options) => connectOn(load, url, options),
    listen: (url, options) => listenOn(load, url, options),
  };
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sealgram-chat-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server, the users that it has, and what is to be closed after the test. */
export class Party {
  readonly net: Net;
  readonly chat: ChatFace;
  readonly folder: string;
  server: ChatServer;
  readonly #options: Partial<ChatServerOptions>;
  readonly #clients: Client[] = [];
  #owner: Client | undefined;

  private constructor(net: Net, folder: string, server: ChatServer, options: Partial<ChatServerOptions>) {
    this.net = net;
    this.chat = chatBy(net.connect);
    this.folder = folder;
    this.server = server;
    this.#options = options;
  }

  /** Without a first room, unless the options have it. */
  static async open(net: Net = memory(), options: Partial<ChatServerOptions> = {}): Promise<Party> {
    const folder = temporaryFolder();
    const faults: unknown[] = [];
    const own = {
      onerror: (error: unknown) => void faults.push(error),
      firstRoom: false as const,
      ...options,
    };
    const server = await ChatServer.open(net.listen, { folder, url: "udp://127.0.0.1:0", ...own });
    onTestFinished(() => {
      if (faults.length > 0) throw faults[0];
    });
    const party = new Party(net, folder, server, own);
    onTestFinished(() => party.close());
    return party;
  }

  /** Another server on the same folder and at the same address. */
  async restart(): Promise<void> {
    const { url } = this.server;
    await this.server.close();
    this.server = await ChatServer.open(this.net.listen, { folder: this.folder, ...this.#options, url });
  }

  async connect(auth: ChatAuth, options: DialOptions = {}): Promise<Client> {
    const client = await this.chat.connect(this.server.link(), { ...options, auth });
    this.#clients.push(client);
    return client;
  }

  /** The first user; made when first asked for. */
  async owner(): Promise<Client> {
    this.#owner ??= await this.connect(
      await this.chat.join(this.server.link({ invitation: this.server.ownerInvitation }), { name: "olga" }),
    );
    return this.#owner;
  }

  /** Makes a user. */
  async register(user: NewUser): Promise<ChatAuth> {
    const owner = await this.owner();
    return this.chat.join(await owner.invite(), user);
  }

  /** Makes a user, and logs in. */
  async user(name: string): Promise<Client> {
    return this.connect(await this.register({ name }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.server.close();
  }
}

/** The first event of a name that a test agrees with. */
export function event<Name extends keyof ChatEvents>(
  client: Client,
  name: Name,
  agrees: (event: ChatEvents[Name]) => boolean = () => true,
): Promise<ChatEvents[Name]> {
  return new Promise((resolve) => {
    const stop = client.on(name, (event) => {
      if (!agrees(event)) return;
      stop();
      resolve(event);
    });
  });
}

/** The next messages of an iteration. */
export async function take<T>(count: number, from: AsyncIterator<T>): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await from.next();
    if (done) throw new Error(`it ended after ${taken.length}`);
    taken.push(value);
  }
  return taken;
}

export async function failure(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error("it did not fail");
}
