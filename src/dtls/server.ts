/**
 * The server's handshake; its flights are drawn in client.ts. A cookie exchange that kept no state comes before it
 * (cookie.ts) and hands over what the cookie carried.
 */
import type { Bytes } from "../core/bytes.ts";
import { MAX_CONNECTION_ID } from "../core/index.ts";
import type { Agreement, HashName, NamedGroup } from "../crypto/provider.ts";
import type { SealgramError } from "../errors.ts";
import { checkCertificateRequest } from "../tls/client-checks.ts";
import { CertificateType, HandshakeType, ProtocolVersion } from "../tls/codepoints.ts";
import type { EncryptedExtensionsExtensions, KeyShareEntry } from "../tls/extensions.ts";
import {
  type ClientHello,
  decodeClientHello,
  encodeHelloRetryRequest,
  encodeServerHello,
  offeredExtensions,
  randomLength,
} from "../tls/hello.ts";
import type { ApplicationSecrets } from "../tls/key-schedule.ts";
import { encodeCertificateRequest, encodeEncryptedExtensions } from "../tls/messages.ts";
import {
  checkRetriedClientHello,
  type RetryExpectation,
  type RetryRequest,
  retryExtensions,
  retryFingerprint,
} from "../tls/retry.ts";
import {
  acceptsPskWithDhe,
  checkClientHello,
  selectApplicationProtocol,
  selectCertificateType,
  selectCipherSuite,
  selectGroup,
} from "../tls/server-choices.ts";
import type { SuiteParameters } from "../tls/suites.ts";
import { Transcript } from "../tls/transcript.ts";
import { fault } from "../tls/wire.ts";
import type { Credential, PeerIdentity, ServerConfig } from "./config.ts";
import { demandOf, findCredential, noCredential, showsCredentialFirst } from "./credential.ts";
import {
  acceptedSchemes,
  HANDSHAKE_EPOCH,
  Handshake,
  type HandshakeParts,
  type HandshakeResult,
  type Side,
} from "./handshake.ts";
import { answerPake, asksParameters, joinSecrets, lookUpParameters, offersPake } from "./pake.ts";
import { expectMessage, nextMessage, type Procedure, settled, unexpectedMessage } from "./procedure.ts";
import { type SelectedPsk, selectPsk, verifyBinder } from "./server-psk.ts";
import { makeTickets } from "./server-tickets.ts";

/** What a valid cookie tells of the exchange that was not kept. */
export interface StatelessRetry extends RetryExpectation {
  /** Of the transcript; the cipher suite's number; and the hash of the first ClientHello under it. */
  readonly hash: HashName;
  readonly cipherSuite: number;
  readonly clientHello1Hash: Bytes;
  /** As it was sent. */
  readonly helloRetryRequest: Bytes;
}

interface Selection {
  readonly psk: SelectedPsk | undefined;
  readonly suite: SuiteParameters;
}

/**
 * A server.
 * @param retry the cookie exchange that went before, if there was one
 */
export function asServer(config: ServerConfig, retry?: StatelessRetry): Side {
  return {
    config,
    firstSequenceNumber: retry === undefined ? 0 : 1,
    handshake(parts) {
      const handshake = new Handshake(parts, config, "server", retry && transcriptOf(parts, retry));
      return handshake.run(serverHandshake(handshake, config, retry));
    },
  };
}

function transcriptOf(
  { crypto }: HandshakeParts,
  { hash, clientHello1Hash, helloRetryRequest }: StatelessRetry,
): Transcript {
  return Transcript.afterRetry(crypto, hash, clientHello1Hash, helloRetryRequest);
}

