/** A client that says what it likes. */
import { expect } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { authOf } from "../../src/apps/chat/client/credentials.ts";
import type { ChatAuth } from "../../src/apps/chat/client/entry.ts";
import { parseLink } from "../../src/apps/chat/link.ts";
import { CHAT_PROTOCOL, Limit, VERSION } from "../../src/apps/chat/protocol.ts";
import type { ConnectOptions } from "../../src/endpoint/connect.ts";
import type { Session } from "../../src/endpoint/session.ts";
import type { Party } from "./support.ts";

export class Rough {
  readonly session: Session;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly reader: MessageReader;
  #number = 1_000;

  private constructor(
    session: Session,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    readable: ReadableStream<Uint8Array>,
  ) {
    this.session = session;
    this.writer = writer;
    this.reader = new MessageReader(readable, Limit.serverMessage);
  }

  static async connect(
    party: Party,
    auth: ChatAuth,
    first: unknown = { kind: "channel" },
    options: Pick<ConnectOptions, "ticket"> = {},
  ): Promise<Rough> {
    const session = await party.net.connect(party.server.url, {
      auth: authOf(auth, parseLink(party.server.link())),
      applicationProtocols: [CHAT_PROTOCOL],
      ...options,
    });
    const { readable, writable } = await session.createBidirectionalStream();
    const rough = new Rough(session, writable.getWriter(), readable);
    await rough.writer.write(frame(first));
    return rough;
  }

  static async hello(party: Party, auth: ChatAuth): Promise<Rough> {
    const rough = await Rough.connect(party, auth);
    await rough.ask(1, "hello", { version: VERSION });
    return rough;
  }

  async ask(number: number, method: string, params: unknown): Promise<unknown[]> {
    await this.writer.write(frame([number, method, params]));
    return (await this.reader.next()) as unknown[];
  }

  /** An answer. What is told meanwhile is passed over. */
  async call(method: string, params: unknown): Promise<{ result: unknown; code: string }> {
    const own = ++this.#number;
    await this.writer.write(frame([own, method, params]));
    for (;;) {
      const message = (await this.reader.next()) as unknown[] | undefined;
      if (message === undefined) throw new Error("the session has ended");
      const [number, result, error] = message;
      if (number === own) return { result, code: (error as { code: string } | undefined)?.code ?? "ok" };
    }
  }

  /** The code of a refusal, or ok. */
  async answer(method: string, params: unknown): Promise<string> {
    return (await this.call(method, params)).code;
  }

  /** The code of a refusal. */
  async refusal(number: number, method: string, params: unknown): Promise<unknown> {
    const [answered, result, error] = await this.ask(number, method, params);
    expect([answered, result]).toEqual([number, null]);
    return (error as { code: unknown }).code;
  }
}
