/** A server's session tickets, under secrets that it makes and changes itself or shares with its siblings. */
import type { CryptoProvider } from "../crypto/provider.ts";
import { TicketKeys } from "../crypto/ticket-keys.ts";
import type { TicketProtector } from "../dtls/config.ts";

export interface TicketOptions {
  /** 32 random bytes each, newest first, the same on every server that is to take the tickets. */
  readonly secrets?: readonly Uint8Array[];
  /** For how long a ticket is good, up to seven days: two hours unless given. */
  readonly lifetimeMs?: number;
  /** How many a client gets: one unless given. */
  readonly count?: number;
}

const SECRET_BYTES = 32;
const DEFAULT_LIFETIME_MS = 7_200_000;

export function ticketProtector(crypto: CryptoProvider, options: TicketOptions): TicketProtector {
  const { lifetimeMs = DEFAULT_LIFETIME_MS, count = 1 } = options;
  let secrets = options.secrets ?? [crypto.random(SECRET_BYTES)];
  const keys = new TicketKeys(crypto, { secrets, lifetimeMs });
  let rotateAtMs = options.secrets === undefined ? Date.now() + lifetimeMs : Number.POSITIVE_INFINITY;
  const context = new TextEncoder().encode("sealgram resumption");
  return {
    count,
    lifetimeSeconds: Math.floor(lifetimeMs / 1000),
    seal(state) {
      const now = Date.now();
      if (now >= rotateAtMs) {
        // A ticket lives as long as a secret seals: the one before is all that is still needed.
        secrets = [crypto.random(SECRET_BYTES), secrets[0]!];
        keys.rotate(secrets);
        rotateAtMs = now + lifetimeMs;
      }
      return keys.seal(state, context, now);
    },
    open: async (ticket) => (await keys.open(ticket, context, Date.now()))?.state,
  };
}
