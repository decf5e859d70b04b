import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { User } from "../src/apps/chat/server/accounts.ts";
import { Credentials } from "../src/apps/chat/server/credentials.ts";
import { Database } from "../src/apps/chat/server/database.ts";
import { Rooms } from "../src/apps/chat/server/rooms.ts";
import { ChatServer } from "../src/apps/chat/server/server.ts";
import { listen } from "../src/endpoint/node-index.ts";
import { FullMember, LeanMember, type Member } from "./chat-members.ts";
import type { Context, Figures, Group } from "./harness.ts";
import { type Answers, cpuUs, OtherProcess } from "./other-process.ts";

// One room full of members, over real UDP sockets: the server in a process of its own, all members in this one. Every
// delivery is counted by its member: none may be lost, doubled or out of order. Then the server starts anew, and all
// members come back and get what was said meanwhile. At the end the server knows of all that they have everything.

const RATE = 20;
const QUICK = { members: 100, seconds: 3 };
const FULL = { members: 1000, seconds: 10 };
/** So many connect at a time. */
const CONNECTING = 50;
/** One in so many is the library's client; see chat-members.ts for what the others are. */
const FULL_MEMBERS = 20;
/** Members tell how far they have come within some seconds. */
const RECEIPTS_LIMIT_MS = 15_000;

interface Opened {
  readonly link: string;
  readonly room: number;
  readonly members: readonly { readonly identity: string; readonly key: string }[];
}

const chat: Group = {
  everyRuntime: false,
  roles: { small: () => server(QUICK.members), large: () => server(FULL.members) },
  async run({ quick }: Context): Promise<Figures> {
    const { members, seconds } = quick ? QUICK : FULL;
    const other = new OtherProcess("chat", quick ? "small" : "large");
    const opened = await other.ask<Opened>("open");
    const hall = await Hall.open(opened);
    await hall.say(RATE, RATE);
    const cpuBefore = await other.ask<number>("cpu");
    const figures = await hall.say(seconds * RATE, RATE);
    const serverCpuUs = (await other.ask<number>("cpu")) - cpuBefore;
    const reconnect_s = await hall.restart(() => other.ask("restart"));
    await hall.acknowledged();
    await hall.close();
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

/** The room, as all its members hear it. */
class Hall {
  readonly #members: Member[] = [];
  #first!: FullMember;
  readonly #sentAtMs: number[] = [];
  /** Numbers of messages in the order of the room, as whoever heard them first has it. */
  readonly #order: number[] = [];
  /** How many messages each member has heard. */
  readonly #heardBy: number[] = [];
  #delaysMs: number[] = [];
  #disordered = 0;
  #heard = 0;
  #awaited: { readonly count: number; resolve(): void } | undefined;

  static async open({ link, room, members }: Opened): Promise<Hall> {
    const hall = new Hall();
    const waiting = members.entries();
    const worker = async () => {
      for (const [i, { identity, key }] of waiting) {
        const auth = { psk: { identity, key: new Uint8Array(Buffer.from(key, "hex")) } };
        const heard = (text: string) => hall.#hear(i, Number(text));
        const options = { link, room, auth, heard };
        hall.#heardBy[i] = 0;
        const isFull = i % FULL_MEMBERS === 0;
        const member = isFull ? await FullMember.open(options) : await LeanMember.open(options);
        hall.#members[i] = member;
        if (i === 0) hall.#first = member as FullMember;
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, worker));
    return hall;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }

  #hear(member: number, message: number): void {
    const place = this.#heardBy[member]!++;
    if (place === this.#order.length) this.#order.push(message);
    else if (this.#order[place] !== message) this.#disordered++;
    this.#delaysMs.push(performance.now() - this.#sentAtMs[message]!);
    this.#heard++;
    if (this.#awaited !== undefined && this.#heard >= this.#awaited.count) this.#awaited.resolve();
  }

  /** Settles once everybody has heard everything, or it takes too long. */
  #everybody(limitMs: number): Promise<void> {
    const count = this.#sentAtMs.length * this.#members.length;
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
    return this.#sentAtMs.length * this.#members.length - this.#heard;
  }

  /** So many messages by different members, each when it is time, whatever became of those before. */
  async say(count: number, perSecond: number): Promise<Figures> {
    this.#delaysMs = [];
    const heardBefore = this.#heard;
    const stored: Promise<void>[] = [];
    const startMs = performance.now();
    for (let i = 0; i < count; i++) {
      const dueMs = startMs + (i * 1000) / perSecond;
      await new Promise((resolve) => setTimeout(resolve, Math.max(dueMs - performance.now(), 0)));
      stored.push(this.#sayOne());
    }
    await Promise.all(stored);
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
    await this.#members[number % this.#members.length]!.say(`${number}`);
  }

  /** Waits until the server knows of every member that it has received all there is. */
  async acknowledged(): Promise<void> {
    const limitMs = performance.now() + RECEIPTS_LIMIT_MS;
    for (;;) {
      const { head, receipts } = await this.#first.receipts();
      const count = receipts.filter(({ delivered }) => delivered === head).length;
      if (count === this.#members.length) return;
      if (performance.now() > limitMs) throw new Error(`${count} members have acknowledged everything`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
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
  const credentials = new Credentials(database);
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
    credentials.add(user, { kind: "psk", identity, key: Buffer.from(key, "hex") });
    if (i === 0) room = rooms.create(user, "hall", "", "public").id;
    else rooms.enter(user, room, true);
  }
  database.run("COMMIT");
  database.close();
  return { room, members };
}
