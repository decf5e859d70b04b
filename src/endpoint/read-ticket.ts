/** Reads a ticket that an application has kept. It is loaded where there is one. */
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { fromBase64 } from "../crypto/bytes.ts";
import type { PeerIdentity, SessionTicket } from "../dtls/config.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * A ticket that was kept, as an object or as JSON.
 * @throws TypeError for what is no ticket
 */
export function readTicket(kept: unknown): SessionTicket {
  const fields = fieldsOf(kept, "a ticket");
  const { hash, serverName, peer } = fields;
  if (hash !== "SHA-256" && hash !== "SHA-384") throw wrong("hash");
  if (serverName !== undefined && typeof serverName !== "string") throw wrong("serverName");
  const psk = readBytes(fields.psk, "psk");
  if (psk.length !== (hash === "SHA-256" ? 32 : 48)) throw wrong("psk");
  return {
    ticket: readBytes(fields.ticket, "ticket"),
    psk,
    hash,
    ageAdd: readNumber(fields, "ageAdd"),
    receivedAtMs: readNumber(fields, "receivedAtMs"),
    lifetimeSeconds: readNumber(fields, "lifetimeSeconds"),
    peer: peer === undefined || peer === null ? undefined : readPeer(fieldsOf(peer, "its peer")),
    serverName,
    holder: readBytes(fields.holder, "holder"),
  };
}

function readPeer(fields: Fields): PeerIdentity {
  const { kind, certificates } = fields;
  switch (kind) {
    case "psk":
    case "password":
      return { kind, identity: readBytes(fields.identity, "identity") };
    case "raw_public_key":
      return { kind, publicKey: readBytes(fields.publicKey, "publicKey") };
    case "certificate":
      if (!Array.isArray(certificates)) throw wrong("certificates");
      return { kind, certificates: certificates.map((each) => readBytes(each, "certificates")) };
    default:
      throw wrong("peer");
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new TypeError(`not a session's ticket: ${what} is an object`);
}

function readNumber(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(name);
  return value;
}

function readBytes(value: unknown, name: string): Bytes {
  try {
    return typeof value === "string" ? fromBase64(value) : ownBytes(value, name);
  } catch (cause) {
    throw wrong(name, cause);
  }
}

/** Nothing of a ticket is in the message: it is a secret. */
function wrong(field: string, cause?: unknown): TypeError {
  const message = `not a session's ticket, as session.ticket or JSON.stringify gives it: its ${field}`;
  return new TypeError(message, cause === undefined ? undefined : { cause });
}
