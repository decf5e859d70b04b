/** A server's session tickets, under secrets that it makes and changes itself or shares with its siblings. */

import type { CryptoProvider } from "../crypto/provider.ts";
import { TicketKeys } from "../crypto/ticket-keys.ts";
import type { TicketProtector } from "../dtls/config.ts";
import { checkOptions } from "../options.ts";

/** How clients of a server may resume (RFC 9846 §4.7.1). */
export interface TicketOptions {
  /**
   * 32 random bytes each, newest first, the same on every server that is to take the tickets: the first one seals, all
   * of them open. Or a function that answers them at any time, for servers that replace them while they run, as all
   * should: a recording of resumed sessions stays closed, but whoever has a secret can make tickets.
   */
  readonly secrets?: readonly Uint8Array[] | (() => readonly Uint8Array[]) | undefined;
  /** For how long a ticket is good, up to seven days: two hours unless given. */
  readonly lifetimeMs?: number | undefined;
  /**
   * For how long a client can come back by tickets, each session leaving one for the next, before it has to authenticate
   * anew: seven days unless given.
   */
  readonly totalLifetimeMs?: number | undefined;
  /** How many a client gets, up to 16: one unless given. */
  readonly count?: number | undefined;
}

const SECRET_BYTES = 32;
const DEFAULT_LIFETIME_MS = 7_200_000;
const DEFAULT_TOTAL_LIFETIME_MS = 604_800_000;

const MAX_COUNT = 16;

export function ticketProtector(crypto: CryptoProvider, options: TicketOptions): TicketProtector {
  checkOptions("tickets", options, { secrets: 1, lifetimeMs: 1, totalLifetimeMs: 1, count: 1 });
  const {
    lifetimeMs = DEFAULT_LIFETIME_MS,
    totalLifetimeMs = DEFAULT_TOTAL_LIFETIME_MS,
    count = 1,
  } = options;
  if (!(totalLifetimeMs > 0)) throw new RangeError("tickets.totalLifetimeMs is above 0");
  if (!(count >= 0 && count <= MAX_COUNT)) throw new RangeError(`tickets.count is up to ${MAX_COUNT}`);
  const { secrets = ownSecrets(crypto, lifetimeMs) } = options;
  const current = typeof secrets === "function" ? secrets : () => secrets;
  let derived = current();
  const keys = new TicketKeys(crypto, { secrets: derived, lifetimeMs });
  const refresh = () => {
    const now = current();
    if (now === derived) return;
    keys.rotate(now);
    derived = now;
  };
  const context = new TextEncoder().encode("sealgram resumption");
  return {
    count,
    now: () => Date.now(),
    lifetimeSeconds: Math.floor(lifetimeMs / 1000),
    totalLifetimeSeconds: Math.floor(totalLifetimeMs / 1000),
    seal(state) {
      refresh();
      return keys.seal(state, context, Date.now());
    },
    open: async (ticket) => {
      refresh();
      return (await keys.open(ticket, context, Date.now()))?.state;
    },
  };
}

/**
 * Each seals for as long as a ticket lives: the one before is all that is still needed. By a clock that runs evenly: the
 * date may be set back by a year, during which one would serve.
 */
function ownSecrets(crypto: CryptoProvider, lifetimeMs: number): () => readonly Uint8Array[] {
  let secrets = [crypto.random(SECRET_BYTES)];
  let rotateAtMs = performance.now() + lifetimeMs;
  return () => {
    const now = performance.now();
    if (now >= rotateAtMs) {
      secrets = [crypto.random(SECRET_BYTES), secrets[0]!];
      rotateAtMs = now + lifetimeMs;
    }
    return secrets;
  };
}
