import { frame, parse } from "../src/apps/chat/channel.ts";
import { authOf, type ChatAuth } from "../src/apps/chat/client/credentials.ts";
import { Dialer } from "../src/apps/chat/client/dialer.ts";
import { type ChatRoom, type Client, chatBy, newId, type Receipt } from "../src/apps/chat/client/entry.ts";
import { parseLink } from "../src/apps/chat/link.ts";
import { VERSION } from "../src/apps/chat/protocol.ts";
import { connect } from "../src/endpoint/node-index.ts";
import type { Session } from "../src/endpoint/session.ts";

// Members of a chat's room. What a thousand of them do has to fit on one core, beside the server on the other: most are
// lean ones, which have real sessions and speak the real protocol, but look only at what they count.

export interface Member {
  say(text: string): Promise<void>;
  close(): Promise<void>;
}

export interface MemberOptions {
  readonly link: string;
  readonly room: number;
  readonly auth: ChatAuth;
  /** Called with each message of the room, once and in order. */
  heard(text: string): void;
}

const ChatClient = chatBy(connect);
const TIMEOUT_MS = 60_000;

/** A member that is the library's client. */
export class FullMember implements Member {
  readonly #client: Client;
  readonly #room: ChatRoom;

  private constructor(client: Client, room: ChatRoom) {
    this.#client = client;
    this.#room = room;
  }

  static async open({ link, room, auth, heard }: MemberOptions): Promise<FullMember> {
    const client = await ChatClient.connect(link, { auth, timeoutMs: TIMEOUT_MS });
    client.on("message", ({ message }) => heard(message.text));
    return new FullMember(client, client.rooms.get(room)!);
  }

  async say(text: string): Promise<void> {
    await this.#room.send(text);
  }

  /** How far everybody has come, as the server knows it, and the newest position that this member knows of. */
  async receipts(): Promise<{ head: number; receipts: Receipt[] }> {
    return { head: this.#room.position, receipts: await this.#room.receipts() };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** As the client of the library has them. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 15_000;
const RECEIPT_MS = 4_000;

const DISCONNECTED = new Error("the connection is lost");

interface Answer {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A member that dials, catches up, acknowledges and comes back as that client does, and checks nothing but the order. */
export class LeanMember implements Member {
  readonly #options: MemberOptions;
  readonly #dialer: Dialer;
  readonly #stop = new AbortController();
  #answers = new Map<number, Answer>();
  #session: Session | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #lastNumber = 0;
  #position = 0;
  #receiptTimer: ReturnType<typeof setTimeout> | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: MemberOptions) {
    this.#options = options;
    const link = parseLink(options.link);
    this.#dialer = new Dialer(connect, link, authOf(options.auth, link), { timeoutMs: TIMEOUT_MS });
  }

  static async open(options: MemberOptions): Promise<LeanMember> {
    const member = new LeanMember(options);
    const session = await member.#connect();
    member.#ended = member.#run(session);
    return member;
  }

  async #run(session: Session): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let current: Session | undefined = session; ; ) {
      await current?.closed.catch(() => {});
      if (this.#stop.signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
      current = await this.#connect().catch(() => undefined);
      if (current !== undefined) pauseMs = FIRST_PAUSE_MS;
    }
  }

  async #connect(): Promise<Session> {
    const session = await this.#dialer.dial(this.#stop.signal);
    this.#session = session;
    const { readable, writable } = await session.createBidirectionalStream();
    this.#writer = writable.getWriter();
    const answers = new Map<number, Answer>();
    this.#answers = answers;
    session.ondatagram = () => {};
    this.#write({ kind: "channel" });
    const welcome = this.#ask("hello", { version: VERSION });
    void this.#read(readable)
      .catch(() => session.close())
      .finally(() => {
        for (const { reject } of answers.values()) reject(DISCONNECTED);
      });
    const { rooms } = (await welcome) as { rooms: { id: number; head: number }[] };
    if (this.#position === 0) this.#position = rooms.find(({ id }) => id === this.#options.room)!.head;
    await this.#sync();
    return session;
  }

  async #sync(): Promise<void> {
    const { room } = this.#options;
    for (let more = true; more; ) {
      const after = this.#position;
      const page = (await this.#ask("room.sync", { room, after })) as { more: boolean };
      ({ more } = page);
    }
  }

  async #read(readable: ReadableStream<Uint8Array>): Promise<void> {
    let rest = new Uint8Array(0);
    for await (const chunk of readable) {
      let held = chunk as Uint8Array<ArrayBuffer>;
      if (rest.length > 0) {
        held = new Uint8Array(rest.length + chunk.length);
        held.set(rest);
        held.set(chunk, rest.length);
      }
      let at = 0;
      while (held.length - at >= 4) {
        const view = new DataView(held.buffer, held.byteOffset + at);
        const end = at + 4 + (view.getUint32(0) & 0x3fff_ffff);
        if (end > held.length) break;
        this.#receive(parse(held.subarray(at + 4, end)) as [unknown, never, unknown]);
        at = end;
      }
      rest = held.subarray(at);
    }
  }

  #receive([head, content, error]: [unknown, never, unknown]): void {
    if (head === "entry") {
      const { room, entry } = content as { room: number; entry: { position: number; text: string } };
      if (room === this.#options.room) this.#entry(entry);
    } else if (typeof head === "number") {
      const answer = this.#answers.get(head);
      this.#answers.delete(head);
      if (error !== undefined) answer?.reject(new Error(JSON.stringify(error)));
      else {
        const { entries } = content as { entries?: { position: number; text: string }[] };
        for (const entry of entries ?? []) this.#entry(entry);
        answer?.resolve(content);
      }
    }
  }

  #entry({ position, text }: { readonly position: number; readonly text: string }): void {
    if (position !== this.#position + 1) throw new Error(`${position} comes after ${this.#position}`);
    this.#position = position;
    this.#receiptTimer ??= setTimeout(
      () => {
        this.#receiptTimer = undefined;
        const { room } = this.#options;
        if (this.#session?.isClosed === false)
          this.#write([0, "receipt", { room, delivered: this.#position, read: 0 }]);
      },
      RECEIPT_MS * (0.5 + Math.random() / 2),
    );
    this.#options.heard(text);
  }

  #write(message: unknown): void {
    this.#writer!.write(frame(message)).catch(() => {});
  }

  #ask(method: string, params: unknown): Promise<unknown> {
    const number = ++this.#lastNumber;
    return new Promise((resolve, reject) => {
      this.#answers.set(number, { resolve, reject });
      this.#write([number, method, params]);
    });
  }

  async say(text: string): Promise<void> {
    const id = newId();
    for (;;) {
      const session = this.#session!;
      try {
        await this.#ask("message.send", { room: this.#options.room, id, text });
        return;
      } catch (error) {
        if (error !== DISCONNECTED) throw error;
      }
      // It is one message, however often it is sent.
      while (this.#session === session) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#receiptTimer);
    this.#session?.close();
    await this.#ended;
  }
}