function* serverHandshake(
  handshake: Handshake,
  config: ServerConfig,
  stateless?: StatelessRetry,
): Procedure<HandshakeResult> {
  const { transcript, parts } = handshake;

  // ClientHello, and what to choose of it
  let message = (yield* expectMessage(HandshakeType.client_hello)).bytes;
  let hello = readClientHello(message);
  let retry: RetryExpectation | undefined = stateless;
  if (retry !== undefined) {
    handshake.expectProtection();
    checkRetry(handshake, hello, message, retry);
  }
  let selection = yield* select(handshake, config, hello, stateless?.hash);
  let exchange = selectExchange(config, hello, selection.psk);
  parts.reliability.selectVersion();
  if (exchange.isIncomplete) {
    if (retry !== undefined) throw stillIncomplete();
    const request = yield* retryRequest(config, hello, exchange);
    retry = sendRetry(handshake, message, selection.suite, request);
    message = (yield* expectMessage(HandshakeType.client_hello)).bytes;
    hello = readClientHello(message);
    checkRetry(handshake, hello, message, retry);
    selection = yield* select(handshake, config, hello, selection.suite.hash, selection.psk);
    exchange = selectExchange(config, hello, selection.psk);
    if (exchange.isIncomplete) throw stillIncomplete();
  } else if (retry === undefined) transcript.selectHash(selection.suite.hash);
  handshake.expectProtection();
  const { psk, suite } = selection;
  if (stateless !== undefined && suite.suite !== stateless.cipherSuite) {
    throw fault("illegal_parameter", "changed_client_hello", "the second ClientHello leads to another suite");
  }
  handshake.clientRandom = hello.random.slice();
  // Before a login is counted and costs something.
  const applicationProtocol = selectApplicationProtocol(
    hello.extensions.applicationProtocols,
    config.applicationProtocols,
    config.requireApplicationProtocol ?? true,
  );
  const pake = exchange.usesPake
    ? yield* answerPake(parts.path(), config.pake!, hello.extensions.pake!)
    : undefined;
  if (pake !== undefined) handshake.keep(pake.sharedKey);
  const credential = psk === undefined && pake === undefined ? chooseCredential(config, hello) : undefined;
  if (pake === undefined && exchange.share === undefined) selectGroup(hello.extensions, config.groups);

  // ServerHello
  const schedule = handshake.keySchedule(suite.hash, psk?.key);
  if (psk !== undefined) verifyBinder(handshake, schedule, hello, message, psk);
  transcript.add(message);
  const { group, share } = exchange;
  const agreement: Agreement | undefined =
    share === undefined ? undefined : yield* settled(parts.crypto.respondKeyShare(group!, share.keyExchange));
  const serverHello = encodeServerHello({
    random: parts.crypto.random(randomLength),
    cipherSuite: suite.suite,
    extensions: {
      supportedVersion: ProtocolVersion.dtls1_3,
      ...(agreement === undefined ? {} : { keyShare: { group: group!, keyExchange: agreement.publicKey } }),
      ...(pake === undefined ? {} : { pake: pake.share }),
      ...(psk === undefined ? {} : { selectedIdentity: psk.index }),
      ...connectionIds(handshake, hello),
    },
  });
  transcript.add(serverHello);
  const secret = joinSecrets(pake?.sharedKey, agreement?.secret);
  const secrets = schedule.handshake(secret, transcript.digest());
  handshake.keep(secrets.client, secrets.server);
  secret.fill(0);

  // The rest of the flight
  const clientType = credential === undefined ? undefined : requestedClientType(config, hello);
  const flight: Bytes[] = [
    encodeEncryptedExtensions(
      encryptedExtensions(config, hello, applicationProtocol, credential, clientType, psk),
    ),
  ];
  transcript.add(flight[0]!);
  if (clientType !== undefined) {
    const request = { context: new Uint8Array(0), extensions: { signatureAlgorithms: acceptedSchemes } };
    checkCertificateRequest(request);
    flight.push(encodeCertificateRequest(request));
    transcript.add(flight[1]!);
  }
  if (credential !== undefined) {
    flight.push(...(yield* handshake.authenticate(credential, hello.extensions.signatureAlgorithms)));
  }
  flight.push(handshake.finished(schedule, secrets));
  handshake.installHandshakeKeys(suite, secrets);
  parts.reliability.sendFlight([
    { epoch: 0, bytes: serverHello },
    ...flight.map((bytes) => ({ epoch: HANDSHAKE_EPOCH, bytes })),
  ]);
  const application = schedule.application(transcript.digest());
  handshake.keep(application.client, application.server, application.exporter);
  handshake.logApplicationSecrets(application, application.exporter);
  handshake.installApplicationWrite(suite, application);

  // The client's flight
  let peer = psk?.peer ?? pake?.client;
  if (clientType !== undefined) peer = yield* receiveClientCertificate(handshake, config, clientType);
  yield* handshake.receiveFinished(schedule, secrets);
  pake?.login.succeeded?.();
  const resumptionSecret = schedule.resumption(transcript.digest());
  handshake.keep(resumptionSecret);
  const { serverName } = hello.extensions;
  const postHandshake = acceptsPskWithDhe(hello.extensions)
    ? yield* makeTickets(handshake, config, { suite, peer, resumptionSecret }, psk)
    : [];
  // Last, for data is delivered from here on.
  handshake.installApplicationRead(suite, application);
  return {
    suite,
    peer,
    resumed: psk?.origin === "resumption",
    group,
    applicationProtocol,
    serverName,
    clientRandom: handshake.clientRandom,
    exporterSecret: application.exporter,
    resumptionSecret: undefined,
    ticketHolder: undefined,
    applicationSecrets: trafficSecretsOf(application),
    usedHelloRetryRequest: retry !== undefined,
    returnRoutabilityCheck:
      usesConnectionIds(handshake, hello) && hello.extensions.returnRoutabilityCheck === true,
    postHandshake,
  };
}

