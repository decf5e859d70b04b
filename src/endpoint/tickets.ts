/** A server's session tickets, under secrets that it makes and changes itself or shares with its siblings. */
import type { CryptoProvider } from "../crypto/provider.ts";
import { TicketKeys } from "../crypto/ticket-keys.ts";
import type { TicketProtector } from "../dtls/config.ts";

/** How clients of a server may resume (RFC 9846 §4.7.1). */
export interface TicketOptions {
  /** 32 random bytes each, newest first, the same on every server that is to take the tickets. */
  readonly secrets?: readonly Uint8Array[];
  /** For how long a ticket is good, up to seven days: two hours unless given. */
  readonly lifetimeMs?: number;
  /**
   * For how long a client can come back by tickets, each session leaving one for the next, before it has to authenticate
   * anew: seven days unless given.
   */
  readonly totalLifetimeMs?: number;
  /** How many a client gets, up to 16: one unless given. */
  readonly count?: number;
}

const SECRET_BYTES = 32;
const DEFAULT_LIFETIME_MS = 7_200_000;
const DEFAULT_TOTAL_LIFETIME_MS = 604_800_000;

const MAX_COUNT = 16;

export function ticketProtector(crypto: CryptoProvider, options: TicketOptions): TicketProtector {
  const {
    lifetimeMs = DEFAULT_LIFETIME_MS,
    totalLifetimeMs = DEFAULT_TOTAL_LIFETIME_MS,
    count = 1,
  } = options;
  if (!(totalLifetimeMs > 0)) throw new RangeError("tickets.totalLifetimeMs is above 0");
  if (!(count >= 0 && count <= MAX_COUNT)) throw new RangeError(`tickets.count is up to ${MAX_COUNT}`);
  let secrets = options.secrets ?? [crypto.random(SECRET_BYTES)];
  const keys = new TicketKeys(crypto, { secrets, lifetimeMs });
  let rotateAtMs = options.secrets === undefined ? Date.now() + lifetimeMs : Number.POSITIVE_INFINITY;
  const context = new TextEncoder().encode("sealgram resumption");
  return {
    count,
    now: () => Date.now(),
    lifetimeSeconds: Math.floor(lifetimeMs / 1000),
    totalLifetimeSeconds: Math.floor(totalLifetimeMs / 1000),
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
