/** The PSKs that a client offers: its ticket, and external keys, plain or imported (RFC 9846 §4.3.11, RFC 9258). */
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { equalBytes } from "../crypto/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import { PskKeyExchangeMode } from "../tls/codepoints.ts";
import type { ClientHelloExtensions } from "../tls/extensions.ts";
import { hashLength } from "../tls/hkdf.ts";
import type { PskOrigin } from "../tls/key-schedule.ts";
import { maxTicketBytes } from "../tls/post-handshake.ts";
import { importPsk } from "../tls/psk.ts";
import { type CipherSuite, suiteParameters } from "../tls/suites.ts";
import type { ClientConfig, PeerIdentity, SessionTicket } from "./config.ts";
import type { Handshake } from "./handshake.ts";
import { certificateTypeOf } from "./handshake.ts";

/** A PSK as it is offered: one identity, one hash. */
export interface OfferedPsk {
  readonly identity: Bytes;
  readonly key: Bytes;
  readonly hash: HashName;
  readonly origin: PskOrigin;
  /** Which it is of, if it is of one. */
  readonly ticket?: SessionTicket;
  /** Whom the server proves to be by using it. */
  readonly peer: PeerIdentity | undefined;
}

export function offeredPsks(handshake: Handshake, config: ClientConfig): OfferedPsk[] {
  // Never without (EC)DHE.
  if (config.groups.length === 0) return [];
  const hashes = suiteHashes(config);
  const psks: OfferedPsk[] = [];
  const ticket = usableTicket(config, handshake.parts.now());
  if (ticket !== undefined) {
    psks.push({
      identity: ticket.ticket,
      key: ticket.psk,
      hash: ticket.hash,
      origin: "resumption",
      ticket,
      peer: ticket.peer,
    });
  }
  for (const psk of config.psks) {
    const peer: PeerIdentity = { kind: "psk", identity: ownBytes(psk.identity, "an identity") };
    if (psk.imported) {
      for (const hash of hashes) {
        const imported = importPsk(handshake.crypto, psk, hash);
        handshake.keep(imported.key);
        psks.push({ ...imported, origin: "imported", peer });
      }
    } else {
      const hash = psk.hash ?? "SHA-256";
      if (!hashes.includes(hash)) continue;
      const key = ownBytes(psk.key, "a pre-shared key");
      handshake.keep(key);
      psks.push({
        identity: ownBytes(psk.identity, "an identity"),
        key,
        hash,
        origin: "external",
        peer,
      });
    }
  }
  return psks;
}

/** A suite that no PSK works with is of use only to a server that can prove who it is without one. */
export function offeredSuites(
  { cipherSuites, verifyServer, pake }: ClientConfig,
  psks: readonly OfferedPsk[],
): readonly CipherSuite[] {
  if (verifyServer !== undefined || pake !== undefined || psks.length === 0) return cipherSuites;
  return cipherSuites.filter((suite) => psks.some(({ hash }) => hash === suiteParameters(suite).hash));
}

/** The ticket, if a client that is configured like this offers it at that time. */
export function usableTicket(config: ClientConfig, nowMs: number): SessionTicket | undefined {
  const { ticket, groups } = config;
  // Never without (EC)DHE.
  if (ticket === undefined || groups.length === 0) return undefined;
  const ageMs = nowMs - ticket.receivedAtMs;
  // Of one from the future nobody can say how old it is.
  const isAlive = ageMs >= 0 && ageMs <= ticket.lifetimeSeconds * 1000;
  const fits = ticket.ticket.length <= maxTicketBytes && suiteHashes(config).includes(ticket.hash);
  return isAlive && fits && isWanted(config, ticket.peer) ? ticket : undefined;
}

/**
 * Whether a server that was this peer is one to talk to. A client that has nothing to tell servers by but its ticket
 * talks to whoever that is of.
 */
function isWanted({ verifyServer, psks, pake }: ClientConfig, peer: PeerIdentity | undefined): boolean {
  if (verifyServer === undefined && psks.length === 0 && pake === undefined) return true;
  if (peer === undefined) return false;
  switch (peer.kind) {
    case "psk":
      return psks.some(({ identity }) => equalBytes(identity, peer.identity));
    case "password":
      return pake !== undefined && equalBytes(pake.serverIdentity, peer.identity);
    default:
      return verifyServer?.certificateTypes.includes(certificateTypeOf(peer)) ?? false;
  }
}

/** The hashes of the suites that are offered; a PSK works with suites of its own hash only. */
function suiteHashes({ cipherSuites }: ClientConfig): HashName[] {
  const hashes: HashName[] = ["SHA-256", "SHA-384"];
  return hashes.filter((hash) => cipherSuites.some((suite) => suiteParameters(suite).hash === hash));
}

export function pskExtension(
  { groups }: ClientConfig,
  psks: readonly OfferedPsk[],
  nowMs: number,
): Partial<ClientHelloExtensions> {
  if (groups.length === 0) return {};
  // The modes are sent in any case: without them a server sends no tickets (RFC 9846 §4.3.9).
  const modes = { pskKeyExchangeModes: [PskKeyExchangeMode.psk_dhe_ke] };
  if (psks.length === 0) return modes;
  return {
    ...modes,
    preSharedKey: {
      identities: psks.map(({ identity, ticket }) => ({
        identity,
        obfuscatedTicketAge: ticket === undefined ? 0 : obfuscatedAge(ticket, nowMs),
      })),
      binders: psks.map(({ hash }) => new Uint8Array(hashLength(hash))),
    },
  };
}

/** obfuscated_ticket_age (RFC 9846 §4.3.11.1). */
function obfuscatedAge({ receivedAtMs, ageAdd }: SessionTicket, nowMs: number): number {
  return (Math.floor(nowMs - receivedAtMs) + ageAdd) % 2 ** 32;
}