function trafficSecretsOf({ client, server }: ApplicationSecrets) {
  return { client, server };
}

// ClientHello

function readClientHello(message: Bytes): ClientHello {
  const hello = decodeClientHello(message);
  checkClientHello(hello);
  return hello;
}

function checkRetry(handshake: Handshake, hello: ClientHello, message: Bytes, retry: RetryExpectation): void {
  checkRetriedClientHello(hello, retryFingerprint(handshake.crypto, message, retry), retry);
}

interface Exchange {
  readonly usesPake: boolean;
  /** None for a PAKE without (EC)DHE. */
  readonly group: NamedGroup | undefined;
  readonly share: KeyShareEntry | undefined;
  /** Whether there is something to ask for in a HelloRetryRequest. */
  readonly isIncomplete: boolean;
}

function selectExchange(config: ServerConfig, hello: ClientHello, psk: SelectedPsk | undefined): Exchange {
  const { extensions } = hello;
  const usesPake =
    psk === undefined && offersPake(config.pake, extensions) && !showsCredentialFirst(config, hello);
  const lacksPakeShare = usesPake && asksParameters(config.pake!, extensions);
  // Without (EC)DHE there is a PAKE or nothing, which turns out when it is looked for.
  if (psk === undefined && extensions.pake !== undefined && extensions.keyShares === undefined) {
    return { usesPake, group: undefined, share: undefined, isIncomplete: lacksPakeShare };
  }
  const { group, share } = selectGroup(extensions, config.groups);
  return { usesPake, group, share, isIncomplete: share === undefined || lacksPakeShare };
}

function* retryRequest(
  { pake }: ServerConfig,
  { extensions }: ClientHello,
  { usesPake, group, share }: Exchange,
): Procedure<RetryRequest> {
  const pakeParameters =
    usesPake && asksParameters(pake!, extensions)
      ? yield* settled(lookUpParameters(pake!, extensions))
      : undefined;
  return { selectedGroup: share === undefined ? group : undefined, pakeParameters };
}

function stillIncomplete(): SealgramError {
  return fault("illegal_parameter", "missing_key_share", "no share as asked for");
}

/** Sends a HelloRetryRequest for a share, keeping state: the cookie exchange is over, or switched off. */
function sendRetry(
  { transcript, crypto, parts }: Handshake,
  clientHello: Bytes,
  suite: SuiteParameters,
  request: RetryRequest,
): RetryExpectation {
  const fingerprint = retryFingerprint(crypto, clientHello, request);
  transcript.selectHash(suite.hash);
  transcript.add(clientHello);
  transcript.replaceByMessageHash(suite.hash);
  const message = encodeHelloRetryRequest({
    cipherSuite: suite.suite,
    extensions: retryExtensions(request),
  });
  transcript.add(message);
  parts.reliability.sendHelloRetryRequest(message);
  return { ...request, cookie: undefined, fingerprint };
}

