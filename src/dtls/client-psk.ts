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
import { certificateTypeOf, type Handshake } from "./handshake.ts";
import type { Procedure } from "./procedure.ts";
import { credentialHolder, loginHolder, pskTag } from "./ticket-holder.ts";

/** A PSK as it is offered: one identity, one hash. */
export interface OfferedPsk {
  readonly identity: Bytes;
  readonly key: Bytes;
  readonly hash: HashName;
  readonly origin: PskOrigin;
  /** Which it is of, if it is of one. */
  readonly ticket?: SessionTicket | undefined;
  /** Whom the server proves to be by using it. */
  readonly peer: PeerIdentity | undefined;
}

export function* offeredPsks(handshake: Handshake, config: ClientConfig): Procedure<OfferedPsk[]> {
  // Never without (EC)DHE.
  if (config.groups.length === 0) return [];
  const psks = externalPsks(config);
  handshake.keep(...psks.map(({ key }) => key));
  const ticket = usableTicket(config, handshake.parts.now());
  if (ticket === undefined || !(yield* handshake.isStillTrusted(ticket.peer, config.verifyServer)))
    return psks;
  const { ticket: identity, psk: key, hash, peer } = ticket;
  return [{ identity, key, hash, origin: "resumption", ticket, peer }, ...psks];
}

/** Each in the forms that it is offered in. */
function externalPsks(config: ClientConfig): OfferedPsk[] {
  const hashes = suiteHashes(config);
  return config.psks.flatMap((psk): OfferedPsk[] => {
    const identity = ownBytes(psk.identity, "an identity");
    const peer: PeerIdentity = { kind: "psk", identity };
    if (psk.imported) {
      return hashes.map((hash) => ({ ...importPsk(config.crypto, psk, hash), origin: "imported", peer }));
    }
    const { hash = "SHA-256" } = psk;
    if (!hashes.includes(hash)) return [];
    return [{ identity, key: ownBytes(psk.key, "a pre-shared key"), hash, origin: "external", peer }];
  });
}

/** A suite that no PSK works with is of use only to a server that can prove who it is without one. */
export function offeredSuites(
  { cipherSuites, verifyServer, pake }: ClientConfig,
  psks: readonly OfferedPsk[],
): readonly CipherSuite[] {
  if (verifyServer !== undefined || pake !== undefined || psks.length === 0) return cipherSuites;
  return cipherSuites.filter((suite) => psks.some(({ hash }) => hash === suiteParameters(suite).hash));
}

/**
 * The ticket, if a client that is configured like this may offer it at that time; the server that it is of may be one to be
 * judged anew.
 */
export function usableTicket(config: ClientConfig, nowMs: number): SessionTicket | undefined {
  const { ticket, groups, serverName } = config;
  // Never without (EC)DHE.
  if (ticket === undefined || groups.length === 0) return undefined;
  const ageMs = nowMs - ticket.receivedAtMs;
  // Of one from the future nobody can say how old it is.
  const isAlive = ageMs >= 0 && ageMs <= ticket.lifetimeSeconds * 1000;
  const fits = ticket.ticket.length <= maxTicketBytes && suiteHashes(config).includes(ticket.hash);
  // "SHOULD only resume if the SNI value matches the one used in the original session" (RFC 9846 §4.7.1)
  const isOfServer = ticket.serverName === serverName && isWanted(config, ticket.peer);
  return isAlive && fits && isOfServer && isHeld(config, ticket) ? ticket : undefined;
}

/** Whether there is nothing to tell servers by but the ticket: then the server that it is of is talked to. */
function hasTicketOnly({ verifyServer, psks, pake }: ClientConfig): boolean {
  return verifyServer === undefined && psks.length === 0 && pake === undefined;
}

/** Whether a server that was this peer is one to talk to. */
function isWanted(config: ClientConfig, peer: PeerIdentity | undefined): boolean {
  const { verifyServer, psks, pake } = config;
  if (hasTicketOnly(config)) return true;
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

/** Whether the client that a ticket is of is this one, with the same keys. A server it is shown to lets in that one. */
function isHeld(config: ClientConfig, { peer, holder }: SessionTicket): boolean {
  if (hasTicketOnly(config)) return true;
  if (peer?.kind !== "psk") return equalBytes(holder, holderOf(config, peer, undefined));
  return externalPsks(config).some((psk) => {
    const isSame = equalBytes(holder, pskTag(config.crypto, psk));
    psk.key.fill(0);
    return isSame;
  });
}

/** Whose the tickets of a session with this server are, by the PSK that was used if there was one. */
export function holderOf(
  config: ClientConfig,
  peer: PeerIdentity | undefined,
  psk: OfferedPsk | undefined,
): Bytes {
  if (psk?.ticket !== undefined) return psk.ticket.holder;
  if (psk !== undefined) return pskTag(config.crypto, psk);
  return peer?.kind === "password" ? loginHolder(config) : credentialHolder(config);
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
