/** One client of a chat's server: its channel, its attachments, and what waits to be sent to it. */

import { concatBytes } from "../../../crypto/bytes.ts";
import { exportPsk } from "../../../endpoint/exported-key.ts";
import type { Session } from "../../../endpoint/session.ts";
import { StreamError } from "../../../session/stream-error.ts";
import type { BidirectionalStream } from "../../../session/web-streams.ts";
import { frame, MessageReader, parse } from "../channel.ts";
import { Malformed } from "../check.ts";
import { INVITATION_PREFIX } from "../link.ts";
import {
  ChatError,
  CloseCode,
  Limit,
  type Method,
  type Params,
  type Result,
  type Signal,
  type Transfer,
  VERSION,
} from "../protocol.ts";
import type { Credential, CredentialKind } from "../types.ts";
import { methods, signal, transfer } from "../wire.ts";
import { accountMethods } from "./account-methods.ts";
import type { User } from "./accounts.ts";
import { Bucket } from "./bucket.ts";
import { peerKind, type StoredCredential } from "./credentials.ts";
import type { Caller, Handler, House, Outcome } from "./house.ts";
import { messageMethods } from "./message-methods.ts";
import { provenKey } from "./proven-key.ts";
import type { Pumped } from "./pump.ts";
import { enter, roomMethods } from "./room-methods.ts";
import { download, upload } from "./transfers.ts";

type UserMethod = Exclude<Method, "hello" | "invitation.redeem">;

const handlers: { readonly [M in UserMethod]: Handler<M> } = {
  ...accountMethods,
  ...roomMethods,
  ...messageMethods,
};

/** A method, ready to be run with parameters that were checked for it. */
interface Step {
  readonly isRead?: boolean;
  readonly isLazy?: boolean;
  run(params: never): Outcome<unknown>;
}

/** Requests of one client that wait for the disk. */
const MAX_WAITING = 64;

/** What a user does, whatever sessions they have. */
export interface Usage {
  readonly messages: Bucket;
  readonly uploadBytes: Bucket;
  /** Uploads and downloads that are under way. */
  transfers: number;
}

