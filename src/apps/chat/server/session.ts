/** One client of a chat's server: its channel, its attachments, and what waits to be sent to it. */

import type { Session } from "../../../endpoint/session.ts";
import { StreamError } from "../../../session/stream-error.ts";
import type { BidirectionalStream } from "../../../session/web-streams.ts";
import { frame, MessageReader, parse } from "../channel.ts";
import { Malformed } from "../check.ts";
import {
  ChatError,
  CloseCode,
  Limit,
  type Method,
  type Params,
  type Result,
  type Transfer,
  VERSION,
} from "../protocol.ts";
import type { Credential, CredentialKind } from "../types.ts";
import { methods, transfer } from "../wire.ts";
import { accountMethods } from "./account-methods.ts";
import type { User } from "./accounts.ts";
import { peerKind, type StoredCredential } from "./credentials.ts";
import { invitationOf, redeem, storedCredential, userOf } from "./entrance.ts";
import type { Caller, Handler, House, Outcome } from "./house.ts";
import { messageMethods } from "./message-methods.ts";
import { Outbound } from "./outbound.ts";
import { refusalFrom } from "./refusal.ts";
import { roomMethods } from "./room-methods.ts";
import { Signals } from "./signals.ts";
import { download, refuse, upload } from "./transfers.ts";
import type { Usage } from "./usage.ts";

type UserMethod = Exclude<Method, "hello" | "invitation.redeem">;

const handlers: { readonly [M in UserMethod]: Handler<M> } = {
  ...accountMethods,
  ...roomMethods,
  ...messageMethods,
};

/** A method, ready to be run with parameters that were checked for it. */
interface Step {
  readonly isRead?: boolean | undefined;
  readonly isLazy?: boolean | undefined;
  run(params: never): Outcome<unknown>;
}

/** Requests of one client that wait for the disk. What is looked up may be long, and counts for several. */
const MAX_WAITING = 64;
const READ_WEIGHT = 16;

/** So much waits for a client that asks, before it is heard again. */
const MAX_AHEAD_BYTES = 262_144;

export class ServerSession implements Caller {
  user: User | undefined;
  readonly #house: House;
  readonly #session: Session;
  #usage: Usage;
  readonly #outbound: Outbound;
  readonly #signals: Signals;
  readonly #followed = new Set<number>();
  readonly #helloTimer: ReturnType<typeof setTimeout>;
  #waiting = 0;
  #resume: (() => void) | undefined;
  readonly #over = new AbortController();
  /** Uploads and downloads under way. */
  readonly #transfers = new Set<Promise<void>>();

