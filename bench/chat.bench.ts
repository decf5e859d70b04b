import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChatRoom, type Client, chatBy } from "../src/apps/chat/client/entry.ts";
import { Accounts, type User } from "../src/apps/chat/server/accounts.ts";
import { Database } from "../src/apps/chat/server/database.ts";
import { Rooms } from "../src/apps/chat/server/rooms.ts";
import { ChatServer } from "../src/apps/chat/server/server.ts";
import { connect, listen } from "../src/endpoint/node-index.ts";
import type { Context, Figures, Group } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// One room full of members, over real UDP sockets: the server in a process of its own, all members in this one. Every
// delivery is counted by its member: none may be lost, doubled or out of order. Then the server starts anew, and all
// members come back and get what was said meanwhile.

const RATE = 20;
const QUICK = { members: 100, seconds: 3 };
const FULL = { members: 1000, seconds: 10 };
/** So many connect at a time. */
const CONNECTING = 50;

interface Opened {
  readonly link: string;
  readonly room: number;
  readonly members: readonly { readonly identity: string; readonly key: string }[];
}

const ChatClient = chatBy(connect);

const chat: Group = {
  everyRuntime: false,
  roles: { small: () => server(QUICK.members), large: () => server(FULL.members) },
  async run({ quick }: Context): Promise<Figures> {
    const { members, seconds } = quick ? QUICK : FULL;
    const other = new OtherProcess("chat", quick ? "small" : "large");
    const opened = await other.ask<Opened>("open");
    const clients = await connectAll(opened);
    const hall = new Hall(clients, opened.room);
    await hall.say(RATE, RATE);
    const cpuBefore = await other.ask<number>("cpu");
    const figures = await hall.say(seconds * RATE, RATE);
    const serverCpuUs = (await other.ask<number>("cpu")) - cpuBefore;
    const reconnect_s = await hall.restart(() => other.ask("restart"));
    await Promise.all(clients.map((client) => client.close()));
    await other.ask("close");
    other.close();
    return {
      members,
      ...figures,
      server_cpu_us_per_delivery: tenths(serverCpuUs / (seconds * RATE * members)),
      reconnect_s,
    };
  },
};

export default chat;

async function connectAll({ link, members }: Opened): Promise<Client[]> {
  const clients: Client[] = [];
  const waiting = members.entries();
  const worker = async () => {
    for (const [i, { identity, key }] of waiting) {
      const auth = { psk: { identity, key: new Uint8Array(Buffer.from(key, "hex")) } };
      clients[i] = await ChatClient.connect(link, { auth, timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, worker));
  return clients;
}

/** The room, as all its members hear it. */
class Hall {
  readonly #clients: readonly Client[];
  readonly #rooms: readonly ChatRoom[];
  readonly #sentAtMs: number[] = [];
  /** Of each member, the number of the message that is to come next. */
  readonly #next: number[];
  #delaysMs: number[] = [];
  #disordered = 0;
  #heard = 0;
  #awaited: { readonly count: number; resolve(): void } | undefined;

  constructor(clients: readonly Client[], room: number) {
    this.#clients = clients;
    this.#rooms = clients.map((client) => client.rooms.get(room)!);
    this.#next = clients.map(() => 0);
    for (const [i, client] of clients.entries()) {
      client.on("message", ({ message }) => this.#hear(i, Number(message.text)));
    }
  }

  #hear(member: number, message: number): void {
    if (message !== this.#next[member]) this.#disordered++;
    this.#next[member] = message + 1;
    this.#delaysMs.push(performance.now() - this.#sentAtMs[message]!);
    this.#heard++;
    if (this.#awaited !== undefined && this.#heard >= this.#awaited.count) this.#awaited.resolve();
  }

  /** Settles once everybody has heard everything, or it takes too long. */
  #everybody(limitMs: number): Promise<void> {
    const count = this.#sentAtMs.length * this.#clients.length;
    if (this.#heard >= count) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#awaited = { count, resolve: done };
    });
  }

  #lost(): number {
    return this.#sentAtMs.length * this.#clients.length - this.#heard;
  }

  /** So many messages by different members, the next one as soon as it is time: numbers are given by the server's order. */
  async say(count: number, perSecond: number): Promise<Figures> {
    this.#delaysMs = [];
    const heardBefore = this.#heard;
    const startMs = performance.now();
    for (let i = 0; i < count; i++) {
      const dueMs = startMs + (i * 1000) / perSecond;
      await new Promise((resolve) => setTimeout(resolve, Math.max(dueMs - performance.now(), 0)));
      await this.#sayOne();
    }
    await this.#everybody(30_000);
    const seconds = (performance.now() - startMs) / 1000;
    const sorted = this.#delaysMs.sort((a, b) => a - b);
    const at = (share: number) => tenths(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
    return {
      deliveries_per_second: Math.round((this.#heard - heardBefore) / seconds),
      lost: this.#lost(),
      disordered: this.#disordered,
      p50_ms: at(0.5),
      p99_ms: at(0.99),
    };
  }

  async #sayOne(): Promise<void> {
    const number = this.#sentAtMs.push(performance.now()) - 1;
    await this.#rooms[number % this.#rooms.length]!.send(`${number}`);
  }

  /** @returns after how many seconds everybody has heard what was said after the restart */
  async restart(restart: () => Promise<unknown>): Promise<number> {
    const startMs = performance.now();
    await restart();
    // Whoever speaks has come back; most others have not.
    await this.#sayOne();
    await this.#everybody(60_000);
    if (this.#lost() !== 0) throw new Error(`${this.#lost()} deliveries were lost by a restart`);
    return tenths((performance.now() - startMs) / 1000);
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

async function server(count: number): Promise<Answers> {
  const folder = mkdtempSync(join(tmpdir(), "sealgram-bench-"));
  const { room, members } = populate(folder, count);
  let url = "udp://127.0.0.1:0";
  let running: ChatServer | undefined;
  const open = async () => {
    running = await ChatServer.open(listen, {
      folder,
      url,
      onerror: (error) => console.error(error),
      listen: { limits: { sessionsPerAddress: 10 * count, handshakes: count } },
    });
    url = running.url;
    return running.link();
  };
  return {
    open: async () => ({ link: await open(), room, members }) satisfies Opened,
    restart: async () => {
      await running!.close();
      await open();
    },
    cpu: cpuUs,
    close: async () => {
      await running!.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Members with keys of their own, all of them in one room. */
function populate(folder: string, count: number): Pick<Opened, "room" | "members"> {
  const database = new Database(folder);
  const accounts = new Accounts(database);
  const rooms = new Rooms(database);
  const members = Array.from({ length: count }, () => ({
    identity: randomBytes(16).toString("hex"),
    key: randomBytes(32).toString("hex"),
  }));
  let room = 0;
  database.run("BEGIN");
  for (const [i, { identity, key }] of members.entries()) {
    const name = `member${i}`;
    const user = database.get<User>(
      "INSERT INTO users (name, folded, role, created_ms) VALUES (?, ?, ?, 0) RETURNING id, name, role",
      name,
      name,
      i === 0 ? "owner" : "member",
    )!;
    accounts.setCredential(user, { kind: "psk", identity, key: Buffer.from(key, "hex") });
    if (i === 0) room = rooms.create(user, "hall", "", "public").id;
    else rooms.enter(user, room);
  }
  database.run("COMMIT");
  database.close();
  return { room, members };
}
