/** SPAKE2+ as the handshake wants it: whoever uses no passwords loads no curve arithmetic for them. */
import type { Awaitable, CryptoProvider } from "../crypto/provider.ts";
import {
  type Parties,
  type ProverSecret,
  respondAsVerifier,
  startAsProver,
  type VerifierRecord,
} from "../crypto/spake2plus.ts";
import type { ClientPake, PakeAttempt, PakeLogin, PakeParameters } from "../dtls/config.ts";

/** What both sides have to agree on besides the password (RFC 9383 §3.3). */
export interface LoginNames {
  readonly identity: Uint8Array;
  readonly serverIdentity: Uint8Array;
  readonly context: Uint8Array;
}

/**
 * The client's part of a login.
 * @param secret w0 and w1; or how they follow from salt and rounds, which are then asked for in the first exchange
 */
export function clientPake(
  crypto: CryptoProvider,
  names: LoginNames,
  secret: ProverSecret | ((parameters: PakeParameters) => Awaitable<ProverSecret>),
): ClientPake {
  const { identity, serverIdentity } = names;
  return {
    identity,
    serverIdentity,
    asksParameters: typeof secret === "function",
    start: async (parameters) =>
      startAsProver(
        crypto,
        typeof secret === "function" ? await secret(parameters!) : secret,
        partiesOf(names),
      ),
  };
}

/** The server's part of one login under a record. */
export function respondWith(
  crypto: CryptoProvider,
  record: VerifierRecord,
  { identity, serverIdentity }: Pick<PakeAttempt, "identity" | "serverIdentity">,
  context: Uint8Array = new Uint8Array(0),
): PakeLogin["respond"] {
  const parties = partiesOf({ identity, serverIdentity, context });
  return (share) => respondAsVerifier(crypto, record, parties, share);
}

function partiesOf({ identity, serverIdentity, context }: LoginNames): Parties {
  return { context, idProver: identity, idVerifier: serverIdentity };
}