/** The PSK, if one is to be used, and the suite. */
function* select(
  handshake: Handshake,
  config: ServerConfig,
  hello: ClientHello,
  hash?: HashName,
  before?: SelectedPsk,
): Procedure<Selection> {
  const psk = yield* selectPsk(handshake, config, hello, hash);
  if (before !== undefined && psk === undefined) {
    const { preSharedKey } = hello.extensions;
    if (preSharedKey === undefined) {
      throw fault("missing_extension", "missing_extension", "the second ClientHello lacks pre_shared_key");
    }
    throw fault("illegal_parameter", "psk_gone", "the second ClientHello lacks the PSK that was selected");
  }
  const suite = selectCipherSuite(hello.cipherSuites, config.cipherSuites, psk?.hash ?? hash);
  return { psk, suite };
}

// The server's flight

/** A client whose connection ID is longer than records here can have does without (RFC 9147 §9 has up to 255 bytes). */
function usesConnectionIds({ parts }: Handshake, { extensions }: ClientHello): boolean {
  const { connectionId } = extensions;
  if (connectionId === undefined || parts.ownConnectionId === undefined) return false;
  return connectionId.length <= MAX_CONNECTION_ID;
}

function connectionIds(handshake: Handshake, hello: ClientHello) {
  if (!usesConnectionIds(handshake, hello)) return {};
  const { connectionId, returnRoutabilityCheck } = hello.extensions;
  handshake.parts.useConnectionIds(new Uint8Array(connectionId!));
  return {
    connectionId: handshake.parts.ownConnectionId!,
    ...(returnRoutabilityCheck ? { returnRoutabilityCheck } : {}),
  };
}

/** @throws SealgramError handshake_failure, or another that the configuration has for an unknown PSK */
function chooseCredential(config: ServerConfig, hello: ClientHello): Credential {
  const { credentials, unknownPskAlert = "unknown_psk_identity" } = config;
  const demand = demandOf(hello);
  const credential = findCredential(credentials, demand);
  if (credential !== undefined) return credential;
  if (hello.extensions.preSharedKey === undefined) throw noCredential(credentials, demand);
  if (!acceptsPskWithDhe(hello.extensions)) {
    throw fault("handshake_failure", "no_shared_psk_mode", "the client offers PSKs without (EC)DHE only");
  }
  throw fault(unknownPskAlert, "unknown_psk_identity", "no PSK that the client offers is known");
}

/** As what the client is asked to show its key, if it is. One that could only be refused is not asked unless it has to be. */
function requestedClientType(
  { verifyClient, requireClientCertificate }: ServerConfig,
  { extensions }: ClientHello,
): CertificateType | undefined {
  if (verifyClient === undefined) return undefined;
  const { certificateTypes } = verifyClient;
  const offered = extensions.clientCertificateTypes ?? [CertificateType.X509];
  if (!requireClientCertificate && !certificateTypes.some((type) => offered.includes(type))) return undefined;
  return selectCertificateType(offered, certificateTypes);
}

function encryptedExtensions(
  config: ServerConfig,
  { extensions }: ClientHello,
  applicationProtocol: string | undefined,
  credential: Credential | undefined,
  clientType: CertificateType | undefined,
  psk: SelectedPsk | undefined,
): EncryptedExtensionsExtensions {
  const { serverName, clientCertificateTypes, serverCertificateTypes } = extensions;
  return {
    ...(serverName !== undefined && config.acknowledgeServerName && psk?.origin !== "resumption"
      ? { serverName: true }
      : {}),
    ...(applicationProtocol === undefined ? {} : { applicationProtocol }),
    ...(clientCertificateTypes !== undefined && clientType !== undefined
      ? { clientCertificateType: clientType }
      : {}),
    ...(serverCertificateTypes !== undefined && credential !== undefined
      ? { serverCertificateType: credential.type }
      : {}),
  };
}

// The client's flight

function* receiveClientCertificate(
  handshake: Handshake,
  { verifyClient, requireClientCertificate }: ServerConfig,
  type: CertificateType,
): Procedure<PeerIdentity | undefined> {
  const message = yield* nextMessage();
  if (message.type !== HandshakeType.certificate) throw unexpectedMessage(message.type);
  const offered = offeredExtensions({ extensions: {} });
  const peer = yield* handshake.authenticatePeer(message.bytes, type, offered, verifyClient!);
  if (peer === undefined && requireClientCertificate) {
    throw fault("certificate_required", "certificate_required", "the client shows no certificate");
  }
  return peer;
}
