/**
 * The handshake's procedures are written as generators, in the order of the protocol: they yield for the next message
 * or for something asynchronous, and the connection resumes them. They read no clock and no socket.
 */
import type { Awaitable } from "../crypto/provider.ts";
import type { HandshakeType } from "../tls/codepoints.ts";
import { fault } from "../tls/wire.ts";
import type { ReceivedMessage } from "./reassembly.ts";

/** Yields a promise to wait for, or `undefined` for the next handshake message. */
export type Procedure<T> = Generator<Promise<unknown> | undefined, T, unknown>;

/** The value, now or when it has come. */
export function* settled<T>(value: Awaitable<T>): Procedure<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** The next message, of whatever type. */
export function* nextMessage(): Procedure<ReceivedMessage> {
  return (yield undefined) as ReceivedMessage;
}

/**
 * The next message, of this type.
 * @throws SealgramError unexpected_message for another one
 */
export function* expectMessage(type: HandshakeType): Procedure<ReceivedMessage> {
  const message = yield* nextMessage();
  if (message.type !== type) throw unexpectedMessage(message.type);
  return message;
}

export function unexpectedMessage(type: number): Error {
  return fault("unexpected_message", "unexpected_message", `handshake message ${type} out of turn`);
}
