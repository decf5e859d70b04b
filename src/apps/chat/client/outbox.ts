/** Messages that the server has not said to have stored. They are sent in order, and again after each loss of the connection. */
import { Malformed } from "../check.ts";
import { ChatError, type Params } from "../protocol.ts";
import { methods } from "../wire.ts";
import type { Connection } from "./connection.ts";

/** Where and when the server has stored a message. */
export interface Stored {
  /** In its room. */
  readonly position: number;
  /** On the server's clock, since 1970. */
  readonly timeMs: number;
}

/** A message that waits to be stored. */
export type Outgoing = Params<"message.send">;

interface Item {
  readonly message: Outgoing;
  resolve(stored: Stored): void;
  reject(error: unknown): void;
}

const MAX_ITEMS = 1_000;

export class Outbox {
  #items: Item[] = [];
  #connection: Connection | undefined;
  #isSending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** What is not stored yet, oldest first. */
  get messages(): Outgoing[] {
    return this.#items.map(({ message }) => message);
  }

  /** @throws ChatError too_many; malformed for what no server takes: it is not to keep what comes behind it from being sent */
  async add(given: Outgoing): Promise<Stored> {
    const message = checked(given);
    if (this.#items.length >= MAX_ITEMS) throw new ChatError("too_many", "too many messages wait to be sent");
    return new Promise((resolve, reject) => {
      this.#items.push({ message, resolve, reject });
      this.#send();
    });
  }

  /** Begins with the oldest. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#isSending = false;
    this.#send();
  }

  detach(): void {
    this.#connection = undefined;
    clearTimeout(this.#timer);
  }

  /** One at a time: a message that has to wait is not overtaken. */
  #send(): void {
    const connection = this.#connection;
    const item = this.#items[0];
    if (connection === undefined || item === undefined || this.#isSending) return;
    this.#isSending = true;
    const settled = (settle: () => void) => {
      if (connection !== this.#connection) return;
      this.#isSending = false;
      this.#items.shift();
      settle();
      this.#send();
    };
    connection.call(
      "message.send",
      item.message,
      (stored) => settled(() => item.resolve(stored)),
      (error) => {
        if (error.code === "disconnected") return;
        if (error.code === "rate_limited" || error.code === "internal") this.#sendLater(connection, error);
        else settled(() => item.reject(error));
      },
    );
  }

  #sendLater(connection: Connection, { retryAfterMs = 1_000 }: ChatError): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (connection !== this.#connection) return;
      this.#isSending = false;
      this.#send();
    }, retryAfterMs);
  }

  end(error: Error): void {
    this.detach();
    for (const { reject } of this.#items.splice(0)) reject(error);
  }
}

function checked(message: Outgoing): Outgoing {
  try {
    return methods["message.send"].params(message);
  } catch (error) {
    if (error instanceof Malformed) throw new ChatError("malformed", error.message);
    throw error;
  }
}