  constructor(house: House, session: Session) {
    this.#house = house;
    this.#session = session;
    this.#usage = house.usages.ofStranger();
    this.#outbound = new Outbound(house.pump, house.limits.waitingBytes, {
      tooSlow: () => this.end(CloseCode.too_slow, "reads too slowly"),
      drained: () => this.#hear(),
      // The session's end is told elsewhere; a channel that is reset is one.
      broken: () => this.end(CloseCode.done, ""),
    });
    this.#signals = new Signals(house, this);
    this.#helloTimer = setTimeout(() => this.end(CloseCode.refused, "no hello"), house.limits.helloMs);
  }

  /** Settles once the session has ended, and nothing of it is under way any more. */
  async run(): Promise<void> {
    this.#session.ondatagram = (datagram) => this.#datagram(datagram);
    const over = this.#session.closed.then(
      () => {},
      () => {},
    );
    void this.#accept().catch((error) => this.#fail(error));
    await over;
    this.#over.abort(new StreamError("the session has ended"));
    this.#outbound.stop();
    this.#signals.stop();
    clearTimeout(this.#helloTimer);
    this.#hear();
    for (const room of this.#followed) this.#house.live.unfollow(room, this);
    if (this.user !== undefined) this.#house.live.remove(this.user, this);
    await Promise.all(this.#transfers);
  }

  async #accept(): Promise<void> {
    const reader = this.#session.incomingBidirectionalStreams.getReader();
    for (;;) {
      const { value: stream, done } = await reader.read();
      if (done) return;
      void this.#stream(stream).catch((error) => this.#fail(error));
    }
  }

  async #stream(stream: BidirectionalStream): Promise<void> {
    const reader = new MessageReader(stream.readable, Limit.clientMessage);
    let head: Transfer;
    try {
      await this.#usage.requests.wait(1, this.#over.signal);
      head = transfer(await reader.next(Limit.transfer));
      this.#over.signal.throwIfAborted();
      if (head.kind === "channel" && this.#outbound.hasBegun) throw new Malformed("a second channel");
    } catch (error) {
      // Of that stream alone: the session has others.
      if (error instanceof Malformed)
        await refuse(stream.writable, new ChatError("malformed", error.message));
      reader.cancel();
      return;
    }
    if (head.kind !== "channel") {
      const done = this.#transfer(head, reader, stream.writable);
      this.#transfers.add(done);
      await done;
      this.#transfers.delete(done);
      return;
    }
    this.#outbound.begin(stream.writable);
    await this.#channel(reader);
    // A client without its channel has left.
    this.end(CloseCode.done, "");
  }

  async #transfer(
    head: Exclude<Transfer, { kind: "channel" }>,
    reader: MessageReader,
    writable: WritableStream<Uint8Array>,
  ): Promise<void> {
    const { user } = this;
    try {
      if (user === undefined) await refuse(writable, new ChatError("not_now", "say hello first"));
      else if (head.kind === "download") await download(this.#house, user, this.#usage, head, writable);
      else await upload(this.#house, user, this.#usage, head, reader, writable, this.#over.signal);
    } catch (error) {
      if (!this.#isBreak(error)) this.#house.report(error);
    } finally {
      // A stream whose end was not read stays, and counts.
      reader.cancel();
    }
  }

  /** What breaks off is the client's right. */
  #isBreak(error: unknown): boolean {
    return this.#isOver || this.#session.isClosed || error instanceof StreamError;
  }

  #fail(error: unknown): void {
    if (this.#isBreak(error)) return;
    if (error instanceof Malformed) this.end(CloseCode.malformed, error.message);
    else {
      this.#house.report(error);
      this.end(CloseCode.refused, "");
    }
  }

  // Requests

  async #channel(reader: MessageReader): Promise<void> {
    for (;;) {
      const content = await reader.content();
      if (content === undefined) return;
      await this.#pace();
      await this.#usage.do(() => {
        if (!this.#isGone) this.#request(parse(content));
      });
    }
  }

  /** Whoever asks faster than the disk is, or than answers are taken, is not heard meanwhile. */
  async #pace(): Promise<void> {
    await this.#usage.requests.wait(1);
    while (!this.#isGone && (this.#waiting >= MAX_WAITING || this.#outbound.bytes > MAX_AHEAD_BYTES)) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  get #isGone(): boolean {
    return this.#isOver || this.#session.isClosed;
  }

  #request(message: unknown): void {
    if (!Array.isArray(message) || message.length !== 3) throw new Malformed("not a request");
    const [number, method, params] = message as [unknown, unknown, unknown];
    if (!Number.isSafeInteger(number) || (number as number) < 0)
      throw new Malformed("a request without a number");
    const answer = (...rest: unknown[]) => {
      if (number === 0) return;
      const framed = frame([number, ...rest]);
      this.#usage.chargeBytes(framed.length);
      this.send(framed);
    };
    const refuse = (error: unknown) => answer(null, refusalFrom(this.#house.refusal(error)));
    if (typeof method !== "string" || !Object.hasOwn(methods, method)) {
      refuse(new ChatError("unknown_method", "there is no such method"));
      return;
    }
    try {
      const name = method as Method;
      this.#run(name, methods[name].params(params), answer, refuse);
    } catch (error) {
      if (error instanceof Malformed) refuse(new ChatError("malformed", error.message));
      else refuse(error);
    }
  }

  #run(
    method: Method,
    params: unknown,
    answer: (result: unknown) => void,
    refuse: (error: unknown) => void,
  ): void {
    const { database } = this.#house;
    const { isRead = false, isLazy = false, run } = this.#stepOf(method);
    const weight = isRead ? READ_WEIGHT : 1;
    this.#waiting += weight;
    const settle = () => {
      this.#waiting -= weight;
      this.#hear();
    };
    const done = ({ result, effect }: Outcome<unknown>) => {
      settle();
      // The answer first: what follows from it comes behind it.
      answer(result);
      effect?.();
    };
    const failed = (error: unknown) => {
      settle();
      refuse(error);
    };
    const work = () => run(params as never);
    if (isRead) database.read(work, done, failed);
    else database.write(work, done, failed, !isLazy);
  }

  #hear(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  #stepOf(method: Method): Step {
    if (method === "hello") return { run: (params: Params<"hello">) => this.#hello(params) };
    if (method === "invitation.redeem")
      return { run: (params: Params<"invitation.redeem">) => redeem(this.#house, this.#session, params) };
    const { user } = this;
    if (user === undefined) throw new ChatError("not_now", "say hello first");
    const handler = handlers[method] as Handler<never>;
    return {
      isRead: handler.isRead ?? false,
      isLazy: handler.isLazy ?? false,
      run: (params) => {
        if (handler.isCreation) this.countCreation();
        const messages = handler.messages?.(params) ?? 0;
        if (messages > 0) this.#usage.countMessages(messages);
        return handler.run(this.#house, user, params, this);
      },
    };
  }

  /** A user's first login ends the invitation that it came by. */
  #hello({ version }: Params<"hello">): Outcome<Result<"hello">> {
    if (version !== VERSION) throw new ChatError("version", `this server speaks version ${VERSION}`);
    if (this.user !== undefined) throw new ChatError("not_now", "hello was said");
    const { accounts, rooms, live, name: server } = this.#house;
    if (invitationOf(this.#session) !== undefined)
      return { result: { rooms: [], server }, effect: () => clearTimeout(this.#helloTimer) };
    const user = userOf(this.#house, this.#session);
    this.#usage = this.#house.usages.of(user);
    const invitations = accounts.redeemedBy(user);
    for (const identity of invitations) accounts.forgetInvitation(identity);
    const result = { user: { name: user.name, role: user.role }, rooms: rooms.ofUser(user), server };
    const effect = () => {
      clearTimeout(this.#helloTimer);
      for (const identity of invitations) this.#house.closeSessionsOf({ kind: "password", identity });
      if (this.#isOver || this.user !== undefined) return;
      this.user = user;
      live.add(user, this);
    };
    return { result, effect };
  }

  // Caller

  become(user: User): void {
    this.user = user;
  }

  countCreation(): void {
    if (this.user !== undefined) this.#usage.countCreation(this.user);
  }

  endOthersBy(kind: CredentialKind, id: string): void {
    this.#house.closeSessionsOf(
      { kind: peerKind(kind), identity: id },
      { except: this.#session, closeCode: CloseCode.revoked, reason: "this login was changed or removed" },
    );
  }

  credential(credential: Credential): StoredCredential {
    return storedCredential(this.#session, credential);
  }

  follow(room: number, isFollowed: boolean): void {
    if (this.#isOver) return;
    if (isFollowed) {
      this.#followed.add(room);
      this.#house.live.follow(room, this);
    } else {
      this.#followed.delete(room);
      this.#house.live.unfollow(room, this);
    }
  }

  send(framed: Uint8Array): void {
    this.#outbound.send(framed);
  }

  sendDatagram(datagram: Uint8Array, fate?: (hasArrived: boolean) => void): void {
    if (this.#isOver || this.#session.isClosed) return;
    // One that there is no room for is lost as others are.
    if (!this.#session.sendDatagram(datagram, fate) && fate !== undefined) queueMicrotask(() => fate(false));
  }

  end(closeCode: number, reason: string): void {
    if (this.#isOver) return;
    this.#over.abort(new StreamError("the session has ended"));
    this.#outbound.stop();
    this.#session.close({ closeCode, reason });
  }

  #datagram(datagram: Uint8Array): void {
    if (this.user !== undefined && !this.#isOver) this.#signals.receive(this.user, datagram);
  }
}
