/**
 * Messages after the handshake: tickets, key updates (RFC 9846 §4.7) and connection IDs (RFC 9147 §9). What
 * decoding gives are views of the message.
 */
import type { Bytes } from "../core/bytes.ts";
import { HandshakeType } from "./codepoints.ts";
import { type NewSessionTicketExtensions, newSessionTicketBlock } from "./extensions.ts";
import { encodeMessage, messageBody } from "./message.ts";
import { fault } from "./wire.ts";

/** Seven days: "Clients MUST NOT use tickets for longer", whatever the server says. */
export const maxTicketLifetimeSeconds = 604_800;

/**
 * Of a ticket, in bytes, that is given away or offered. Servers keep little of a ClientHello in several datagrams before
 * they know who it is from: with a larger ticket in it, all handshakes might end unanswered.
 */
export const maxTicketBytes = 4096;

/** RFC 9846 §4.7.1 */
export interface NewSessionTicket {
  readonly lifetimeSeconds: number;
  /** An unsigned integer of 32 bits. */
  readonly ageAdd: number;
  readonly nonce: Bytes;
  readonly ticket: Bytes;
  readonly extensions: NewSessionTicketExtensions;
}

export function encodeNewSessionTicket(ticket: NewSessionTicket): Bytes {
  if (ticket.lifetimeSeconds > maxTicketLifetimeSeconds)
    throw new RangeError("a ticket lives for 7 days at most");
  return encodeMessage(HandshakeType.new_session_ticket, (body) => {
    body.u32(ticket.lifetimeSeconds).u32(ticket.ageAdd).opaque(1, ticket.nonce).opaque(2, ticket.ticket);
    newSessionTicketBlock.write(body, ticket.extensions);
  });
}

/** `lifetimeSeconds` is what the server sent, even beyond {@link maxTicketLifetimeSeconds}. */
export function decodeNewSessionTicket(message: Bytes): NewSessionTicket {
  const body = messageBody(message, HandshakeType.new_session_ticket);
  const fields = {
    lifetimeSeconds: body.u32(),
    ageAdd: body.u32(),
    nonce: body.opaque(1),
    ticket: body.opaque(2, 1),
  };
  const raw = newSessionTicketBlock.split(body);
  body.end();
  return { ...fields, extensions: newSessionTicketBlock.readRequest(raw) };
}

/** RFC 9846 §4.7.3 */
export interface KeyUpdate {
  /** update_requested: the receiver has to update its own sending keys too. */
  readonly updateRequested: boolean;
}

export function encodeKeyUpdate({ updateRequested }: KeyUpdate): Bytes {
  return encodeMessage(HandshakeType.key_update, (body) => body.u8(updateRequested ? 1 : 0), 8);
}

export function decodeKeyUpdate(message: Bytes): KeyUpdate {
  const body = messageBody(message, HandshakeType.key_update);
  const request = body.u8();
  body.end();
  if (request > 1) throw fault("illegal_parameter", "invalid_key_update", `KeyUpdateRequest ${request}`);
  return { updateRequested: request === 1 };
}

/** ConnectionIdUsage (RFC 9147 §9) */
export type ConnectionIdUsage = "immediate" | "spare";

/** RFC 9147 §9: CIDs that the sender wants to receive. */
export interface NewConnectionId {
  readonly cids: readonly Bytes[];
  readonly usage: ConnectionIdUsage;
}

export function encodeNewConnectionId({ cids, usage }: NewConnectionId): Bytes {
  return encodeMessage(HandshakeType.new_connection_id, (body) =>
    body
      .vector(2, (list) => {
        for (const cid of cids) list.opaque(1, cid);
      })
      .u8(usage === "immediate" ? 0 : 1),
  );
}

export function decodeNewConnectionId(message: Bytes): NewConnectionId {
  const body = messageBody(message, HandshakeType.new_connection_id);
  const list = body.vector(2);
  const usage = body.u8();
  body.end();
  const cids: Bytes[] = [];
  while (list.remaining > 0) cids.push(list.opaque(1));
  if (usage > 1) throw fault("illegal_parameter", "invalid_cid_usage", `ConnectionIdUsage ${usage}`);
  return { cids, usage: usage === 0 ? "immediate" : "spare" };
}

/** RFC 9147 §9 */
export interface RequestConnectionId {
  /** num_cids: how many CIDs are wanted, 0 to 255. */
  readonly count: number;
}

export function encodeRequestConnectionId({ count }: RequestConnectionId): Bytes {
  return encodeMessage(HandshakeType.request_connection_id, (body) => body.u8(count), 8);
}

export function decodeRequestConnectionId(message: Bytes): RequestConnectionId {
  const body = messageBody(message, HandshakeType.request_connection_id);
  const count = body.u8();
  body.end();
  return { count };
}
