/**
 * The login by password inside the handshake: SPAKE2+ (RFC 9383) in the `pake` extension (draft-bmw-tls-pake13, and as
 * BoringSSL deploys it). The client is the prover, the server the verifier. confirmV is in the ServerHello; in place of
 * confirmP stands the client's Finished.
 *
 * The draft wants (EC)DHE beside the PAKE and its key behind K_shared; BoringSSL sends no key_share, and K_shared
 * stands alone. Both are spoken: a client that offers key shares takes either answer, and a server answers a key share
 * if it was sent one. The transcript has both hellos, so that nobody in between can take the key share away.
 */
import type { Bytes } from "../core/bytes.ts";
import { concatBytes } from "../crypto/bytes.ts";
import type { Awaitable } from "../crypto/provider.ts";
import type { Prover } from "../crypto/spake2plus.ts";
import { PakeScheme } from "../tls/codepoints.ts";
import type { ClientHelloExtensions, PakeClientHello, PakeShare } from "../tls/extensions.ts";
import { fault } from "../tls/wire.ts";
import type { ClientPake, PakeLogin, PakeParameters, PeerIdentity, ServerPake } from "./config.ts";
import type { Path } from "./path.ts";
import { type Procedure, settled } from "./procedure.ts";

// The client

/** What a ClientHello has for it, and who waits for the answer: nobody while salt and rounds are not known. */
export interface PakeOffer {
  readonly extensions: Pick<ClientHelloExtensions, "pake" | "asksPakeParameters">;
  readonly prover: Prover | undefined;
}

export function* offerPake(pake: ClientPake): Procedure<PakeOffer> {
  if (!pake.asksParameters) return yield* offerShare(pake, undefined);
  return { extensions: { pake: pakeClientHello(pake, []), asksPakeParameters: true }, prover: undefined };
}

/** @param parameters as the HelloRetryRequest told them, if it was asked */
export function* offerShare(pake: ClientPake, parameters: PakeParameters | undefined): Procedure<PakeOffer> {
  const copy = parameters && { ...parameters, salt: parameters.salt.slice() };
  const prover = yield* settled(pake.start(copy));
  const share = { scheme: PakeScheme.SPAKE2PLUS_V1, message: prover.shareP };
  const asked = parameters === undefined ? {} : { asksPakeParameters: true as const };
  return { extensions: { ...asked, pake: pakeClientHello(pake, [share]) }, prover };
}

function pakeClientHello(
  { identity, serverIdentity }: ClientPake,
  shares: readonly PakeShare[],
): PakeClientHello {
  return { clientIdentity: new Uint8Array(identity), serverIdentity: new Uint8Array(serverIdentity), shares };
}

/**
 * K_shared, once the server has proved that it has the record of the password.
 * @throws SealgramError illegal_parameter for what is no share, decrypt_error if it has proved nothing
 */
export function* finishPake({ prover }: PakeOffer, share: PakeShare): Procedure<Bytes> {
  const { sharedKey } = yield* settled(prover!.finish(share.message));
  return sharedKey;
}

// The server

/**
 * Whether the client offers something that leads to a login: a share, or the question how to make one. If it offers other
 * schemes only, the draft has the server abort with illegal_parameter. Here such a client is as one without the
 * extension, which BoringSSL's tests expect: there may be a certificate for it, or else it gets handshake_failure, the
 * alert for having nothing in common.
 */
export function offersPake(pake: ServerPake | undefined, extensions: ClientHelloExtensions): boolean {
  if (pake === undefined || extensions.pake === undefined) return false;
  return findShare(extensions.pake) !== undefined || asksParameters(pake, extensions);
}

/** Whether a HelloRetryRequest has to tell {@link PakeParameters}. */
export function asksParameters(
  { parameters }: ServerPake,
  { pake, asksPakeParameters }: ClientHelloExtensions,
): boolean {
  return parameters !== undefined && asksPakeParameters === true && pake?.shares.length === 0;
}

/** The answer to a client that {@link asksParameters}. */
export function lookUpParameters(
  pake: ServerPake,
  { pake: offer }: ClientHelloExtensions,
): Awaitable<PakeParameters> {
  const { clientIdentity, serverIdentity } = offer!;
  return pake.parameters!({ identity: clientIdentity.slice(), serverIdentity: serverIdentity.slice() });
}

function findShare({ shares }: PakeClientHello): PakeShare | undefined {
  return shares.find(({ scheme }) => scheme === PakeScheme.SPAKE2PLUS_V1);
}

export interface PakeAnswer {
  readonly share: PakeShare;
  /** K_shared, which only a client with the password has, too. */
  readonly sharedKey: Bytes;
  /** Whom the client proves to be by its Finished. */
  readonly client: PeerIdentity;
  readonly login: PakeLogin;
}

/** The answer to the client's share; `undefined` if the server does not want to log this client in by password. */
export function* answerPake(
  path: Path,
  pake: ServerPake,
  offer: PakeClientHello,
): Procedure<PakeAnswer | undefined> {
  const share = findShare(offer);
  if (share === undefined) {
    throw fault("illegal_parameter", "missing_pake_share", "the second ClientHello lacks a PAKE share");
  }
  const [identity, serverIdentity] = [offer.clientIdentity.slice(), offer.serverIdentity.slice()];
  const login = yield* settled(pake.begin({ identity, serverIdentity, path }));
  if (login === undefined) return undefined;
  const answer = yield* settled(login.respond(share.message.slice()));
  return {
    share: { scheme: share.scheme, message: answer.message },
    sharedKey: answer.sharedKey,
    client: {
      kind: "password",
      identity,
      ...(login.registration === undefined ? {} : { registration: login.registration }),
    },
    login,
  };
}

// Both

/** What goes into the key schedule in the place of (EC)DHE: "K_shared || (EC)DHE". Erases what it is made of. */
export function joinSecrets(...secrets: (Bytes | undefined)[]): Bytes {
  const present = secrets.filter((secret) => secret !== undefined);
  const joined = concatBytes(...present);
  for (const secret of present) secret.fill(0);
  return joined;
}
