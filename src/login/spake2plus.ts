/** SPAKE2+ as the handshake wants it. */
import type { Bytes } from "../core/bytes.ts";
import type { Awaitable, CryptoProvider } from "../crypto/provider.ts";
import {
  type Parties,
  type Prover,
  type ProverSecret,
  respondAsVerifier,
  startAsProver,
  type VerifierRecord,
} from "../crypto/spake2plus.ts";
import type { ClientPake, PakeAttempt, PakeLogin, PakeParameters } from "../dtls/config.ts";

/** What both sides have to agree on besides the password (RFC 9383 §3.3). */
export interface LoginNames {
  /** Whose password, for which service, and for which application. */
  readonly identity: Uint8Array;
  readonly serverIdentity: Uint8Array;
  readonly context: Uint8Array;
}

/**
 * The Context of our logins: "tls || application_context" with an empty application context (draft-ietf-tls-pake,
 * "Protocol Execution"), which keeps a password's logins here apart from those of other protocols. The older draft,
 * whose code points are in use, leaves the context to the application. BoringSSL's has to be given the same.
 */
export const loginContext: Bytes = Uint8Array.of(0x74, 0x6c, 0x73);

export function startAs(crypto: CryptoProvider, names: LoginNames, secret: ProverSecret): Promise<Prover> {
  return startAsProver(crypto, secret, partiesOf(names));
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
      startAs(crypto, names, typeof secret === "function" ? await secret(parameters!) : secret),
  };
}

/** The server's part of one login under a record. */
export function respondWith(
  crypto: CryptoProvider,
  record: VerifierRecord,
  { identity, serverIdentity }: Pick<PakeAttempt, "identity" | "serverIdentity">,
  context: Uint8Array = loginContext,
): PakeLogin["respond"] {
  const parties = partiesOf({ identity, serverIdentity, context });
  return (share) => respondAsVerifier(crypto, record, parties, share);
}

function partiesOf({ identity, serverIdentity, context }: LoginNames): Parties {
  return { context, idProver: identity, idVerifier: serverIdentity };
}