export class ServerSession implements Caller, Pumped {
  user: User | undefined;
  readonly #house: House;
  readonly #session: Session;
  readonly #usageOf: (user: User) => Usage;
  readonly #requests: Bucket;
  readonly #signals: Bucket;
  readonly #followed = new Set<number>();
  readonly #helloTimer: ReturnType<typeof setTimeout>;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #waiting = 0;
  #resume: (() => void) | undefined;
  #isOver = false;
  #stateNumber = 0;
  #stateTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(house: House, session: Session, usageOf: (user: User) => Usage) {
    this.#house = house;
    this.#session = session;
    this.#usageOf = usageOf;
    const now = performance.now();
    this.#requests = new Bucket(house.limits.requests, now);
    this.#signals = new Bucket(house.limits.signals, now);
    this.#helloTimer = setTimeout(() => this.end(CloseCode.refused, "no hello"), house.limits.helloMs);
  }

  /** Settles once the session has ended. */
  async run(): Promise<void> {
    this.#session.ondatagram = (datagram) => this.#datagram(datagram);
    const over = this.#session.closed.then(
      () => {},
      () => {},
    );
    void this.#accept().catch((error) => this.#fail(error));
    await over;
    this.#isOver = true;
    this.#house.pump.remove(this);
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#stateTimer);
    this.#resume?.();
    for (const room of this.#followed) this.#house.live.unfollow(room, this);
    if (this.user !== undefined) this.#house.live.remove(this.user, this);
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
    const head = transfer(await reader.next());
    if (head.kind === "channel") {
      if (this.#writer !== undefined) throw new Malformed("a second channel");
      this.#writer = stream.writable.getWriter();
      await this.#channel(reader);
      // A client without its channel has left.
      this.end(CloseCode.done, "");
    } else if (this.user === undefined) throw new Malformed("no hello");
    else {
      try {
        await this.#transfer(head, reader, stream.writable, this.user);
      } catch (error) {
        if (!this.#isBreak(error)) this.#house.report(error);
      } finally {
        // A stream whose end nobody has read stays, and counts.
        reader.cancel();
      }
    }
  }

  #transfer(
    head: Exclude<Transfer, { kind: "channel" }>,
    reader: MessageReader,
    writable: WritableStream<Uint8Array>,
    user: User,
  ): Promise<void> {
    const usage = this.#usageOf(user);
    if (head.kind === "download") return download(this.#house, user, usage, head, writable);
    return upload(this.#house, user, usage, head, reader, writable);
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
      const message = await reader.next();
      if (message === undefined) return;
      const waitMs = this.#requests.take(1, performance.now());
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.#waiting >= MAX_WAITING) {
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
        });
      }
      if (this.#isOver || this.#session.isClosed) return;
      this.#request(message);
    }
  }

  #request(message: unknown): void {
    if (!Array.isArray(message) || message.length !== 3) throw new Malformed("not a request");
    const [number, method, params] = message as [unknown, unknown, unknown];
    if (!Number.isSafeInteger(number) || (number as number) < 0)
      throw new Malformed("a request without a number");
    const answer = (...rest: unknown[]) => {
      if (number !== 0) this.send(frame([number, ...rest]));
    };
    const refuse = (error: unknown) => {
      if (!(error instanceof ChatError)) this.#house.report(error);
      answer(null, describe(error));
    };
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
    this.#waiting++;
    const settle = () => {
      this.#waiting--;
      this.#resume?.();
      this.#resume = undefined;
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

  #stepOf(method: Method): Step {
    if (method === "hello") return { run: (params: Params<"hello">) => this.#hello(params) };
    if (method === "invitation.redeem")
      return { run: (params: Params<"invitation.redeem">) => this.#redeem(params) };
    const { user } = this;
    if (user === undefined) throw new ChatError("not_now", "say hello first");
    const { isRead = false, isLazy = false, messages = 0, ...handler } = handlers[method];
    const waitMs = messages && this.#usageOf(user).messages.take(messages, performance.now());
    if (waitMs > 0) throw new ChatError("rate_limited", "too many messages", waitMs);
    return {
      isRead,
      isLazy,
      run: (params: never) => handler.run(this.#house, user, params, this) as Outcome<unknown>,
    };
  }

  get invitation(): string | undefined {
    const { peer } = this.#session;
    return peer?.kind === "password" && peer.identity.startsWith(INVITATION_PREFIX)
      ? peer.identity
      : undefined;
  }

  /** A user's first login ends the invitation that it came by. */
  #hello({ version }: Params<"hello">): Outcome<Result<"hello">> {
    if (version !== VERSION) throw new ChatError("version", `this server speaks version ${VERSION}`);
    if (this.user !== undefined) throw new ChatError("not_now", "hello was said");
    const { accounts, credentials, rooms, live, name: server } = this.#house;
    const { peer } = this.#session;
    if (this.invitation !== undefined) {
      return { result: { rooms: [], server }, effect: () => clearTimeout(this.#helloTimer) };
    }
    const user =
      peer === undefined || peer.kind === "certificate"
        ? undefined
        : credentials.userBy(peer.kind === "public_key" ? "key" : peer.kind, peer.identity);
    if (user === undefined) throw new ChatError("not_allowed", "nobody may log in like that any more");
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

  #redeem({ id, name, credential }: Params<"invitation.redeem">): Outcome<Result<"invitation.redeem">> {
    const { accounts, credentials, firstRoom } = this.#house;
    const { invitation } = this;
    if (invitation === undefined) throw new ChatError("not_allowed", "that takes an invitation");
    const { user, room } = accounts.redeem(invitation, id, name);
    // What it was with an answer that was lost, nobody has.
    credentials.removeAll(user);
    credentials.add(user, this.credential(credential));
    const place = room ?? firstRoom.of(user);
    const entered = place === undefined ? undefined : enter(this.#house, user, place);
    const result = { user: { name: user.name, role: user.role } };
    return entered === undefined ? { result } : { result, effect: entered };
  }

  // Caller

  endOthersBy(kind: CredentialKind, id: string): void {
    this.#house.closeSessionsOf(
      { kind: peerKind(kind), identity: id },
      { except: this.#session, closeCode: CloseCode.revoked, reason: "this login was changed or removed" },
    );
  }

  credential(credential: Credential): StoredCredential {
    switch (credential.kind) {
      case "password":
        return credential;
      case "psk":
        return { kind: "psk", ...exportPsk(this.#session, new TextEncoder().encode(credential.context)) };
      case "key":
        return { kind: "key", fingerprint: provenKey(this.#session, credential) };
    }
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

  /** Nothing waits for a client that does not read for long: it is sent away, and may come back and catch up. */
  send(framed: Uint8Array): void {
    if (this.#isOver || this.#writer === undefined) return;
    this.#queue.push(framed);
    this.#queuedBytes += framed.length;
    if (this.#queuedBytes > this.#house.limits.waitingBytes) this.end(CloseCode.too_slow, "reads too slowly");
    else if (!this.#isWriting) this.#house.pump.add(this);
  }

  // Pumped

  flush(): void {
    if (this.#isOver || this.#isWriting || this.#queue.length === 0) return;
    const batch = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#isWriting = true;
    this.#writer!.write(batch.length === 1 ? batch[0]! : concatBytes(...batch)).then(
      this.#written,
      this.#broken,
    );
  }

  readonly #written = (): void => {
    this.#isWriting = false;
    if (this.#queue.length > 0 && !this.#isOver) this.#house.pump.add(this);
  };

  /** The session's end is told elsewhere; a channel that is reset is one. */
  readonly #broken = (): void => this.end(CloseCode.done, "");

  sendDatagram(datagram: Uint8Array, fate?: (hasArrived: boolean) => void): void {
    if (this.#isOver || this.#session.isClosed) return;
    if (datagram.length <= this.#session.maxDatagramSize) this.#session.sendDatagram(datagram, fate);
  }

  end(closeCode: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue = [];
    this.#house.pump.remove(this);
    this.#session.close({ closeCode, reason });
  }

  // Datagrams

  #datagram(datagram: Uint8Array): void {
    const { user } = this;
    if (user === undefined || datagram.length > Limit.datagram || this.#isOver) return;
    const waitMs = this.#signals.take(1, performance.now());
    try {
      const value = signal(parse(datagram));
      if (value.kind === "state") this.#state(user, value, waitMs);
      else if (value.kind === "typing" && waitMs === 0)
        this.#house.live.typing(user, value.room, value.position, this);
    } catch (error) {
      if (error instanceof Malformed) this.end(CloseCode.malformed, error.message);
      else throw error;
    }
  }

  /** Of states that come too fast, the newest counts, a little later: nobody sends it again once it has arrived. */
  #state(user: User, { state, number }: Extract<Signal, { kind: "state" }>, waitMs: number): void {
    if (number <= this.#stateNumber || state === "offline") return;
    this.#stateNumber = number;
    clearTimeout(this.#stateTimer);
    const set = () => this.#house.live.setState(user, this, state);
    if (waitMs === 0) set();
    else this.#stateTimer = setTimeout(set, waitMs);
  }
}

/** Nothing of what a program's fault was is told. */
function describe(error: unknown): { code: string; message: string; retryAfterMs?: number } {
  if (!(error instanceof ChatError)) return { code: "internal", message: "the server failed" };
  const { code, message, retryAfterMs } = error;
  return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
