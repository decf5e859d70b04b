/** What a ticket holds of a session (RFC 9846 §4.7.1): sealed by the server, opened by it or its siblings. */
import type { Bytes } from "../core/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import { Reader, Writer } from "../tls/wire.ts";
import type { PeerIdentity } from "./config.ts";

/** How a client had authenticated when it last did so without a ticket. */
export interface Authentication {
  /** Who it had proved to be. */
  readonly peer: PeerIdentity | undefined;
  /** Since 1970. */
  readonly atMs: number;
  /** By which external PSK, if it was by one. */
  readonly psk?: PskEvidence | undefined;
}

export interface PskEvidence {
  /** As it was offered. */
  readonly identity: Bytes;
  /** Differs if the key does, and tells nothing of it. */
  readonly tag: Bytes;
}

export interface SessionState {
  readonly hash: HashName;
  readonly psk: Bytes;
  readonly authentication: Authentication;
}

const VERSION = 2;
const none: Bytes = new Uint8Array(0);
const kinds = ["none", "psk", "raw_public_key", "certificate", "password"] as const;

export function encodeSessionState({ hash, psk, authentication }: SessionState): Bytes {
  const { peer, atMs, psk: evidence } = authentication;
  const writer = new Writer(256)
    .u8(VERSION)
    .u8(hash === "SHA-256" ? 0 : 1)
    .opaque(1, psk);
  writer.u64(Math.floor(atMs)).u8(kinds.indexOf(peer?.kind ?? "none"));
  writer.vector(3, (list) => {
    for (const value of identityValues(peer)) list.opaque(3, value);
  });
  writer.opaque(2, evidence?.identity ?? none).opaque(1, evidence?.tag ?? none);
  return writer.finish();
}

function identityValues(peer: PeerIdentity | undefined): readonly Bytes[] {
  switch (peer?.kind) {
    case "psk":
      return [peer.identity];
    case "raw_public_key":
      return [peer.publicKey];
    case "certificate":
      return peer.certificates;
    case "password":
      return peer.registration === undefined ? [peer.identity] : [peer.identity, peer.registration];
    default:
      return [];
  }
}

/** `undefined` for a state of another version. */
export function decodeSessionState(bytes: Bytes): SessionState | undefined {
  const reader = new Reader(bytes);
  if (reader.u8() !== VERSION) return undefined;
  const hash = reader.u8() === 0 ? "SHA-256" : "SHA-384";
  const psk = reader.opaque(1).slice();
  const atMs = reader.u64();
  const kind = kinds[reader.u8()];
  const list = reader.vector(3);
  const values: Bytes[] = [];
  while (list.remaining > 0) values.push(list.opaque(3).slice());
  const evidence = { identity: reader.opaque(2).slice(), tag: reader.opaque(1).slice() };
  reader.end();
  const authentication = {
    peer: identityOf(kind, values),
    atMs,
    ...(evidence.tag.length === 0 ? {} : { psk: evidence }),
  };
  return { hash, psk, authentication };
}

function identityOf(
  kind: (typeof kinds)[number] | undefined,
  values: readonly Bytes[],
): PeerIdentity | undefined {
  switch (kind) {
    case "psk":
      return { kind, identity: values[0]! };
    case "raw_public_key":
      return { kind, publicKey: values[0]! };
    case "certificate":
      return { kind, certificates: values };
    case "password": {
      const [identity, registration] = values;
      return { kind, identity: identity!, ...(registration === undefined ? {} : { registration }) };
    }
    default:
      return undefined;
  }
}
