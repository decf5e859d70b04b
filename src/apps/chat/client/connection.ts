/** A client's connection: one session, its channel, and the attachments on it. */
import type { Session } from "../../../endpoint/session.ts";
import { frame, MessageReader, parse } from "../channel.ts";
import { Malformed } from "../check.ts";
import {
  ChatError,
  type EventName,
  type Events,
  Limit,
  type Method,
  type Params,
  type Result,
  type Signal,
  type Transfer,
} from "../protocol.ts";
import { events, methods, signal } from "../wire.ts";
import { errorOf } from "./refusal.ts";
import { Transfers } from "./transfers.ts";

interface Waiting {
  readonly method: Method;
  resolve(result: never): void;
  reject(error: ChatError): void;
}

/** Called in the order in which the server has said it. */
export interface ConnectionUser {
  event<E extends EventName>(name: E, event: Events[E]): void;
  signal(signal: Signal): void;
}

/** @throws what is no fault of a value */
function malformed(error: unknown): ChatError {
  if (error instanceof Malformed) return new ChatError("malformed", error.message);
  throw error;
}

export class Connection {
  readonly session: Session;
  /** Its attachments. */
  readonly transfers: Transfers;
  readonly #user: ConnectionUser;
  readonly #waiting = new Map<number, Waiting>();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #lastNumber = 0;
  #end: ChatError | undefined;

  private constructor(
    session: Session,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    user: ConnectionUser,
  ) {
    this.session = session;
    this.transfers = new Transfers(session);
    this.#writer = writer;
    this.#user = user;
  }

  static async open(session: Session, user: ConnectionUser): Promise<Connection> {
    const { readable, writable } = await session.createBidirectionalStream();
    const connection = new Connection(session, writable.getWriter(), user);
    connection.#write(frame({ kind: "channel" } satisfies Transfer));
    session.ondatagram = (datagram) => connection.#datagram(datagram);
    void connection.#read(new MessageReader(readable, Limit.serverMessage));
    return connection;
  }

  async #read(reader: MessageReader): Promise<void> {
    try {
      for (;;) {
        const message = await reader.next();
        if (message === undefined) break;
        this.#receive(message);
      }
      this.session.close();
    } catch (error) {
      if (error instanceof Malformed) this.session.close({ closeCode: 1, reason: "malformed" });
      // A fault of the program's own is not to look like one of the network's.
      else if (!this.session.isClosed) this.session.close({ closeCode: 1, reason: "failed" });
    }
    this.#end = new ChatError("disconnected", "the connection is lost");
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }

  #receive(message: unknown): void {
    if (!Array.isArray(message) || message.length < 2) throw new Malformed("not a message");
    const [head, content, error] = message as unknown[];
    if (typeof head === "number") this.#settle(head, content, error);
    else if (typeof head !== "string") throw new Malformed("not a message");
    else if (Object.hasOwn(events, head)) this.#event(head as EventName, content);
  }

  #settle(number: number, result: unknown, error: unknown): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    if (error !== undefined) {
      waiting.reject(errorOf(error));
      return;
    }
    let checked: unknown;
    try {
      checked = methods[waiting.method].result(result);
    } catch (error) {
      waiting.reject(malformed(error));
      return;
    }
    waiting.resolve(checked as never);
  }

  /** One that is none of this version's is as if it was not told. */
  #event(name: EventName, content: unknown): void {
    let event: Events[EventName];
    try {
      event = events[name](content);
    } catch {
      return;
    }
    this.#user.event(name, event as never);
  }

  /** A request. Its end is told at once, before anything that the server says after it. */
  call<M extends Method>(
    method: M,
    params: Params<M>,
    resolve: (result: Result<M>) => void,
    reject: (error: ChatError) => void,
  ): void {
    if (this.#end !== undefined) {
      reject(this.#end);
      return;
    }
    try {
      // What a server would refuse is refused here, in the same words.
      methods[method].params(params);
    } catch (error) {
      reject(malformed(error));
      return;
    }
    const number = ++this.#lastNumber;
    // First: what JSON cannot say throws, and nothing waits for an answer to it.
    const framed = frame([number, method, params]);
    this.#waiting.set(number, { method, resolve, reject });
    this.#write(framed);
  }

  request<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => this.call(method, params, resolve, reject));
  }

  /** What is not answered. */
  tell<M extends Method>(method: M, params: Params<M>): void {
    if (this.#end === undefined) this.#write(frame([0, method, params]));
  }

  #write(framed: Uint8Array): void {
    // The session's end is told elsewhere.
    this.#writer.write(framed).catch(() => {});
  }

  // Datagrams

  /** @param fate told whether it has arrived */
  send(value: Signal, fate?: (hasArrived: boolean) => void): void {
    if (this.session.isClosed) return;
    this.session.sendDatagram(new TextEncoder().encode(JSON.stringify(value)), fate);
  }

  #datagram(datagram: Uint8Array): void {
    let value: Signal;
    try {
      value = signal(parse(datagram));
    } catch {
      return;
    }
    this.#user.signal(value);
  }
}
