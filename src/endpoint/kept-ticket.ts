/** A session's ticket as an application keeps it: as an object, in whatever stores those, or as JSON. */
import { toBase64 } from "../crypto/bytes.ts";
import type { HashName } from "../crypto/provider.ts";
import type { PeerIdentity, SessionTicket } from "../dtls/config.ts";

/** What `JSON.stringify` makes of a session's ticket: bytes in base64. It is a secret. */
export interface StoredTicket {
  /** As in {@link SessionTicket}. */
  readonly hash: HashName;
  readonly ageAdd: number;
  readonly receivedAtMs: number;
  readonly lifetimeSeconds: number;
  readonly serverName?: string | undefined;
  /** In base64. */
  readonly ticket: string;
  readonly psk: string;
  readonly holder: string;
  /** As in {@link SessionTicket}, with bytes in base64. */
  readonly peer?: StoredPeer | undefined;
}

/** Who the server had proved to be, with bytes in base64. */
export type StoredPeer =
  | { readonly kind: "psk" | "password"; readonly identity: string }
  | { readonly kind: "raw_public_key"; readonly publicKey: string }
  | { readonly kind: "certificate"; readonly certificates: readonly string[] };

/** The same, as `JSON.stringify` makes a {@link StoredTicket} of it; `structuredClone` and databases see its fields alone. */
export function keptTicket(ticket: SessionTicket): SessionTicket {
  const toJSON = (): StoredTicket => ({
    ...ticket,
    ticket: toBase64(ticket.ticket),
    psk: toBase64(ticket.psk),
    holder: toBase64(ticket.holder),
    peer: ticket.peer && storedPeer(ticket.peer),
  });
  return Object.defineProperty({ ...ticket }, "toJSON", { value: toJSON });
}

function storedPeer(peer: PeerIdentity): StoredPeer {
  switch (peer.kind) {
    case "psk":
    case "password":
      return { kind: peer.kind, identity: toBase64(peer.identity) };
    case "raw_public_key":
      return { kind: peer.kind, publicKey: toBase64(peer.publicKey) };
    case "certificate":
      return { kind: peer.kind, certificates: peer.certificates.map(toBase64) };
  }
}
