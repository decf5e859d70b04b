/** A server's tickets (RFC 9846 §4.7.1): made at the end of a handshake, taken at the beginning of a later one. */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider, HashName } from "../crypto/provider.ts";
import type { PskIdentity } from "../tls/extensions.ts";
import { ticketPsk } from "../tls/key-schedule.ts";
import { encodeNewSessionTicket, maxTicketBytes } from "../tls/post-handshake.ts";
import type { ServerConfig, TicketProtector } from "./config.ts";
import type { Handshake, HandshakeResult } from "./handshake.ts";
import { type Procedure, settled } from "./procedure.ts";
import type { SelectedPsk } from "./server-psk.ts";
import {
  type Authentication,
  decodeSessionState,
  encodeSessionState,
  type PskEvidence,
} from "./session-state.ts";
import { pskTag } from "./ticket-holder.ts";

/**
 * NewSessionTicket messages. Those of a resumed session end when the first session's would have, for the client has shown
 * nothing since: "implementations [should] place limits on the total lifetime of such keying material".
 * @param used the PSK of this session, if it has one
 */
export function* makeTickets(
  { crypto }: Handshake,
  { tickets }: ServerConfig,
  {
    suite,
    peer,
    resumptionSecret,
  }: Pick<HandshakeResult, "suite" | "peer"> & {
    readonly resumptionSecret: Bytes;
  },
  used: SelectedPsk | undefined,
): Procedure<Bytes[]> {
  if (tickets === undefined) return [];
  const authentication = used?.authentication ?? {
    peer,
    atMs: tickets.now(),
    ...(used === undefined ? {} : { psk: evidenceOf(crypto, used) }),
  };
  const lifetimeSeconds = Math.min(
    tickets.lifetimeSeconds,
    Math.floor(leftMs(tickets, authentication) / 1000),
  );
  if (lifetimeSeconds <= 0) return [];
  const messages: Bytes[] = [];
  for (let i = 0; i < tickets.count; i++) {
    const nonce = Uint8Array.of(i);
    const ageAdd = new DataView(crypto.random(4).buffer).getUint32(0);
    const psk = ticketPsk(crypto, suite.hash, resumptionSecret, nonce);
    const state = encodeSessionState({ hash: suite.hash, psk, authentication });
    const ticket = yield* settled(tickets.seal(state));
    psk.fill(0);
    state.fill(0);
    // A client with so long a chain shows it each time.
    if (ticket === undefined || ticket.length > maxTicketBytes) continue;
    messages.push(encodeNewSessionTicket({ lifetimeSeconds, ageAdd, nonce, ticket, extensions: {} }));
  }
  return messages;
}

/** RFC 9846 §4.3.11: resumption from the first identity that is a valid ticket. */
export function* openTicket(
  handshake: Handshake,
  { tickets }: ServerConfig,
  identities: readonly PskIdentity[],
  usable: ReadonlySet<HashName>,
): Procedure<SelectedPsk | undefined> {
  if (tickets === undefined) return undefined;
  for (const [index, { identity }] of identities.entries()) {
    const bytes = yield* settled(tickets.open(identity));
    if (bytes === undefined) continue;
    const state = decodeSessionState(bytes);
    bytes.fill(0);
    if (state === undefined || !usable.has(state.hash)) continue;
    const { psk: key, hash, authentication } = state;
    handshake.keep(key);
    if (leftMs(tickets, authentication) <= 0) continue;
    return { index, identity, key, hash, origin: "resumption", peer: authentication.peer, authentication };
  }
  return undefined;
}

/** For how long a client may still come back by tickets. */
function leftMs(tickets: TicketProtector, { atMs }: Authentication): number {
  return atMs + 1000 * tickets.totalLifetimeSeconds - tickets.now();
}

export function evidenceOf(crypto: CryptoProvider, psk: SelectedPsk): PskEvidence {
  return { identity: psk.identity, tag: pskTag(crypto, psk) };
}
