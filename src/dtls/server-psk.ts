/** Which of the PSKs that a client offers a server takes (RFC 9846 §4.3.11). */
import { type Bytes, ownBytes } from "../core/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import { ProtocolVersion } from "../tls/codepoints.ts";
import { constantTimeEqual } from "../tls/constant-time.ts";
import type { ClientHello } from "../tls/hello.ts";
import type { KeySchedule, PskOrigin } from "../tls/key-schedule.ts";
import { checkBinder, importPsk, parseImportedIdentity, truncateClientHello } from "../tls/psk.ts";
import { acceptsPskWithDhe, selectCipherSuite } from "../tls/server-choices.ts";
import type { OfferedIdentity, PeerIdentity, Psk, ServerConfig } from "./config.ts";
import { showsCredentialFirst } from "./credential.ts";
import { certificateTypeOf, type Handshake } from "./handshake.ts";
import { type Procedure, settled } from "./procedure.ts";
import { evidenceOf, openTicket } from "./server-tickets.ts";
import type { Authentication } from "./session-state.ts";

/** Identities that a server looks at; the others are as if they had not been offered. */
const MAX_IDENTITIES = 8;

/** A PSK that both sides have, and whom the client is by it. */
export interface SelectedPsk {
  readonly index: number;
  /** As it was offered. */
  readonly identity: Bytes;
  readonly key: Bytes;
  readonly hash: HashName;
  readonly origin: PskOrigin;
  readonly peer: PeerIdentity | undefined;
  /** Of a ticket: what it stands for. */
  readonly authentication?: Authentication | undefined;
}

/** The PSK that is to be used, if any: of a ticket, or else an external one. */
export function* selectPsk(
  handshake: Handshake,
  config: ServerConfig,
  hello: ClientHello,
  hash: HashName | undefined,
): Procedure<SelectedPsk | undefined> {
  const { preSharedKey } = hello.extensions;
  if (preSharedKey === undefined || !acceptsPskWithDhe(hello.extensions)) return undefined;
  const usable = usableHashes(config, hello, hash);
  const identities = preSharedKey.identities.slice(0, MAX_IDENTITIES);
  const resumed = yield* openTicket(handshake, config, identities, usable);
  if (resumed !== undefined && (yield* isStillTrusted(handshake, config, resumed))) return resumed;
  if (config.choosePsk === undefined) return undefined;
  if (showsCredentialFirst(config, hello)) return undefined;
  const offered = identities.map(describe);
  const choice = yield* settled(config.choosePsk(offered));
  if (choice === undefined) return undefined;
  return pskOf(handshake, choice.psk, offered, choice.index, usable);
}

/** Hashes of the suites that both sides have. */
function usableHashes(config: ServerConfig, hello: ClientHello, hash: HashName | undefined): Set<HashName> {
  const hashes = new Set<HashName>();
  for (const candidate of ["SHA-256", "SHA-384"] as const) {
    if (hash !== undefined && hash !== candidate) continue;
    try {
      selectCipherSuite(hello.cipherSuites, config.cipherSuites, candidate);
      hashes.add(candidate);
    } catch {
      // no suite of this hash in common
    }
  }
  return hashes;
}

function describe({ identity }: { identity: Bytes }): OfferedIdentity {
  const parsed = parseImportedIdentity(identity);
  const isOurs = parsed?.targetProtocol === ProtocolVersion.dtls1_3;
  return {
    identity,
    imported: isOurs ? { identity: parsed.externalIdentity, context: parsed.context } : undefined,
  };
}

/** A PSK that was chosen, in the form that was offered with a hash that can be used. */
function pskOf(
  handshake: Handshake,
  psk: Psk,
  offered: readonly OfferedIdentity[],
  index: number,
  usable: ReadonlySet<HashName>,
): SelectedPsk | undefined {
  const peer: PeerIdentity = { kind: "psk", identity: ownBytes(psk.identity, "an identity") };
  if (!psk.imported) {
    const hash = psk.hash ?? "SHA-256";
    if (!usable.has(hash)) return undefined;
    const { identity } = offered[index]!;
    const key = ownBytes(psk.key, "a pre-shared key");
    handshake.keep(key);
    return { index, identity, key, hash, origin: "external", peer };
  }
  // A client offers an imported PSK once for each hash; whichever index was chosen, the usable one counts.
  for (const hash of usable) {
    const imported = importPsk(handshake.crypto, psk, hash);
    handshake.keep(imported.key);
    const at = offered.findIndex(({ identity }) => equal(identity, imported.identity));
    if (at !== -1) return { ...imported, index: at, origin: "imported", peer };
  }
  return undefined;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Whether a client may come back as who it was. It shows nothing any more (RFC 9846 §2.2), so what it had shown at first,
 * perhaps to another server that takes the same tickets, has to be what is asked for here, and still be good. Else it
 * has to show something again.
 */
function* isStillTrusted(
  handshake: Handshake,
  config: ServerConfig,
  ticket: SelectedPsk,
): Procedure<boolean> {
  const { credentials, verifyClient, requireClientCertificate, pake } = config;
  const { peer } = ticket;
  if (peer === undefined) {
    return credentials.length > 0 && (verifyClient === undefined || !requireClientCertificate);
  }
  if (peer.kind === "psk") return yield* isStillKnown(handshake, config, ticket);
  if (peer.kind === "password") {
    return pake !== undefined && ((yield* settled(pake.isCurrent?.(peer))) ?? true);
  }
  if (!verifyClient?.certificateTypes.includes(certificateTypeOf(peer))) return false;
  return yield* handshake.isStillTrusted(peer, verifyClient);
}

/** Whether the server would still use the PSK that the first session was made with. */
function* isStillKnown(
  handshake: Handshake,
  { choosePsk }: ServerConfig,
  { hash, authentication }: SelectedPsk,
): Procedure<boolean> {
  const evidence = authentication?.psk;
  if (choosePsk === undefined || evidence === undefined) return false;
  const offered = [describe(evidence)];
  const choice = yield* settled(choosePsk(offered));
  const psk = choice && pskOf(handshake, choice.psk, offered, 0, new Set([hash]));
  if (psk === undefined) return false;
  const { tag } = evidenceOf(handshake.crypto, psk);
  return constantTimeEqual(tag, evidence.tag);
}

/** @throws SealgramError decrypt_error if the client does not have the PSK */
export function verifyBinder(
  { transcript }: Handshake,
  schedule: KeySchedule,
  hello: ClientHello,
  message: Bytes,
  { index, hash, origin }: SelectedPsk,
): void {
  const { binders } = hello.extensions.preSharedKey!;
  const digest = transcript.binderDigest(hash, truncateClientHello(message, binders));
  checkBinder(schedule, origin, digest, binders[index]!);
}
