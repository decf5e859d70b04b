/** A server's tickets (RFC 9846 §4.6.1): made at the end of a handshake, taken at the beginning of a later one. */
import type { Bytes } from "../core/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import type { PskIdentity } from "../tls/extensions.ts";
import { ticketPsk } from "../tls/key-schedule.ts";
import { encodeNewSessionTicket } from "../tls/post-handshake.ts";
import type { ServerConfig } from "./config.ts";
import type { Handshake, HandshakeResult } from "./handshake.ts";
import { type Procedure, settled } from "./procedure.ts";
import type { SelectedPsk } from "./server-psk.ts";
import { decodeSessionState, encodeSessionState } from "./session-state.ts";

export function* makeTickets(
  { crypto }: Handshake,
  { tickets }: ServerConfig,
  { suite, resumptionSecret, peer }: Pick<HandshakeResult, "suite" | "resumptionSecret" | "peer">,
): Procedure<Bytes[]> {
  const messages: Bytes[] = [];
  for (let i = 0; i < (tickets?.count ?? 0); i++) {
    const nonce = Uint8Array.of(i);
    const ageAdd = new DataView(crypto.random(4).buffer).getUint32(0);
    const psk = ticketPsk(crypto, suite.hash, resumptionSecret, nonce);
    const state = encodeSessionState({ hash: suite.hash, psk, peer });
    const ticket = yield* settled(tickets!.seal(state));
    psk.fill(0);
    state.fill(0);
    if (ticket === undefined) continue;
    const { lifetimeSeconds } = tickets!;
    messages.push(encodeNewSessionTicket({ lifetimeSeconds, ageAdd, nonce, ticket, extensions: {} }));
  }
  return messages;
}

/** RFC 9846 §4.2.11: resumption from the first identity that is a valid ticket. */
export function* openTicket(
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
    const { psk: key, hash, peer } = state;
    return { index, key, hash, origin: "resumption", peer };
  }
  return undefined;
}
