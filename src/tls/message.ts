/**
 * The frame that every handshake message has in the transcript: type, length and body (RFC 9846 §4). DTLS puts
 * message_seq and fragment fields around the same body; they are not part of it (RFC 9147 §5.2).
 */
import type { Bytes } from "../core/bytes.ts";
import type { HandshakeType } from "./codepoints.ts";
import { fault, malformed, Reader, Writer } from "./wire.ts";

/** A message whose body `write` appends. */
export function encodeMessage(type: HandshakeType, write: (body: Writer) => void, capacity?: number): Bytes {
  return new Writer(capacity).u8(type).vector(3, write).finish();
}

/**
 * A reader of the body of a message of the type that is expected.
 * @param message type, length and body, nothing else
 * @throws SealgramError unexpected_message for another type, decode_error if the length is not the body's
 */
export function messageBody(message: Bytes, type: HandshakeType): Reader {
  const reader = new Reader(message);
  const actual = reader.u8();
  if (actual !== type) {
    throw fault(
      "unexpected_message",
      "unexpected_message",
      `handshake message ${actual} in place of ${type}`,
    );
  }
  if (reader.u24() !== reader.remaining) throw malformed("the length of a message is not that of its body");
  return reader;
}
